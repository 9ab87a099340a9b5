// A session with `openclawctl mcp`: by the official client, or line by line.

import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ReadBuffer, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js'

const ANSWER_MS = 30_000

/** The SDK's transport over stdin and stdout, for a process that the agent's harness has started. */
class Pipes {
	#child
	#buffer = new ReadBuffer()

	constructor(child) {
		this.#child = child
	}

	async start() {
		this.#child.stdout.on('data', data => {
			this.#buffer.append(data)
			for (;;) {
				const message = this.#buffer.readMessage() // throws on anything that is not of the protocol
				if (message === null) return
				this.onmessage?.(message)
			}
		})
		this.#child.once('close', () => this.onclose?.())
	}

	async send(message) {
		this.#child.stdin.write(serializeMessage(message))
	}

	async close() {
		this.#child.stdin.end()
	}
}

/** A session of the official client. */
export class Session {
	#child
	#ended
	client
	log = ''

	/** Starts `openclawctl mcp` with these arguments. */
	static async open(agent, ...args) {
		const session = new Session()
		session.#child = agent.piped('mcp', ...args)
		session.#ended = once(session.#child, 'close')
		session.#child.stderr.on('data', data => { session.log += data })
		session.client = new Client({ name: 'openclaw-test', version: '0' })
		await session.client.connect(new Pipes(session.#child))
		await session.client.listTools() // from now on the client validates results by the tools' schemas
		return session
	}

	/** The structured result of a tool. */
	async call(name, args = {}) {
		const result = await this.client.callTool({ name, arguments: args })
		if (result.isError) throw Object.assign(new Error(result.content[0].text), JSON.parse(result.content[0].text))
		return result.structuredContent
	}

	/** Closes stdin, and returns the exit status. */
	async close() {
		await this.client.close()
		const [status] = await this.#ended
		return status
	}
}

/** A session by bare lines, for what no proper client does. */
export class Lines {
	#child
	#ended
	#seen = []
	#waiting = []

	static start(agent, ...args) {
		const lines = new Lines()
		lines.#child = agent.piped('mcp', ...args)
		lines.#ended = once(lines.#child, 'close')
		createInterface({ input: lines.#child.stdout }).on('line', line => {
			const message = JSON.parse(line)
			const found = lines.#waiting.findIndex(({ matches }) => matches(message))
			if (found >= 0) lines.#waiting.splice(found, 1)[0].resolve(message)
			else lines.#seen.push(message)
		})
		return lines
	}

	write(text) {
		this.#child.stdin.write(`${text}\n`)
	}

	send(message) {
		this.write(JSON.stringify({ jsonrpc: '2.0', ...message }))
	}

	/** Sends a request, and waits for its response. */
	async ask(id, method, params) {
		this.send({ id, method, params })
		return this.answer(message => message.id === id && message.method === undefined)
	}

	async call(id, name, args) {
		return this.ask(id, 'tools/call', { name, arguments: args })
	}

	async answer(matches) {
		const found = this.#seen.findIndex(matches)
		if (found >= 0) return this.#seen.splice(found, 1)[0]
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error('no answer')), ANSWER_MS)
			this.#waiting.push({ matches, resolve: message => { clearTimeout(timer); resolve(message) } })
		})
	}

	async initialize() {
		const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'lines', version: '0' } }
		const answer = await this.ask('init', 'initialize', params)
		this.send({ method: 'notifications/initialized' })
		return answer
	}

	interrupt() {
		this.#child.kill('SIGINT')
	}

	async end() {
		this.#child.stdin.end()
		const [status] = await this.#ended
		return status
	}
}
