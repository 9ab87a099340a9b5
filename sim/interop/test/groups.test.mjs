// Group messages in both directions: sender keys sent to every member and received from each.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signatures } from '../src/baileys.mjs'
import { device, linkOne, sim } from '../src/one-companion.mjs'
import { until } from '../src/until.mjs'

const ACCOUNT = '+15550150001'
const MEMBERS = ['+15550150011', '+15550150012', '+15550150013']

const arrived = (peer, id) =>
	until(`${id} for ${peer}`, async () => (await sim.get('/peer/inbox', { peer })).find(message => message.id === id))
const group = async subject => (await sim.post('/group', { account: ACCOUNT, subject, members: MEMBERS })).jid

linkOne(ACCOUNT)

test('the group is described with its subject and all its members', async () => {
	const jid = await group('Tide tables')
	const described = await device.socket.groupMetadata(jid)
	assert.equal(described.id, jid)
	assert.equal(described.subject, 'Tide tables')
	assert.equal(described.participants.length, MEMBERS.length + 1)
})

test('messages of each member arrive: first with the sender key, then with the group ciphertext alone', async () => {
	const jid = await group('Readers')
	const before = signatures.checked
	for (const from of MEMBERS.slice(0, 2)) {
		const sent = []
		for (const text of [`${from} says`, `${from} says more`]) {
			sent.push((await sim.post('/peer/send', { from, to: ACCOUNT, text, group: jid, by: 'lid' })).id)
			const { key } = await device.received(text)
			assert.equal(key.remoteJid, jid)
			assert.match(key.participant, /@lid$/)
		}
		assert.deepEqual(device.encryption(sent[0]), [['pkmsg', 'skmsg']])
		assert.deepEqual(device.encryption(sent[1]), [['skmsg']])
	}
	assert.ok(signatures.checked >= before + 4, 'every group message is signed')
	assert.equal(signatures.rejected, 0)
})

test('every member receives two messages of the account', async () => {
	const jid = await group('Writers')
	for (const text of ['to all of you', 'and once more']) {
		const id = await device.send(jid, text)
		for (const member of MEMBERS) {
			const message = await arrived(member, id)
			assert.equal(message.text, text)
			assert.equal(message.kind, 'skmsg')
			assert.equal(message.chat, jid)
		}
	}
})

test('a device that lost a sender key requests it and gets it', async () => {
	const jid = await group('Losers')
	const from = MEMBERS[0]
	const send = text => sim.post('/peer/send', { from, to: ACCOUNT, text, group: jid, by: 'lid' })
	await send('with the key')
	const { key } = await device.received('with the key')
	const author = device.socket.signalRepository.jidToSignalProtocolAddress(key.participant).replace('.', '::')
	const { keys } = device.socket.authState
	assert.ok((await keys.get('sender-key', [`${jid}::${author}`]))[`${jid}::${author}`])
	await keys.set({ 'sender-key': { [`${jid}::${author}`]: null } })

	await send('without the key')
	await device.received('without the key')
	await send('with the key again')
	await device.received('with the key again')
})

test('messages in the group alternate between senders', async () => {
	const jid = await group('Talkers')
	for (let round = 0; round < 3; round++) {
		const from = MEMBERS[round]
		await sim.post('/peer/send', { from, to: ACCOUNT, text: `question ${round}`, group: jid, by: 'lid' })
		await device.received(`question ${round}`)
		const id = await device.send(jid, `answer ${round}`)
		for (const member of MEMBERS) assert.equal((await arrived(member, id)).text, `answer ${round}`)
	}
})

test('two groups with the same members have different keys', async () => {
	const [left, right] = [await group('Left'), await group('Right')]
	const ids = [await device.send(left, 'to the left'), await device.send(right, 'to the right')]
	const [one, two] = [await arrived(MEMBERS[0], ids[0]), await arrived(MEMBERS[0], ids[1])]
	assert.deepEqual([one.text, one.chat, two.text, two.chat], ['to the left', left, 'to the right', right])
})
