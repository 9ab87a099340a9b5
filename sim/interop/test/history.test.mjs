// A device's requests to its phone: older messages of a chat, and messages that it could not decrypt. And logout.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Companion } from '../src/companion.mjs'
import { device, linkOne, sim } from '../src/one-companion.mjs'
import { until } from '../src/until.mjs'

const [ACCOUNT, PEER, LEAVER, WRAPPER] = ['+15550159001', '+15550159011', '+15550159002', '+15550159003']

const answers = answers => sim.post('/phone/answers', { account: ACCOUNT, ...answers })
const textOf = ({ message }) => message?.conversation || message?.extendedTextMessage?.text

/** Baileys wraps a request to its phone as a copy of a message to another person; this unwraps it. */
function unwrapped(message) {
	const inner = message.deviceSentMessage?.message
	return inner?.protocolMessage?.peerDataOperationRequestMessage ? inner : message
}

async function fillChat() {
	for (let i = 0; i < 5; i++) await sim.post('/peer/send', { from: PEER, to: ACCOUNT, text: `number ${i}` })
	await device.received('number 4')
}

linkOne(ACCOUNT, { media: true, prepare: fillChat, patchMessageBeforeSending: unwrapped })

test('a request in its wrapper is answered', async () => {
	const wrapping = await Companion.linked(sim, WRAPPER)
	await sim.post('/peer/send', { from: PEER, to: WRAPPER, text: 'the older' })
	await sim.post('/peer/send', { from: PEER, to: WRAPPER, text: 'the newer' })
	const sets = wrapping.collect('messaging-history.set')
	const oldest = await wrapping.received('the newer')
	await wrapping.socket.fetchMessageHistory(1, oldest.key, Number(oldest.messageTimestamp) * 1000)
	await until('the history', () => sets[0])
	await wrapping.dispose()
})

// Baileys reports each message of a history once.
for (const [history, before, older] of [['hosted', 'number 4', ['number 2', 'number 3']], ['inline', 'number 2', ['number 0', 'number 1']]]) {
	test(`older messages arrive on request (${history})`, async () => {
		await answers({ history })
		const sets = device.collect('messaging-history.set')
		const oldest = await device.received(before)
		const request = await device.socket.fetchMessageHistory(2, oldest.key, Number(oldest.messageTimestamp) * 1000)
		const { messages, syncType, peerDataRequestSessionId } = await until('the history', () => sets[0])
		assert.deepEqual([syncType, peerDataRequestSessionId], [6, request])
		assert.deepEqual(messages.map(textOf).sort(), older)
		for (const { key } of messages) assert.equal(key.fromMe, false)
	})
}

test('a message that is unavailable to the device is sent by the phone', async () => {
	const { id } = await sim.post('/peer/unopenable', { from: PEER, to: ACCOUNT, as: 'unavailable', content: { text: 'from the phone' } })
	const { key } = await device.received('from the phone')
	assert.equal(key.id, id)
})

test('a message that is requested by its key is sent again', async () => {
	const { key } = await device.received('number 0')
	const before = device.messages.length
	const request = await device.socket.requestPlaceholderResend(key)
	assert.match(request, /^3EB0/)
	await until('the message', () => device.messages.slice(before).some(message => message.key.id === key.id && textOf(message) === 'number 0'))
})

test('a device that logs out is no longer linked', async () => {
	const leaver = await Companion.linked(sim, LEAVER)
	await leaver.socket.logout()
	assert.equal(await leaver.closed(), 401)
	assert.deepEqual(await sim.get('/phone/devices', { account: LEAVER }), [])
	leaver.connect()
	assert.equal(await leaver.closed(), 401)
	await leaver.dispose()
})
