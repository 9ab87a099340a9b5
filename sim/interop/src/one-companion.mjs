// For test files with one simulator and one linked companion, which are started before the tests and checked after each.

import { after, afterEach, before } from 'node:test'
import { Companion } from './companion.mjs'
import { overPlainHttp } from './plain-http.mjs'
import { Simulator } from './simulator.mjs'
import { until } from './until.mjs'

/** The simulator and the companion. Assigned before the tests of a file run. */
export let sim
export let device

/**
 * Links a companion to an account. `media` makes it use the simulator's media host, `lenient` is that of
 * `Simulator.start`, `prepare` runs once it is linked, and other settings are for the companion.
 */
export function linkOne(account, { media = false, lenient, prepare, ...settings } = {}) {
	before(async () => {
		sim = await Simulator.start({ lenient })
		if (media) overPlainHttp(sim.media)
		device = await Companion.linked(sim, account, settings)
		await prepare?.()
	})
	afterEach(async () => {
		await until('an empty queue', async () => (await sim.queued(account)).length === 0)
		await sim.assertClean()
	})
	after(async () => {
		await device?.dispose()
		await sim.stop()
	})
}
