// The offline queue: stanzas that arrive while the client is offline are delivered at the next login, until they are acked.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Companion, textOf } from '../src/companion.mjs'
import { Simulator } from '../src/simulator.mjs'
import { until } from '../src/until.mjs'

let sim
const companions = []

async function linked(account) {
	companions.push(await Companion.linked(sim, account))
	return companions.at(-1)
}

before(async () => { sim = await Simulator.start() })
afterEach(async () => {
	await Promise.all(companions.splice(0).map(each => each.dispose()))
	await sim.assertClean()
})
after(() => sim.stop())

test('three messages sent while it was offline arrive once each, and are acked', async () => {
	const [account, from] = ['+15550160001', '+15550160011']
	const device = await linked(account)
	await device.disconnect()

	const sent = []
	for (const n of [1, 2, 3]) sent.push((await sim.post('/peer/send', { from, to: account, text: `while away ${n}`, by: 'lid' })).id)
	assert.deepEqual(await sim.queued(account), sent)
	assert.deepEqual((await sim.acked(account)).filter(id => sent.includes(id)), [])

	device.connect()
	await device.online()
	await device.received('while away 3')
	await until('an empty queue', async () => (await sim.queued(account)).length === 0)
	assert.deepEqual(device.texts(), ['while away 1', 'while away 2', 'while away 3'])
	assert.ok(device.messages.filter(textOf).every(({ type }) => type === 'append'))
	assert.deepEqual((await sim.acked(account)).filter(id => sent.includes(id)), sent)
})

test('a message that was delivered but not acked is delivered again, and shown once', async () => {
	const [account, from] = ['+15550160002', '+15550160012']
	const device = await linked(account)
	device.mute()
	const { id } = await sim.post('/peer/send', { from, to: account, text: 'no ack for this', by: 'lid' })
	await device.received('no ack for this')
	assert.deepEqual(await sim.queued(account), [id])
	device.break()
	await device.closed()

	device.connect()
	await device.online()
	await until('an empty queue', async () => (await sim.queued(account)).length === 0)
	assert.equal(device.encryption(id).length, 2)
	assert.deepEqual(device.texts(), ['no ack for this'])
})

test('an acked message is not delivered again', async () => {
	const [account, from] = ['+15550160003', '+15550160013']
	const device = await linked(account)
	const { id } = await sim.post('/peer/send', { from, to: account, text: 'acked at once', by: 'pn' })
	await device.received('acked at once')
	await until('its ack', async () => (await sim.acked(account)).includes(id))

	await device.disconnect()
	device.connect()
	await device.online()
	await sim.post('/peer/send', { from, to: account, text: 'after the return', by: 'pn' })
	await device.received('after the return')
	assert.equal(device.encryption(id).length, 1)
	assert.deepEqual(device.texts(), ['acked at once', 'after the return'])
})

test('group messages are queued too, with the sender key', async () => {
	const [account, from] = ['+15550160004', '+15550160014']
	const device = await linked(account)
	const { jid } = await sim.post('/group', { account, subject: 'Patience', members: [from] })
	await device.disconnect()
	for (const n of [1, 2]) await sim.post('/peer/send', { from, to: account, text: `in the group ${n}`, group: jid, by: 'lid' })

	device.connect()
	await device.online()
	await device.received('in the group 2')
	assert.deepEqual(device.texts(), ['in the group 1', 'in the group 2'])
	await until('an empty queue', async () => (await sim.queued(account)).length === 0)
})

// Baileys sends one request, for a hundred stanzas. Any further ones stay on the server until the next login.
test('a hundred messages in the queue arrive in order', async () => {
	const [account, from, count] = ['+15550160005', '+15550160015', 100]
	const device = await linked(account)
	await device.disconnect()
	await sim.post('/peer/flood', { from, to: account, count })

	device.connect()
	await device.online()
	await until('all of them', () => device.texts().length >= count, 60_000)
	await until('an empty queue', async () => (await sim.queued(account)).length === 0)
	assert.equal(new Set(device.messages.map(({ key }) => key.id)).size, device.messages.length)
	assert.equal(device.texts().length, count)
})
