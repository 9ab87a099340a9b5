// The simulator as a process of its own: started on free ports, driven through its control interface, stopped.
//
// Paths and bodies are those of sim/README.md; nothing here knows the WhatsApp protocol.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { trustRoot } from './baileys.mjs'

const BINARY = process.env.OPENCLAW_SIM ?? fileURLToPath(new URL('../../../target/debug/openclaw-sim', import.meta.url))
const START_MS = 10_000
const LOG_LINES_KEPT = 200

export class Simulator {
	#process
	#log = []
	/** Where clients connect, and where the control interface listens. */
	listen
	control

	/**
	 * Starts the binary and makes Baileys trust its root certificate. Baileys rc14 has no token for people who never wrote to
	 * the account: only tests of tokens ask for them.
	 */
	static async start({ lenient = ['tokens'] } = {}) {
		const simulator = new Simulator()
		await simulator.#spawn(lenient)
		await simulator.trust()
		return simulator
	}

	async #spawn(lenient) {
		const rules = lenient.length > 0 ? ['--lenient', lenient.join(',')] : []
		const child = spawn(BINARY, ['--listen', '127.0.0.1:0', '--control', '127.0.0.1:0', ...rules, ...(process.env.SIMLOG ? ['--log', process.env.SIMLOG] : [])], { stdio: ['ignore', 'pipe', 'pipe'] })
		this.#process = child
		process.once('exit', () => child.kill()) // a test file that is cut short stops nothing by itself
		createInterface({ input: child.stderr }).on('line', line => {
			this.#log.push(line)
			if (this.#log.length > LOG_LINES_KEPT) this.#log.shift()
		})
		const lines = createInterface({ input: child.stdout })
		const failed = Promise.race([
			once(child, 'error').then(([error]) => Promise.reject(error)),
			once(child, 'exit').then(([code]) => Promise.reject(new Error(`simulator ended with ${code}: ${this.#log.join('\n')}`)))
		])
		failed.catch(() => {}) // it also loses the race below, when the simulator is stopped
		const [ready] = await Promise.race([once(lines, 'line', { signal: AbortSignal.timeout(START_MS) }), failed])
		lines.on('line', line => this.#log.push(line))
		Object.assign(this, JSON.parse(ready))
	}

	/** Makes Baileys take this simulator's root key for WhatsApp's. */
	async trust() {
		trustRoot((await this.get('/cert')).root)
	}

	async get(path, query = {}) {
		return this.#call(`${path}?${new URLSearchParams(query)}`)
	}

	async post(path, body = {}) {
		return this.#call(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
	}

	async #call(path, init) {
		const answer = await fetch(this.control + path, init)
		const body = await answer.json()
		if (!answer.ok) throw Object.assign(new Error(`${path}: ${body.error}`), { status: answer.status, body })
		return body
	}

	/** Ids of the stanzas of `kind` that the account's companion has acked, in order. */
	async acked(account, kind = 'message') {
		return (await this.get('/acks', { account })).filter(ack => ack.class === kind).map(ack => ack.id)
	}

	/** Ids of the messages that the account's companion has still to ack. */
	async queued(account) {
		return (await this.get('/queue', { account })).map(entry => entry.id ?? entry)
	}

	/** Fails if a client broke a rule of the protocol, or if next to nothing was checked. */
	async assertClean(atLeast = 3) {
		const { violations, checks } = await this.get('/verify')
		assert.deepEqual(violations, [])
		assert.ok(checks >= atLeast, `only ${checks} checks were made`)
	}

	/** The last lines that the simulator logged. */
	log() {
		return this.#log.join('\n')
	}

	async stop() {
		if (this.#process.exitCode !== null) return
		this.#process.kill('SIGTERM')
		await once(this.#process, 'exit')
	}
}
