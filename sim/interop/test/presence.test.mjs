// Online state, typing and calls, in both directions.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Companion, chatOf } from '../src/companion.mjs'
import { Simulator } from '../src/simulator.mjs'
import { until } from '../src/until.mjs'

const [ACCOUNT, OTHER, PEER] = ['+15550158001', '+15550158002', '+15550158011']
let sim
let device
let other

/** The presences that a device is notified of, in order. */
function presences(companion) {
	const updates = companion.collect('presence.update')
	return () => updates.flatMap(({ presences }) => Object.values(presences).map(({ lastKnownPresence }) => lastKnownPresence))
}

before(async () => {
	sim = await Simulator.start()
	device = await Companion.linked(sim, ACCOUNT)
	other = await Companion.linked(sim, OTHER)
	for (const [companion, account, name] of [[device, ACCOUNT, 'Anna'], [other, OTHER, 'Ben']]) {
		await sim.post('/profile/name', { account, name }) // without a name Baileys sends no presence
		await until('the name', () => companion.creds.me.name === name)
	}
})
afterEach(async () => {
	for (const account of [ACCOUNT, OTHER]) await until('an empty queue', async () => (await sim.queued(account)).length === 0)
	await sim.assertClean()
})
after(async () => {
	await device?.dispose()
	await other?.dispose()
	await sim.stop()
})

test("a contact's online state is reported after a subscription", async () => {
	const seen = presences(device)
	await device.socket.presenceSubscribe(chatOf(PEER))
	await sim.post('/presence', { from: PEER, available: true })
	await until('the contact online', () => seen().at(-1) === 'available')
	await sim.post('/presence', { from: PEER, available: false })
	await until('the contact offline', () => seen().at(-1) === 'unavailable')
})

test("a contact's typing, recording and pausing are reported", async () => {
	await device.socket.sendPresenceUpdate('available')
	const seen = presences(device)
	for (const [state, expected] of [['composing', 'composing'], ['recording', 'recording'], ['paused', 'available']]) {
		await sim.post('/typing', { from: PEER, to: ACCOUNT, state })
		await until(state, () => seen().at(-1) === expected)
	}
})

test('two accounts see each other online and typing', async () => {
	const seen = presences(device)
	await device.socket.presenceSubscribe(chatOf(OTHER))
	await other.socket.sendPresenceUpdate('available')
	await until('online', () => seen().at(-1) === 'available')
	for (const [state, expected] of [['composing', 'composing'], ['recording', 'recording'], ['paused', 'available']]) {
		await other.socket.sendPresenceUpdate(state, chatOf(ACCOUNT))
		await until(state, () => seen().at(-1) === expected)
	}
	await other.socket.sendPresenceUpdate('unavailable')
	await until('offline', () => seen().at(-1) === 'unavailable')
	assert.equal((await sim.get('/phone/devices', { account: OTHER }))[0].presence, 'unavailable')
})

test('a call rings, is reported with its details, and ends', async () => {
	const calls = device.collect('call')
	const statuses = () => calls.map(({ status }) => status)
	const { call } = await sim.post('/call', { from: PEER, to: ACCOUNT, kind: 'offer', video: true })
	const offer = await until('the offer', () => calls.find(({ status }) => status === 'offer'))
	assert.deepEqual([offer.id, offer.isVideo, offer.isGroup, offer.callerPn], [call, true, false, chatOf(PEER)])
	await sim.post('/call', { from: PEER, to: ACCOUNT, kind: 'timeout', call })
	await until('its end', () => statuses().at(-1) === 'timeout')
})

test('a group call names its group', async () => {
	const { jid } = await sim.post('/group', { account: ACCOUNT, subject: 'Crew', members: [PEER] })
	const calls = device.collect('call')
	await sim.post('/call', { from: PEER, to: ACCOUNT, kind: 'offer', group: jid })
	const offer = await until('the offer', () => calls[0])
	assert.deepEqual([offer.isGroup, offer.groupJid], [true, jid])
})

test('a rejected call is reported to the caller', async () => {
	const calls = device.collect('call')
	const { call } = await sim.post('/call', { from: PEER, to: ACCOUNT, kind: 'offer' })
	const offer = await until('the offer', () => calls[0])
	await device.socket.rejectCall(offer.id, offer.from)
	await until('the rejection', async () => (await sim.get('/calls', { account: PEER })).some(each => each.call === call && each.kind === 'reject'))
})
