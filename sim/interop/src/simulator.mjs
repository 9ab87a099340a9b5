// Runs the simulator as a child process on free ports, and controls it through its control interface.
//
// Paths and bodies are those of sim/README.md. No code here depends on the WhatsApp protocol.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const BINARY = process.env.OPENCLAW_SIM ?? fileURLToPath(new URL('../../../target/debug/openclaw-sim', import.meta.url))
const START_MS = 10_000
const LOG_LINES_KEPT = 200

export class Simulator {
	#process
	#log = []
	/** The address for clients, and that of the control interface. */
	listen
	control

	/**
	 * Starts the binary and makes Baileys trust its root certificate. Baileys rc14 has no privacy token for people who have never
	 * written to the account, so only the tests of tokens require one.
	 */
	static async start({ lenient = ['tokens'] } = {}) {
		const simulator = await Simulator.withoutBaileys({ lenient })
		await simulator.trust()
		return simulator
	}

	/** Starts the binary, for tests in which Baileys is not installed. */
	static async withoutBaileys({ lenient = [] } = {}) {
		const simulator = new Simulator()
		await simulator.#spawn(lenient)
		return simulator
	}

	async #spawn(lenient) {
		const rules = lenient.length > 0 ? ['--lenient', lenient.join(',')] : []
		const child = spawn(BINARY, ['--listen', '127.0.0.1:0', '--control', '127.0.0.1:0', ...rules, ...(process.env.SIMLOG ? ['--log', process.env.SIMLOG] : [])], { stdio: ['ignore', 'pipe', 'pipe'] })
		this.#process = child
		process.once('exit', () => child.kill()) // an aborted test file stops no processes by itself
		createInterface({ input: child.stderr }).on('line', line => {
			this.#log.push(line)
			if (this.#log.length > LOG_LINES_KEPT) this.#log.shift()
		})
		const lines = createInterface({ input: child.stdout })
		const failed = Promise.race([
			once(child, 'error').then(([error]) => Promise.reject(error)),
			once(child, 'exit').then(([code]) => Promise.reject(new Error(`simulator ended with ${code}: ${this.#log.join('\n')}`)))
		])
		failed.catch(() => {}) // it is rejected after the race below too, when the simulator is stopped
		const [ready] = await Promise.race([once(lines, 'line', { signal: AbortSignal.timeout(START_MS) }), failed])
		lines.on('line', line => this.#log.push(line))
		Object.assign(this, JSON.parse(ready))
	}

	/** Makes Baileys use this simulator's root key instead of WhatsApp's. */
	async trust() {
		const { trustRoot } = await import('./baileys.mjs')
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

	/** Ids of the messages that the account's companion has not acked yet. */
	async queued(account) {
		return (await this.get('/queue', { account })).map(entry => entry.id ?? entry)
	}

	/** Fails if a client broke a rule of the protocol, or if almost nothing was checked. */
	async assertClean(atLeast = 3) {
		const { violations, checks } = await this.get('/verify')
		assert.deepEqual(violations, [])
		assert.ok(checks >= atLeast, `only ${checks} checks were made`)
	}

	/** The last lines of the simulator's log. */
	log() {
		return this.#log.join('\n')
	}

	async stop() {
		if (this.#process.exitCode !== null) return
		this.#process.kill('SIGTERM')
		await once(this.#process, 'exit')
	}
}
