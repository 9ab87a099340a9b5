// Waiting for a condition, never for a length of time.

import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 10

/** The first truthy value of `probe`; an error that names `what` if there is none within `ms`. */
export async function until(what, probe, ms = 20_000) {
	const deadline = Date.now() + ms
	for (;;) {
		const value = await probe()
		if (value) return value
		if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`)
		await pause(POLL_MS)
	}
}
