// The agent as it is operated: the process openclaw-agent, built for the simulator, and openclawctl, which carries out every
// command. No code here depends on gRPC.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { until } from './until.mjs'

const built = name => fileURLToPath(new URL(`../../../target/debug/${name}`, import.meta.url))
const AGENT = process.env.OPENCLAW_AGENT_BINARY ?? built('openclaw-agent')
const CLIENT = process.env.OPENCLAW_CTL_BINARY ?? built('openclawctl')
const COMMAND_MS = 20_000
const LOG_LINES_KEPT = 200

const running = new Set()
process.once('exit', () => running.forEach(child => child.kill('SIGKILL'))) // an aborted test file stops no processes by itself

function start(program, args, options) {
	const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
	running.add(child)
	child.once('close', () => running.delete(child))
	return child
}

/** An agent with a folder of its own, and its client. */
export class Agent {
	#process
	#watch
	#log = []
	#downloads = 0
	/** Its folder, which also has room for files to send. */
	folder
	/** What `openclawctl watch` has printed, in order. */
	events = []

	/** Starts an agent without an account. `settings` are variables of its environment. */
	static async unlinked(simulator, settings = {}) {
		const agent = new Agent()
		agent.folder = await mkdtemp(join(tmpdir(), 'openclaw-agent-'))
		await agent.#start(simulator, settings)
		return agent
	}

	/** Starts an agent, and links it to `account` by QR code. */
	static async linked(simulator, account, settings) {
		const agent = await Agent.unlinked(simulator, settings)
		await agent.#pair(simulator, account)
		agent.#follow()
		await until('acks of what the phone sent', async () => (await simulator.queued(account)).length === 0)
		return agent
	}

	async #start(simulator, settings) {
		const volume = join(this.folder, 'volume')
		const args = ['--socket', this.#socket, '--http', '127.0.0.1:0', '--whatsapp-url', simulator.listen, '--auth-dir', volume, '--create-key-file']
		// Without the delays of production, between two messages and before it reports that it is ready.
		const env = { OPENCLAW_SEND_RATE: '0', OPENCLAW_READY_AFTER: '0', ...settings }
		this.#process = start(AGENT, args, { env, cwd: this.folder })
		for (const stream of [this.#process.stdout, this.#process.stderr]) this.#keep(stream)
		await once(this.#process, 'spawn')
		await until('the agent', () => {
			if (this.#process.exitCode !== null) throw new Error(`the agent ended with ${this.#process.exitCode}: ${this.log()}`)
			return this.#log.some(line => line.includes('openclaw-agent started'))
		})
	}

	#keep(stream) {
		createInterface({ input: stream }).on('line', line => {
			this.#log.push(line)
			if (this.#log.length > LOG_LINES_KEPT) this.#log.shift()
		})
	}

	get #socket() {
		return join(this.folder, 'agent.sock')
	}

	async #pair(simulator, account) {
		const child = this.client('pair', '--format', 'raw')
		const ended = result(child)
		const shown = once(createInterface({ input: child.stdout }), 'line')
		const [code] = await Promise.race([shown, ended.then(({ stderr }) => Promise.reject(new Error(`no code: ${stderr}`)))])
		await simulator.post('/phone/scan', { qr: code, account })
		const { status, stderr } = await ended
		if (status !== 0) throw new Error(`pair ended with ${status}: ${stderr}`)
	}

	#follow() {
		this.#watch = this.client('watch', '--from-start', '--json')
		createInterface({ input: this.#watch.stdout }).on('line', line => this.events.push(JSON.parse(line)))
		this.#keep(this.#watch.stderr)
	}

	/** Starts `openclawctl` with these arguments. */
	client(...args) {
		const env = { HOME: this.folder, OPENCLAW_AGENT: `unix:${this.#socket}` }
		return start(CLIENT, args, { env, cwd: this.folder })
	}

	/** Starts `openclawctl` with these arguments, and a stdin to write to. */
	piped(...args) {
		const env = { HOME: this.folder, OPENCLAW_AGENT: `unix:${this.#socket}` }
		return start(CLIENT, args, { env, cwd: this.folder, stdio: ['pipe', 'pipe', 'pipe'] })
	}

	/** Runs `openclawctl` with these arguments to its end. Returns the object that it prints. */
	async ctl(...args) {
		const { status, stdout, stderr } = await result(this.client(...args, '--json'))
		if (status !== 0) throw Object.assign(new Error(`openclawctl ${args[0]} ended with ${status}: ${stderr}`), { status, stderr })
		return JSON.parse(stdout)
	}

	/** Waits for an event that `matches`, and returns it. */
	async event(what, matches) {
		return until(what, () => this.events.find(matches))
	}

	/** Downloads the file of this event. Returns its bytes. */
	async download(seq, ...args) {
		const path = join(this.folder, `download-${++this.#downloads}`)
		await this.ctl('media', 'get', String(seq), '-o', path, ...args)
		return readFile(path)
	}

	/** The last lines of its log. */
	log() {
		return this.#log.join('\n')
	}

	/** Stops it, and removes its folder. */
	async dispose() {
		for (const child of [this.#watch, this.#process]) {
			if (!running.has(child)) continue
			child.kill('SIGTERM')
			await once(child, 'close')
		}
		await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
	}
}

/** The exit status and the output of a command, which is killed if it takes too long. */
export async function result(child, ms = COMMAND_MS) {
	const [stdout, stderr] = [[], []]
	child.stdout.on('data', data => stdout.push(data))
	child.stderr.on('data', data => stderr.push(data))
	const timer = setTimeout(() => child.kill('SIGKILL'), ms)
	const [status] = await once(child, 'close')
	clearTimeout(timer)
	return { status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}
