// Every kind of message that people send, as Baileys parses it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baileys } from '../src/baileys.mjs'
import { chatOf } from '../src/companion.mjs'
import { device, linkOne, sim } from '../src/one-companion.mjs'
import { until } from '../src/until.mjs'

const [ACCOUNT, PEER] = ['+15550155001', '+15550155011']

const send = async (content, fields = {}) => (await sim.post('/peer/send', { from: PEER, to: ACCOUNT, content, ...fields })).id
const received = id => until(`message ${id}`, () => device.messages.find(({ key }) => key.id === id))
const parsed = async content => (await received(await send(content))).message

linkOne(ACCOUNT)

test('a location and a live location are read', async () => {
	const { locationMessage } = await parsed({ location: { latitude: -41.3, longitude: 174.8, name: 'Wharf', address: 'Queens Wharf' } })
	const { degreesLatitude, degreesLongitude, name, address } = locationMessage
	assert.deepEqual([degreesLatitude, degreesLongitude, name, address], [-41.3, 174.8, 'Wharf', 'Queens Wharf'])
	const { liveLocationMessage } = await parsed({ live_location: { latitude: -41.3, longitude: 174.8, comment: 'coming', accuracy: 12, sequence: 3 } })
	assert.deepEqual([liveLocationMessage.caption, liveLocationMessage.accuracyInMeters, Number(liveLocationMessage.sequenceNumber)], ['coming', 12, 3])
})

test('one contact and several contacts are read', async () => {
	const card = name => ({ name, vcard: `BEGIN:VCARD\nVERSION:3.0\nFN:${name}\nEND:VCARD` })
	assert.equal((await parsed({ contacts: [card('Anna')] })).contactMessage.displayName, 'Anna')
	const { contactsArrayMessage } = await parsed({ contacts: [card('Anna'), card('Ben')] })
	assert.deepEqual(contactsArrayMessage.contacts.map(({ vcard }) => vcard), [card('Anna').vcard, card('Ben').vcard])
})

test('a link with its preview is read', async () => {
	const { extendedTextMessage } = await parsed({ text: 'see https://example.com', preview: { url: 'https://example.com', title: 'Example', description: 'An example' } })
	const { text, matchedText, title, description } = extendedTextMessage
	assert.deepEqual([text, matchedText, title, description], ['see https://example.com', 'https://example.com', 'Example', 'An example'])
})

test('a reply with mentions contains the quoted message and the mentioned people', async () => {
	const about = await send({ text: 'when?' })
	const { key } = await received(about)
	const { extendedTextMessage } = await parsed({
		text: 'at noon',
		context: { quote: { id: about, author: key.remoteJid, content: { text: 'when?' } }, mentions: [chatOf(ACCOUNT)], forwarded: 5, expiration: 86_400 }
	})
	const { stanzaId, participant, quotedMessage, mentionedJid, isForwarded, forwardingScore, expiration } = extendedTextMessage.contextInfo
	assert.deepEqual([stanzaId, participant, quotedMessage.conversation ?? quotedMessage.extendedTextMessage.text], [about, key.remoteJid, 'when?'])
	assert.deepEqual([mentionedJid, isForwarded, forwardingScore, expiration], [[chatOf(ACCOUNT)], true, 5, 86_400])
})

test('a poll and its vote are read, and the vote is counted', async () => {
	const id = await send({ poll: { question: 'When?', options: ['now', 'later'], selectable: 1 } })
	const poll = await received(id)
	const creation = poll.message.pollCreationMessageV3
	assert.deepEqual([creation.name, creation.options.map(({ optionName }) => optionName)], ['When?', ['now', 'later']])
	const vote = await received(await send({ vote: { poll: id, options: ['later'] } }))
	const author = baileys.jidNormalizedUser(poll.key.remoteJid)
	const opened = baileys.decryptPollVote(vote.message.pollUpdateMessage.vote, {
		pollCreatorJid: author,
		pollMsgId: id,
		pollEncKey: poll.message.messageContextInfo.messageSecret,
		voterJid: author
	})
	const counted = baileys.getAggregateVotesInPollMessage({ message: poll.message, pollUpdates: [{ pollUpdateMessageKey: vote.key, vote: opened }] }, device.lid)
	assert.deepEqual(counted.map(({ name, voters }) => [name, voters.length]), [['now', 0], ['later', 1]])
})

test('a vote in a poll that Baileys has sent is decrypted', async () => {
	const sent = await device.socket.sendMessage(chatOf(PEER), { poll: { name: 'When?', values: ['now', 'later'], selectableCount: 1 } })
	await until('the poll', async () => (await sim.get('/peer/inbox', { peer: PEER })).some(({ id }) => id === sent.key.id))
	const vote = await received(await send({ vote: { poll: sent.key.id, options: ['now'] } }))
	const opened = baileys.decryptPollVote(vote.message.pollUpdateMessage.vote, {
		pollCreatorJid: baileys.jidNormalizedUser(device.lid),
		pollMsgId: sent.key.id,
		pollEncKey: sent.message.messageContextInfo.messageSecret,
		voterJid: baileys.jidNormalizedUser(vote.key.remoteJid)
	})
	const counted = baileys.getAggregateVotesInPollMessage({ message: sent.message, pollUpdates: [{ pollUpdateMessageKey: vote.key, vote: opened }] }, device.lid)
	assert.deepEqual(counted.map(({ name, voters }) => [name, voters.length]), [['now', 1], ['later', 0]])
})

test('a reaction is reported for its message', async () => {
	const reactions = device.collect('messages.reaction')
	const id = await device.send(chatOf(PEER), 'react to this')
	await send({ reaction: { about: { id }, emoji: '👍' } })
	await until('the reaction', () => reactions.some(({ key, reaction }) => key.id === id && reaction.text === '👍'))
	await send({ reaction: { about: { id }, emoji: '' } })
	await until('its removal', () => reactions.some(({ key, reaction }) => key.id === id && reaction.text === ''))
})

for (const wrapped of [undefined, ['edited']]) {
	test(`an edit ${wrapped ? 'in its wrapper' : 'without a wrapper'} is reported as a change`, async () => {
		const id = await send({ text: 'tomorow' })
		await received(id)
		await send({ edit: { about: { id }, content: { text: 'tomorrow' } }, ...(wrapped && { wrapped }) })
		const { update } = await until('the edit', () => device.updates.find(({ key, update }) => key.id === id && update.message?.editedMessage))
		const { conversation, extendedTextMessage } = update.message.editedMessage.message
		assert.equal(conversation || extendedTextMessage.text, 'tomorrow')
	})
}

test('a deletion is reported as a change', async () => {
	const id = await send({ text: 'never mind' })
	await received(id)
	await send({ deletion: { id } })
	await until('the deletion', () => device.updates.some(({ key, update }) => key.id === id && update.message === null))
})

test("a change of the chat's timer is reported", async () => {
	const chats = device.collect('chats.update')
	await send({ timer: 604_800 })
	await until('the timer', () => chats.some(({ ephemeralExpiration }) => ephemeralExpiration === 604_800))
})

test('lists, buttons, their replies, events, pins, albums and invitations are read', async () => {
	const choices = [{ id: 'a', title: 'Anna' }, { id: 'b', title: 'Ben' }]
	const { listMessage } = await parsed({ list: { text: 'Who?', title: 'Crew', button: 'Choose', choices } })
	assert.deepEqual([listMessage.description, listMessage.sections[0].rows.map(({ rowId }) => rowId)], ['Who?', ['a', 'b']])
	const { buttonsMessage } = await parsed({ buttons: { text: 'Who?', choices } })
	assert.deepEqual(buttonsMessage.buttons.map(({ buttonId }) => buttonId), ['a', 'b'])
	assert.equal((await parsed({ list_reply: choices[0] })).listResponseMessage.singleSelectReply.selectedRowId, 'a')
	assert.equal((await parsed({ buttons_reply: choices[0] })).buttonsResponseMessage.selectedButtonId, 'a')
	assert.equal((await parsed({ template_reply: choices[0] })).templateButtonReplyMessage.selectedId, 'a')
	const event = await parsed({ event: { name: 'Regatta', start: 1_900_000_000, place: { latitude: 1, longitude: 2, name: 'Wharf' } } })
	assert.deepEqual([event.eventMessage.name, Number(event.eventMessage.startTime), event.eventMessage.location.name], ['Regatta', 1_900_000_000, 'Wharf'])
	assert.equal(event.messageContextInfo.messageSecret.length, 32)
	const id = await send({ album: { images: 2, videos: 0 } })
	assert.equal((await received(id)).message.albumMessage.expectedImageCount, 2)
	const part = await parsed({ image: {}, album: id })
	assert.equal(part.messageContextInfo.messageAssociation.parentMessageKey.id, id)
	assert.equal((await parsed({ pin: { about: { id }, pinned: true } })).pinInChatMessage.key.id, id)
	const invite = await parsed({ group_invite: { group: '120363000000000077@g.us', name: 'Crew', code: 'abc', expires: 1_900_000_000, caption: 'join' } })
	const { groupJid, groupName, inviteCode, caption } = invite.groupInviteMessage
	assert.deepEqual([groupJid, groupName, inviteCode, caption], ['120363000000000077@g.us', 'Crew', 'abc', 'join'])
})

test('a status and a channel post have their chat', async () => {
	const status = await sim.post('/peer/send', { from: PEER, to: ACCOUNT, text: 'at sea', broadcast: 'status' })
	assert.equal((await received(status.id)).key.remoteJid, 'status@broadcast')
	await sim.post('/channel/post', { account: ACCOUNT, channel: '120363000000000009', text: 'news' })
	assert.equal((await device.received('news')).key.remoteJid, '120363000000000009@newsletter')
})

test('messages sent one after the other are reported in that order', async () => {
	const texts = Array.from({ length: 20 }, (_, i) => `in order ${i}`)
	for (const text of texts) await send({ text })
	await device.received(texts.at(-1))
	assert.deepEqual(device.texts().filter(text => text.startsWith('in order')), texts)
})
