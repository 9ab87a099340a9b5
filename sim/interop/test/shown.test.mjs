// What Baileys sends, as the recipient sees it on the phone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chatOf } from '../src/companion.mjs'
import { device, linkOne, sim } from '../src/one-companion.mjs'
import { until } from '../src/until.mjs'

const [ACCOUNT, PEER, OTHER] = ['+15550156001', '+15550156011', '+15550156012']
const CHAT = chatOf(PEER)

const send = content => device.socket.sendMessage(CHAT, content)
const inbox = async () => sim.get('/peer/inbox', { peer: PEER })
const shown = (id, like = () => true) => until(`${id} at the peer`, async () => (await inbox()).find(message => message.id === id && like(message)))
const content = async sent => (await shown((await sent).key.id)).content
const hear = async text => {
	await sim.post('/peer/send', { from: PEER, to: ACCOUNT, text })
	return device.received(text)
}

linkOne(ACCOUNT, { media: true })

test('a reply shows the message that it quotes', async () => {
	const quoted = await hear('when?')
	const { key } = await device.socket.sendMessage(quoted.key.remoteJid, { text: 'at noon' }, { quoted })
	const { text, context } = (await shown(key.id)).content
	assert.deepEqual([text, context.quote.id, context.quote.author, context.quote.content.text], ['at noon', quoted.key.id, quoted.key.remoteJid, 'when?'])
})

test('a mention names the mentioned person', async () => {
	const { text, context } = await content(send({ text: `@${PEER.slice(1)} look`, mentions: [CHAT] }))
	assert.deepEqual([text, context.mentions], [`@${PEER.slice(1)} look`, [CHAT]])
})

test('a forwarded message is marked as forwarded', async () => {
	const forward = await hear('pass it on')
	const { text, context } = await content(send({ forward, force: true }))
	assert.deepEqual([text, context.forwarded], ['pass it on', 1])
})

test('a disappearing message has its timer', async () => {
	const { key } = await device.socket.sendMessage(CHAT, { text: 'read this soon' }, { ephemeralExpiration: 86_400 })
	assert.equal((await shown(key.id)).expiration, 86_400)
})

test('a reaction is shown with its message, and can be removed', async () => {
	const { key } = await hear('react to this')
	await device.socket.sendMessage(key.remoteJid, { react: { text: '👍', key } })
	await shown(key.id, ({ reactions }) => reactions?.[ACCOUNT] === '👍')
	await device.socket.sendMessage(key.remoteJid, { react: { text: '', key } })
	await until('no reaction', async () => !(await inbox()).find(({ id }) => id === key.id)?.reactions)
})

test('an edit changes the message, a deletion empties it', async () => {
	const { key } = await send({ text: 'tomorow' })
	await send({ text: 'tomorrow', edit: key })
	assert.equal((await shown(key.id, ({ edited }) => edited)).text, 'tomorrow')
	await send({ delete: key })
	await shown(key.id, ({ content }) => !content)
})

test('a message stays pinned until it is unpinned', async () => {
	const { key } = await send({ text: 'the tide table' })
	await send({ pin: key, type: 1, time: 86_400 })
	await shown(key.id, ({ pinned }) => pinned)
	await send({ pin: key, type: 2 })
	await shown(key.id, ({ pinned }) => !pinned)
})

test('a poll shows its question and options', async () => {
	const { poll } = await content(send({ poll: { name: 'When?', values: ['now', 'later'], selectableCount: 1 } }))
	assert.deepEqual([poll.question, poll.options, poll.selectable], ['When?', ['now', 'later'], 1])
	const { poll: any } = await content(send({ poll: { name: 'Which?', values: ['red', 'blue'] } }))
	assert.equal(any.selectable ?? 0, 0)
})

test('a location, contacts and an event are shown', async () => {
	const { location } = await content(send({ location: { degreesLatitude: -41.3, degreesLongitude: 174.8, name: 'Wharf' } }))
	assert.deepEqual([location.latitude, location.longitude, location.name], [-41.3, 174.8, 'Wharf'])
	const card = displayName => ({ displayName, vcard: `BEGIN:VCARD\nVERSION:3.0\nFN:${displayName}\nEND:VCARD` })
	for (const names of [['Anna'], ['Anna', 'Ben']]) {
		const { contacts } = await content(send({ contacts: { displayName: 'Crew', contacts: names.map(card) } }))
		assert.deepEqual(contacts.map(({ name }) => name), names)
	}
	const { event } = await content(send({ event: { name: 'Regatta', startDate: new Date(1_900_000_000_000) } }))
	assert.deepEqual([event.name, event.start], ['Regatta', 1_900_000_000])
})

test('an invitation to a group is shown', async () => {
	const { jid } = await sim.post('/group', { account: ACCOUNT, subject: 'Crew', members: [] })
	await sim.post('/profile/picture', { account: ACCOUNT, group: jid, bytes: '/9j/4AAQSkZJRg==' }) // Baileys sends the picture along
	const { group_invite } = await content(send({ groupInvite: { jid, subject: 'Crew', inviteCode: 'abc', inviteExpiration: 1_900_000_000, text: 'join' } }))
	const { group, name, code, expires, caption } = group_invite
	assert.deepEqual([group, name, code, expires, caption], [jid, 'Crew', 'abc', 1_900_000_000, 'join'])
})

test('a change of the timer is shown', async () => {
	const { key } = await send({ disappearingMessagesInChat: 604_800 })
	assert.equal((await shown(key.id)).content.timer, 604_800)
})

test('messages are marked as read in both directions', async () => {
	const { key } = await hear('have you read this?')
	await device.socket.readMessages([key])
	const { key: own } = await send({ text: 'yes' })
	await shown(own.id)
	await sim.post('/peer/receipt', { from: PEER, to: ACCOUNT, id: own.id, type: 'read' })
	await until('the read receipt', () => device.updates.some(({ key, update }) => key.id === own.id && update.status === 4))
})

test("an admin deletes a member's message for everyone", async () => {
	const { jid } = await sim.post('/group', { account: ACCOUNT, subject: 'Crew', members: [PEER, OTHER] })
	const { id } = await sim.post('/peer/send', { from: OTHER, to: ACCOUNT, group: jid, text: 'off topic' })
	const { key } = await device.received('off topic')
	await shown(id)
	await device.socket.sendMessage(jid, { delete: key })
	await shown(id, ({ content }) => !content)
})
