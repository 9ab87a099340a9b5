// A client that breaks a rule is refused, and the violation is recorded. Without these tests, "no violations" in the
// other tests would prove nothing.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Curve } from '../src/baileys.mjs'
import { chatOf, Companion } from '../src/companion.mjs'
import { Simulator } from '../src/simulator.mjs'
import { until } from '../src/until.mjs'

const PEER = '+15550210001'
let sim
let known
const companions = []
const { sign } = Curve

async function linked(account) {
	companions.push(await Companion.linked(sim, account))
	return companions.at(-1)
}

/** Violations from here on belong to this test. */
async function begin() {
	known = (await sim.get('/verify')).violations.length
}

/** Waits for the first violation since then, and returns all. */
async function violations() {
	return until('a violation', async () => {
		const { violations } = await sim.get('/verify')
		return violations.length > known && violations.slice(known)
	})
}

/** Waits for the server's ack of message `id`. */
function ackOf(device, id) {
	return new Promise(resolve => device.socket.ws.on('CB:ack,class:message', ({ attrs }) => attrs.id === id && resolve(attrs)))
}

const flipped = bytes => {
	const copy = Buffer.from(bytes)
	copy[copy.length - 1] ^= 1
	return copy
}

before(async () => { sim = await Simulator.start() })
afterEach(async () => {
	Curve.sign = sign
	await Promise.all(companions.splice(0).map(each => each.dispose()))
})
after(() => sim.stop())

test('a device signature that does not verify links nothing', async () => {
	await begin()
	const account = '+15550200001'
	companions.push(await Companion.create(sim))
	const device = companions[0].connect()
	await device.qr()
	Curve.sign = (key, message) => flipped(sign(key, message))
	await assert.rejects(device.scan(account), error => error.status >= 400 && error.status < 500)
	assert.match((await violations())[0].rule, /pair-device-sign/)
	assert.deepEqual(await sim.get('/phone/devices', { account }), [])
})

test('a message with a wrong MAC is refused', async () => {
	const device = await linked('+15550200002')
	await begin()
	const { encryptMessage } = device.socket.signalRepository
	device.socket.signalRepository.encryptMessage = async message => {
		const sealed = await encryptMessage(message)
		return { ...sealed, ciphertext: flipped(sealed.ciphertext) }
	}
	const id = 'A1'.repeat(8)
	const ack = ackOf(device, id)
	await device.socket.sendMessage(chatOf(PEER), { text: 'tampered' }, { messageId: id })
	assert.ok((await ack).error)
	assert.match((await violations())[0].rule, /MAC/)
	assert.ok(!(await sim.get('/peer/inbox', { peer: PEER })).some(message => message.id === id))
})

test('the second use of a message key is detected', async () => {
	const device = await linked('+15550200003')
	await device.send(chatOf(PEER), 'the first')
	const { keys } = device.socket.authState
	const address = device.socket.signalRepository.jidToSignalProtocolAddress(await lidOf(device, PEER))
	const old = structuredClone(await keys.get('session', [address]))
	await begin()
	await device.send(chatOf(PEER), 'the second')
	assert.deepEqual((await sim.get('/verify')).violations.slice(known), [])
	await keys.set({ session: old })
	await device.send(chatOf(PEER), 'the second again, differently')
	assert.match((await violations())[0].rule, /used twice/)
})

test('prekeys without a valid signature are refused', async () => {
	const device = await linked('+15550200004')
	await begin()
	const { signedPreKey } = device.creds
	const id = Buffer.from([0, 0, signedPreKey.keyId])
	const child = (tag, content) => ({ tag, attrs: {}, content })
	const rotation = device.socket.query({
		tag: 'iq',
		attrs: { to: 's.whatsapp.net', type: 'set', xmlns: 'encrypt' },
		content: [
			child('rotate', [
				child('skey', [child('id', id), child('value', signedPreKey.keyPair.public), child('signature', flipped(signedPreKey.signature))])
			])
		]
	})
	await assert.rejects(rotation)
	assert.match((await violations())[0].rule, /signed/)
})

// Baileys rc14 keeps its sender key when a member leaves; WhatsApp's clients generate a new one.
test('a sender key from before a removal is detected, and the removed member receives nothing', async () => {
	const account = '+15550200005'
	const [stays, leaves] = ['+15550210011', '+15550210012']
	const device = await linked(account)
	const { jid } = await sim.post('/group', { account, subject: 'Tide tables', members: [stays, leaves] })
	const inbox = peer => sim.get('/peer/inbox', { peer })
	const before = await device.send(jid, 'before the removal')
	await until('the message before', async () => (await inbox(leaves)).some(({ id }) => id === before))
	await device.socket.groupParticipantsUpdate(jid, [chatOf(leaves)], 'remove')
	await until('an acked notification', async () => (await sim.queued(account)).length === 0)
	await begin()
	const after = await device.send(jid, 'after the removal')
	assert.match((await violations())[0].rule, /sender key is not used after a member has left/)
	await until('the message after', async () => (await inbox(stays)).some(({ id }) => id === after))
	assert.ok(!(await inbox(leaves)).some(({ id }) => id === after))
})

async function lidOf(device, number) {
	return device.socket.signalRepository.lidMapping.getLIDForPN(chatOf(number))
}
