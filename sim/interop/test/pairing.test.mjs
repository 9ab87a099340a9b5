// Linking a device: by QR code, by phone code, and all attempts that must be refused.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { signatures, trustRoot } from '../src/baileys.mjs'
import { chatOf, Companion } from '../src/companion.mjs'
import { Simulator } from '../src/simulator.mjs'
import { until } from '../src/until.mjs'

const PREFIX = 'https://wa.me/settings/linked_devices#'
const PREKEYS = 812
let sim
const companions = []

async function companion(settings) {
	companions.push(await Companion.create(sim, settings))
	return companions.at(-1).connect()
}

before(async () => { sim = await Simulator.start() })
afterEach(async () => {
	await Promise.all(companions.splice(0).map(each => each.dispose()))
	await sim.assertClean()
})
after(() => sim.stop())

test('pairs by QR code, restarts on 515 and logs in as the assigned device', async () => {
	const account = '+15550110001'
	const device = await companion()
	assert.ok((await device.qr()).startsWith(PREFIX))

	const linked = await device.scan(account)
	assert.equal(linked.account, account)
	assert.equal(await device.closed(), 515)
	assert.equal(device.creds.me.id, linked.jid)
	assert.equal(device.creds.me.lid, linked.lid)

	device.connect()
	await device.online()
	const devices = await sim.get('/phone/devices', { account })
	assert.equal(devices.length, 1)
	assert.match(JSON.stringify(devices[0]), /OpenClaw/)
	assert.ok(signatures.checked >= 5, 'two certificates at each login, and the account signature')
	assert.equal(signatures.rejected, 0)
})

test('a QR code is accepted with or without its link', async () => {
	const device = await companion()
	const qr = await device.qr()
	await sim.post('/phone/scan', { qr: qr.slice(PREFIX.length), account: '+15550110002' })
	await device.restart()
})

test('the first login uploads 812 prekeys; the phone takes one for its own session', async () => {
	const device = await companion()
	await device.scan('+15550110003')
	await device.restart()
	assert.equal(await prekeysLeft(device), PREKEYS - 1)
	await device.socket.digestKeyBundle()
})

test('low prekeys are replenished, and the next contact gets one of the new ones', async () => {
	const account = '+15550110011'
	const device = await companion()
	await device.scan(account)
	await device.restart()
	const first = device.creds.nextPreKeyId
	const taken = await device.socket.query({
		tag: 'iq',
		attrs: { to: 's.whatsapp.net', type: 'get', xmlns: 'encrypt' },
		content: [{ tag: 'key', attrs: {}, content: Array(PREKEYS - 5).fill({ tag: 'user', attrs: { jid: device.lid } }) }]
	})
	const ids = taken.content[0].content.map(user => user.content.find(({ tag }) => tag === 'key').content[0].content.toString('hex'))
	assert.equal(new Set(ids).size, PREKEYS - 5, 'a one-time prekey is returned once')

	await until('an upload', async () => device.creds.nextPreKeyId > first && (await prekeysLeft(device)) > 5)
	for (let n = 1; n <= 6; n++) await sim.post('/peer/send', { from: `+155501200${n}0`, to: account, text: `from ${n}`, by: 'lid' })
	for (let n = 1; n <= 6; n++) await device.received(`from ${n}`)
})

test('a later login neither pairs again nor uploads again', async () => {
	const device = await companion()
	await device.scan('+15550110004')
	await device.restart()
	const { id } = device.creds.me
	const { nextPreKeyId } = device.creds

	await device.disconnect()
	device.connect()
	await device.online()
	assert.equal(device.creds.me.id, id)
	assert.equal(device.creds.nextPreKeyId, nextPreKeyId)
})

test('pairs by the code typed on the phone', async () => {
	const account = '+15550110005'
	const device = await companion()
	await device.qr()
	const code = await device.socket.requestPairingCode(account.replace('+', ''))
	assert.match(code, /^[1-9A-Z]{8}$/)

	await until('the code is accepted', () => sim.post('/phone/code', { account, code }).catch(unknownYet))
	await device.restart()
	assert.equal(device.creds.registered, true)
	assert.equal((await sim.get('/phone/devices', { account })).length, 1)
})

test('a mistyped link code links nothing', async () => {
	const account = '+15550110006'
	const device = await companion()
	await device.qr()
	const code = await device.socket.requestPairingCode(account.replace('+', ''))
	await assert.rejects(sim.post('/phone/code', { account, code: 'ZZZZ1111' }), isRefusal)

	await until('the right code is accepted', () => sim.post('/phone/code', { account, code }).catch(unknownYet))
	await device.restart()
})

test('a QR code is single-use, and an invented one is refused', async () => {
	const account = '+15550110007'
	const device = await companion()
	const qr = await device.qr()
	await assert.rejects(sim.post('/phone/scan', { qr: qr.replace('#', '#x'), account }), isRefusal)
	await sim.post('/phone/scan', { qr, account })
	await assert.rejects(sim.post('/phone/scan', { qr, account }), isRefusal)
	await device.restart()
})

test('two devices of one account, and one of another, are three devices', async () => {
	for (const account of ['+15550110008', '+15550110008', '+15550110009']) {
		const device = await companion()
		await device.scan(account)
		await device.restart()
	}
	assert.equal((await sim.get('/phone/devices', { account: '+15550110008' })).length, 2)
	assert.equal((await sim.get('/phone/devices', { account: '+15550110009' })).length, 1)
	assert.equal(new Set(companions.map(({ creds }) => creds.me.id)).size, 3)
})

test('a certificate chain of another root ends the handshake', async () => {
	trustRoot('11'.repeat(32))
	try {
		const device = await companion()
		await device.closed()
		assert.match(device.failure.message, /intermediate certificate signature invalid/)
	} finally {
		await sim.trust()
	}
})

test('a query returns whether a number is on WhatsApp', async () => {
	const device = await companion()
	await device.scan('+15550110010')
	await device.restart()
	await sim.post('/unknown', { number: '+15550119999' })
	assert.deepEqual(await device.socket.onWhatsApp('15550119999'), [])
	assert.deepEqual(await device.socket.onWhatsApp('15550120001'), [{ jid: chatOf('+15550120001'), exists: true }])
})

async function prekeysLeft(device) {
	const answer = await device.socket.query({
		tag: 'iq',
		attrs: { to: 's.whatsapp.net', type: 'get', xmlns: 'encrypt' },
		content: [{ tag: 'count', attrs: {} }]
	})
	return Number(answer.content[0].attrs.value)
}

const isRefusal = error => error.status >= 400 && error.status < 500

/** The server learns of a code slightly after the client has it; any error but "not known yet" is final. */
function unknownYet(error) {
	if (error.status !== 404) throw error
}
