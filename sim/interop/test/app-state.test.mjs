// The app state of an account: changes by one device reach the others, and newly linked ones.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Companion } from '../src/companion.mjs'
import { Simulator } from '../src/simulator.mjs'
import { until } from '../src/until.mjs'

const [ACCOUNT, PEER] = ['+15550157001', '+15550157011']
let sim
let one
let other
let chat
let last

const modify = modification => one.socket.chatModify(modification, chat)
const lastMessages = () => [{ key: last.key, messageTimestamp: Number(last.messageTimestamp) }]

before(async () => {
	sim = await Simulator.start()
	one = await Companion.linked(sim, ACCOUNT)
	other = await Companion.linked(sim, ACCOUNT)
	await sim.post('/peer/send', { from: PEER, to: ACCOUNT, text: 'hello' })
	last = await one.received('hello')
	await other.received('hello')
	chat = last.key.remoteJid
})
afterEach(async () => {
	await until('an empty queue', async () => (await sim.queued(ACCOUNT)).length === 0)
	await sim.assertClean()
})
after(async () => {
	await one?.dispose()
	await other?.dispose()
	await sim.stop()
})

/** The value of the chat's `field` on the other device after each of these changes. */
async function seenOf(field, changes) {
	const chats = other.collect('chats.update')
	const seen = []
	for (const change of changes) {
		const before = chats.length
		await modify(change)
		const update = await until(`${field} at the other device`, () => chats.slice(before).find(chat => field in chat))
		assert.equal(update.id, chat)
		seen.push(update[field])
	}
	return seen
}

test('archived, muted, pinned and unread chats are synced to the other device', async () => {
	assert.deepEqual(await seenOf('archived', [true, false].map(archive => ({ archive, lastMessages: lastMessages() }))), [true, false])
	assert.deepEqual(await seenOf('muteEndTime', [1_900_000_000_000, null].map(mute => ({ mute }))), [1_900_000_000_000, null])
	const [pinned, unpinned] = await seenOf('pinned', [true, false].map(pin => ({ pin })))
	assert.ok(pinned > 0)
	assert.equal(unpinned, null)
	assert.deepEqual(await seenOf('unreadCount', [false, true].map(markRead => ({ markRead, lastMessages: lastMessages() }))), [-1, 0])
})

test('a star is set and removed', async () => {
	const { id } = last.key
	for (const starred of [true, false]) {
		await one.socket.star(chat, [{ id, fromMe: false }], starred)
		await until('the star', () => other.updates.some(({ key, update }) => key.id === id && update.starred === starred))
	}
})

test('a message deleted for me is deleted on the other device', async () => {
	const deleted = other.collect('messages.delete')
	await modify({ deleteForMe: { key: last.key, timestamp: Number(last.messageTimestamp), deleteMedia: false } })
	await until('the deletion', () => deleted.some(({ keys }) => keys[0].id === last.key.id))
})

test('a saved contact has its name on the other device', async () => {
	const contacts = other.collect('contacts.upsert')
	await one.socket.addOrEditContact(chat, { fullName: 'Anna Harbour', firstName: 'Anna' })
	await until('the contact', () => contacts.some(({ name }) => name === 'Anna Harbour'))
})

test('a label is created and assigned to a chat', async () => {
	const labels = other.collect('labels.edit')
	const associations = other.collect('labels.association')
	await one.socket.addLabel(chat, { id: '7', name: 'Crew', color: 3 })
	await until('the label', () => labels.some(({ id, name }) => id === '7' && name === 'Crew'))
	await one.socket.addChatLabel(chat, '7')
	await until('its use', () => associations.some(({ type, association }) => type === 'add' && association.chatId === chat))
})

test('both devices change the state in turn', async () => {
	const chats = one.collect('chats.update')
	await modify({ pin: true })
	await other.socket.chatModify({ mute: 1_900_000_000_000 }, chat)
	await until('the change of the other', () => chats.some(({ muteEndTime }) => muteEndTime === 1_900_000_000_000))
	assert.deepEqual(await seenOf('archived', [{ archive: true, lastMessages: lastMessages() }]), [true])
})

test('a name given on one device is the name on both', async () => {
	await one.socket.updateProfileName('Anna')
	await until('the name', () => other.creds.me.name === 'Anna')
	assert.equal((await sim.get('/profile', { account: ACCOUNT })).name, 'Anna')
})

test('a device that is linked later gets the name', async () => {
	const later = await Companion.linked(sim, ACCOUNT)
	await until('the name', () => later.creds.me.name === 'Anna')
	await later.socket.logout()
	await later.closed()
	await later.dispose()
})

test('a deleted chat is deleted on the other device', async () => {
	const deleted = other.collect('chats.delete')
	await modify({ delete: true, lastMessages: lastMessages() })
	await until('the deletion', () => deleted.includes(chat))
})
