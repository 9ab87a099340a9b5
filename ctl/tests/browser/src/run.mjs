// A run of a command of `openclawctl` that serves a page.

import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { result } from '../../../../sim/interop/src/agent.mjs'

/** Longer than any test. */
const RUN_MS = 120_000

export class Run {
	#child
	/** Its exit status and output. */
	ended
	/** The address that it printed. */
	address

	static async start(agent, ...args) {
		const run = new Run()
		run.#child = agent.client(...args)
		run.ended = result(run.#child, RUN_MS)
		const line = once(createInterface({ input: run.#child.stdout }), 'line')
		const early = run.ended.then(({ stderr }) => Promise.reject(new Error(`no address: ${stderr}`)))
		early.catch(() => {}) // it also rejects after the race
		;[run.address] = await Promise.race([line, early])
		return run
	}

	/** Ctrl-C. */
	stop() {
		this.#child.kill('SIGINT')
	}

	/** A crash. */
	kill() {
		this.#child.kill('SIGKILL')
	}
}
