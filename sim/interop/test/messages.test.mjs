// One-to-one messages in both directions, by phone number and by LID, and their receipts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chatOf, textOf } from '../src/companion.mjs'
import { device, linkOne, sim } from '../src/one-companion.mjs'
import { until } from '../src/until.mjs'

const ACCOUNT = '+15550130001'
const DELIVERED = 3
const READ = 4
let peers = 0

/** A contact that no other test uses. */
const newPeer = () => `+155501400${String(++peers).padStart(2, '0')}`
const inbox = peer => sim.get('/peer/inbox', { peer })
const arrived = (peer, id) => until(`${id} in the inbox`, async () => (await inbox(peer)).find(message => message.id === id))

linkOne(ACCOUNT)

for (const by of ['lid', 'pn']) {
	test(`receives by ${by}: pkmsg until it has answered, then msg`, async () => {
		const from = newPeer()
		const send = text => sim.post('/peer/send', { from, to: ACCOUNT, text, by })

		const first = await send(`first by ${by}`)
		const message = await device.received(`first by ${by}`)
		const [address, other] = [message.key.remoteJid, message.key.remoteJidAlt]
		assert.match(address, by === 'lid' ? /@lid$/ : /@s\.whatsapp\.net$/)
		assert.equal(by === 'lid' ? other : address, chatOf(from))
		assert.match(by === 'lid' ? address : other, /@lid$/)
		assert.equal(message.type, 'notify')

		const second = await send(`second by ${by}`)
		await device.received(`second by ${by}`)
		await arrived(from, await device.send(address, `answer by ${by}`))
		const third = await send(`third by ${by}`)
		await device.received(`third by ${by}`)

		assert.deepEqual([first, second, third].map(({ id }) => device.encryption(id)), [[['pkmsg']], [['pkmsg']], [['msg']]])
	})
}

test('a peer that changes from LID to phone number keeps its session', async () => {
	const from = newPeer()
	for (const [round, by] of ['lid', 'pn', 'lid', 'pn'].entries()) {
		await sim.post('/peer/send', { from, to: ACCOUNT, text: `change ${round}`, by })
		const message = await device.received(`change ${round}`)
		assert.ok(!message.messageStubType)
	}
})

test('sends to a phone number that has never written; the peer receives the text', async () => {
	const peer = newPeer()
	const id = await device.send(chatOf(peer), 'hello from the account')
	const message = await arrived(peer, id)
	assert.equal(message.text, 'hello from the account')
	assert.equal(message.kind, 'pkmsg')
	assert.equal(message.from, ACCOUNT)
})

test('sends to a LID; the session uses msg once the peer has answered', async () => {
	const peer = newPeer()
	await sim.post('/peer/send', { from: peer, to: ACCOUNT, text: 'my number is my LID', by: 'lid' })
	const { key } = await device.received('my number is my LID')
	const first = await arrived(peer, await device.send(key.remoteJid, 'one'))
	await sim.post('/peer/send', { from: peer, to: ACCOUNT, text: 'and back', by: 'lid' })
	await device.received('and back')
	const second = await arrived(peer, await device.send(key.remoteJid, 'two'))
	assert.deepEqual([first.text, second.text, second.kind], ['one', 'two', 'msg'])
})

test('the server acks sent messages', async () => {
	const acks = []
	device.socket.ws.on('CB:ack,class:message', ({ attrs }) => acks.push(attrs))
	const id = await device.send(chatOf(newPeer()), 'acknowledge me')
	const ack = await until('the ack', () => acks.find(each => each.id === id))
	assert.equal(ack.error, undefined)
	assert.ok(Number(ack.t) > 0)
})

test('delivery and read receipts of the peer arrive, and are acked', async () => {
	const peer = newPeer()
	const id = await device.send(chatOf(peer), 'tell me when you have read it')
	await arrived(peer, id)
	for (const [type, status] of [['delivery', DELIVERED], ['read', READ]]) {
		await sim.post('/peer/receipt', { from: peer, to: ACCOUNT, id, type })
		await until(`a ${type} receipt`, () => device.updates.some(({ key, update }) => key.id === id && update.status === status))
	}
	await until('acks of both', async () => (await sim.acked(ACCOUNT, 'receipt')).filter(each => each === id).length >= 2)
})

test('everything arrives in order, and is acked once', async () => {
	const from = newPeer()
	const sent = []
	for (let n = 0; n < 5; n++) sent.push((await sim.post('/peer/send', { from, to: ACCOUNT, text: `in order ${n}`, by: 'lid' })).id)
	await device.received('in order 4')
	await until('five acks', async () => (await sim.acked(ACCOUNT)).filter(id => sent.includes(id)).length >= 5)
	const mine = ids => ids.filter(id => sent.includes(id))
	assert.deepEqual(mine(device.stanzas.map(({ attrs }) => attrs.id)), sent)
	assert.deepEqual(mine(await sim.acked(ACCOUNT)).sort(), [...sent].sort()) // Baileys does not finish in the order of arrival
})

test('a message written on the phone itself is copied to the device', async () => {
	const peer = newPeer()
	await sim.post('/phone/send', { account: ACCOUNT, to: peer, text: 'written on the phone' })
	const copy = await device.received('written on the phone')
	assert.equal(copy.key.fromMe, true)
	await until('the peer has it too', async () => (await inbox(peer)).some(({ text }) => text === 'written on the phone'))
})

test('texts of every kind are preserved in both directions', async () => {
	const peer = newPeer()
	for (const text of ['kia ora 👋🏽 “quoted”', '\u202eright to left\u202c', 'line\nbreak\ttab', 'x'.repeat(20_000)]) {
		await sim.post('/peer/send', { from: peer, to: ACCOUNT, text, by: 'lid' })
		const { key } = await device.received(text)
		assert.equal((await arrived(peer, await device.send(key.remoteJid, text))).text, text)
	}
})

test('twenty concurrent sends use separate sessions, each in order', async () => {
	const targets = [newPeer(), newPeer()]
	const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => device.send(chatOf(targets[n % 2]), `at once ${n}`)))
	const got = await Promise.all(ids.map((id, n) => arrived(targets[n % 2], id)))
	assert.deepEqual(got.map(({ text }) => text), ids.map((_, n) => `at once ${n}`))
})

test('a device that lost its session requests the message again, with keys, and gets it', async () => {
	const from = newPeer()
	const send = text => sim.post('/peer/send', { from, to: ACCOUNT, text, by: 'lid' })
	await send('before the loss')
	const { key } = await device.received('before the loss')
	await arrived(from, await device.send(key.remoteJid, 'so that msg follows'))

	const address = device.socket.signalRepository.jidToSignalProtocolAddress(key.remoteJid)
	await device.socket.authState.keys.set({ session: { [address]: null } })
	const { id } = await send('after the loss')
	await device.received('after the loss')
	assert.equal(device.messages.filter(message => textOf(message) === 'after the loss').length, 1)
	const kinds = device.encryption(id).flat()
	assert.deepEqual([kinds.at(0), kinds.at(-1)], ['msg', 'pkmsg'])
})

test('messages that fail to decrypt are requested again, and shown once', async () => {
	const from = newPeer()
	for (const text of ['spoilt pkmsg', 'spoilt again', 'sound']) {
		if (text.startsWith('spoilt')) await sim.post('/fault', { account: ACCOUNT, kind: 'corrupt', count: 1 })
		const { id } = await sim.post('/peer/send', { from, to: ACCOUNT, text, by: 'lid' })
		await device.received(text)
		assert.equal(device.encryption(id).length > 1, text.startsWith('spoilt'))
		assert.equal(device.messages.filter(message => textOf(message) === text).length, 1)
	}
})

test('duplicates from the server are shown once', async () => {
	const from = newPeer()
	await sim.post('/fault', { account: ACCOUNT, kind: 'duplicate', count: 1 })
	const { id } = await sim.post('/peer/send', { from, to: ACCOUNT, text: 'sent twice', by: 'lid' })
	await until('both copies on the wire', () => device.encryption(id).length === 2)
	await sim.post('/peer/send', { from, to: ACCOUNT, text: 'after the double', by: 'lid' })
	await device.received('after the double')
	assert.equal(device.messages.filter(message => textOf(message) === 'sent twice').length, 1)
})

test('reordered messages are all received', async () => {
	const from = newPeer()
	await sim.post('/fault', { account: ACCOUNT, kind: 'reorder', count: 3 })
	for (const n of [1, 2, 3]) await sim.post('/peer/send', { from, to: ACCOUNT, text: `overtaken ${n}`, by: 'lid' })
	for (const n of [1, 2, 3]) await device.received(`overtaken ${n}`)
	assert.deepEqual(device.texts().filter(text => text.startsWith('overtaken')), ['overtaken 3', 'overtaken 2', 'overtaken 1'])
})

test('a number that is not on WhatsApp cannot be sent to', async () => {
	const unknown = newPeer()
	await sim.post('/unknown', { number: unknown })
	await assert.rejects(device.send(chatOf(unknown), 'hello?'))
})

test('an iq error affects only that iq', async () => {
	await sim.post('/fault', { account: ACCOUNT, kind: 'iq_error', xmlns: 'usync', code: 500, count: 1 })
	await assert.rejects(device.socket.onWhatsApp('15550140098'))
	assert.equal((await device.socket.onWhatsApp('15550140098'))[0].exists, true)
})
