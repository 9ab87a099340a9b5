// The ends of connections, and after which of them the client may reconnect.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Companion } from '../src/companion.mjs'
import { Simulator } from '../src/simulator.mjs'
import { until } from '../src/until.mjs'

const LOGGED_OUT = 401
const LOST = 408
const CLOSED = 428
const REPLACED = 440
const UNAVAILABLE = 503
let sim
const companions = []

async function linked(account, settings) {
	companions.push(await Companion.linked(sim, account, settings))
	return companions.at(-1)
}

/** Proves that the device is connected again: a message reaches it. */
async function assertReceives(device, account, from) {
	const text = `still there? ${device.messages.length}`
	await sim.post('/peer/send', { from, to: account, text, by: 'lid' })
	await device.received(text)
}

async function assertReturns(device, account, from) {
	device.connect()
	await device.online()
	await assertReceives(device, account, from)
}

before(async () => { sim = await Simulator.start() })
afterEach(async () => {
	await sim.post('/fault', { kind: 'clear' })
	await Promise.all(companions.splice(0).map(each => each.dispose()))
	await sim.assertClean()
})
after(() => sim.stop())

test('a second connection with the same credentials replaces the first', async () => {
	const [account, from] = ['+15550170001', '+15550170011']
	const device = await linked(account)
	const first = device.socket
	const ended = new Promise(resolve => first.ev.on('connection.update', ({ lastDisconnect }) => lastDisconnect && resolve(lastDisconnect.error)))
	device.connect()
	await device.online()
	const error = await ended
	assert.equal(error.output.statusCode, REPLACED)
	assert.match(error.message, /conflict/)
	await assertReceives(device, account, from)
})

test('a replaced fault ends the connection', async () => {
	const account = '+15550170002'
	const device = await linked(account)
	await sim.post('/fault', { account, kind: 'replaced' })
	assert.equal(await device.closed(), REPLACED)
})

test('a device unlinked on the phone is notified, and cannot log in again', async () => {
	const account = '+15550170003'
	const device = await linked(account)
	await sim.post('/phone/unlink', { account })
	assert.equal(await device.closed(), LOGGED_OUT)
	assert.deepEqual(await sim.get('/phone/devices', { account }), [])
	for (let attempt = 0; attempt < 2; attempt++) {
		device.connect()
		assert.equal(await device.closed(), LOGGED_OUT)
	}
})

test('a device unlinked while it was offline is notified at its next login', async () => {
	const account = '+15550170004'
	const device = await linked(account)
	await device.disconnect()
	await sim.post('/phone/unlink', { account })
	device.connect()
	assert.equal(await device.closed(), LOGGED_OUT)
})

test('a device that logs out is removed from the phone', async () => {
	const account = '+15550170005'
	const device = await linked(account)
	await device.socket.logout()
	await until('no device', async () => (await sim.get('/phone/devices', { account })).length === 0)
})

test('a device_removed fault logs the device out', async () => {
	const account = '+15550170006'
	const device = await linked(account)
	await sim.post('/fault', { account, kind: 'device_removed' })
	assert.equal(await device.closed(), LOGGED_OUT)
	assert.match(device.failure.message, /conflict/)
})

test('503 ends the stream, and the next login succeeds', async () => {
	const [account, from] = ['+15550170007', '+15550170017']
	const device = await linked(account)
	await sim.post('/fault', { account, kind: 'stream_error', code: UNAVAILABLE })
	assert.equal(await device.closed(), UNAVAILABLE)
	await assertReturns(device, account, from)
})

for (const reason of [401, 402, 403, 405, 406, 409, 503]) {
	test(`failure ${reason} at login is reported as such`, async () => {
		const account = `+15550171${reason}`
		const device = await linked(account)
		await device.disconnect()
		await sim.post('/fault', { account, kind: 'failure', reason, ...(reason === 402 ? { expire: 3600 } : {}) })
		device.connect()
		assert.equal(await device.closed(), reason)
		if (reason === 402) assert.equal(Number(device.failure.data.expire), 3600)
	})
}

test('a dropped socket is a lost connection, and the next login succeeds', async () => {
	const [account, from] = ['+15550170008', '+15550170018']
	const device = await linked(account)
	await sim.post('/fault', { account, kind: 'drop' })
	assert.equal(await device.closed(), CLOSED)
	await assertReturns(device, account, from)
})

test('a silent server is detected', async () => {
	const account = '+15550170009'
	const device = await linked(account, { keepAliveIntervalMs: 1000 })
	await sim.post('/fault', { account, kind: 'half_open' })
	await until('Baileys to give up', () => device.socket.ws.isClosing, 40_000)
	device.break() // a half-open server does not answer the close frame either
	assert.equal(await device.closed(), LOST)
})

test('a delay does not end the connection', async () => {
	const [account, from] = ['+15550170010', '+15550170020']
	const device = await linked(account)
	await sim.post('/fault', { account, kind: 'delay', ms: 50 })
	await assertReceives(device, account, from)
})

test('the client connects after refused connections', async () => {
	const [account, from] = ['+15550170021', '+15550170022']
	const device = await linked(account)
	await device.disconnect()
	await sim.post('/fault', { kind: 'refuse', count: 2 })
	for (let attempt = 0; attempt < 2; attempt++) {
		device.connect()
		await device.closed()
	}
	await assertReturns(device, account, from)
})

test('after a restart of the server every device logs in again', async () => {
	const accounts = ['+15550170023', '+15550170024']
	const devices = [await linked(accounts[0]), await linked(accounts[1])]
	await sim.post('/fault', { kind: 'restart' })
	for (const [n, device] of devices.entries()) {
		assert.equal(await device.closed(), CLOSED)
		await assertReturns(device, accounts[n], '+15550170025')
	}
})
