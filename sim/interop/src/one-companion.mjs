// For a file of tests with one simulator and one linked companion: started before the tests, and looked at after each.

import { after, afterEach, before } from 'node:test'
import { Companion } from './companion.mjs'
import { overPlainHttp } from './plain-http.mjs'
import { Simulator } from './simulator.mjs'
import { until } from './until.mjs'

/** The simulator and the companion. Bound anew before the tests of a file run. */
export let sim
export let device

/**
 * Links a companion to an account. `media` sends its files to the simulator's media host, `lenient` is as of
 * `Simulator.start`, `prepare` runs once it is linked, and other settings are the companion's own.
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
