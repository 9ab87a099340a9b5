// Waits for a condition, never for a fixed time.

import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 10

/** Returns the first truthy value of `probe`; throws an error with `what` if there is none within `ms`. */
export async function until(what, probe, ms = 20_000) {
	const deadline = Date.now() + ms
	for (;;) {
		const value = await probe()
		if (value) return value
		if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`)
		await pause(POLL_MS)
	}
}
