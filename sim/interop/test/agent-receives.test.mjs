// Every kind of message that Baileys sends, to a person and to a group, as the agent reports it. Files: agent-files.test.mjs.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { ACCOUNT, agent, agentSends, arrived, CHATS, companionSends, device, event, jid, linkBoth, lids, PEER, sim, to } from '../src/agent-and-companion.mjs'
import { aesEncryptGCM, baileys, hmacSign } from '../src/baileys.mjs'
import { chatOf } from '../src/companion.mjs'

const START = new Date('2030-03-17T17:46:40Z')
const card = (name, number) => ({ displayName: name, vcard: `BEGIN:VCARD\nVERSION:3.0\nFN:${name}\nTEL;type=CELL;waid=${number.slice(1)}:${number}\nEND:VCARD` })
const [ANNA, BEN] = [card('Anna', '+15550156011'), card('Ben', '+15550156012')]
const oneCard = ({ displayName, vcard }) => ({ name: displayName, phones: [vcard.match(/:(\+\d+)/)[1]], vcard: '' })
const choice = { id: 'a', text: 'Anna' }
const reply = { displayText: 'Anna', id: 'a', index: 0 }

/** A name, what Baileys sends, and the kind and the fields of the content that the agent reports. */
const CONTENTS = [
	['a text', { text: 'kia ora 👋🏽' }, 'text', { body: 'kia ora 👋🏽', preview: null }],
	[
		'a link with its preview',
		{ text: 'see https://example.com', linkPreview: { 'canonical-url': 'https://example.com', 'matched-text': 'https://example.com', title: 'Example', description: 'An example' } },
		'text',
		{ body: 'see https://example.com', preview: { title: 'Example', description: 'An example', url: 'https://example.com' } }
	],
	[
		'a location',
		{ location: { degreesLatitude: -41.3, degreesLongitude: 174.8, name: 'Wharf', address: '1 Queens Wharf' } },
		'location',
		{ latitude: -41.3, longitude: 174.8, name: 'Wharf, 1 Queens Wharf', live: false, caption: '' }
	],
	['one contact card', { contacts: { displayName: 'Anna', contacts: [ANNA] } }, 'contacts', { cards: [oneCard(ANNA)] }],
	['several contact cards', { contacts: { displayName: '2 contacts', contacts: [ANNA, BEN] } }, 'contacts', { cards: [oneCard(ANNA), oneCard(BEN)] }],
	[
		'a poll with several answers',
		{ poll: { name: 'Which?', values: ['a', 'b'], selectableCount: 0 } },
		'poll',
		{ question: 'Which?', options: [{ name: 'a' }, { name: 'b' }], selectable: 0 }
	],
	['a poll with one answer', { poll: { name: 'Which?', values: ['a', 'b'], selectableCount: 1 } }, 'poll', { selectable: 1 }],
	[
		'a calendar event',
		{ event: { name: 'Regatta', description: 'in any wind', startDate: START, location: { degreesLatitude: 1, degreesLongitude: 2, name: 'Wharf' } } },
		'calendar_event',
		{ title: 'Regatta', description: 'in any wind', starts_at: '2030-03-17T17:46:40Z', place: 'Wharf', cancelled: false }
	],
	['an album', { album: { expectedImageCount: 2, expectedVideoCount: 1 } }, 'album', { images: 2, videos: 1 }],
	['a selected row of a list', { listReply: { title: 'Anna', listType: 1, singleSelectReply: { selectedRowId: 'a' } } }, 'choice', choice],
	['a pressed button', { buttonReply: reply, type: 'plain' }, 'choice', choice],
	['a pressed button of a template', { buttonReply: reply, type: 'template' }, 'choice', choice],
	['a request for the number', { requestPhoneNumber: true }, 'other', { name: 'number_request' }]
]

linkBoth()

function assertFields(found, expected) {
	assert.deepEqual(Object.fromEntries(Object.keys(expected).map(key => [key, found[key]])), expected)
}

/** A vote, which Baileys can decrypt, but not send. */
async function vote(chat, poll, options) {
	const parts = [poll.key.id, lids.agent, lids.device, 'Poll Vote', Buffer.from([1])].map(part => Buffer.from(part))
	const key = hmacSign(Buffer.concat(parts), hmacSign(poll.message.messageContextInfo.messageSecret, new Uint8Array(32)))
	const selectedOptions = options.map(option => createHash('sha256').update(option).digest())
	const encIv = randomBytes(12)
	const plain = baileys.proto.Message.PollVoteMessage.encode({ selectedOptions }).finish()
	const encPayload = aesEncryptGCM(plain, key, encIv, Buffer.from(`${poll.key.id}\0${lids.device}`))
	const message = { pollUpdateMessage: { pollCreationMessageKey: poll.key, vote: { encPayload, encIv }, senderTimestampMs: Date.now() } }
	return event(await device.socket.relayMessage(jid(chat), message, {}))
}

for (const chat of CHATS) {
	for (const [name, content, kind, fields] of CONTENTS) {
		test(`from ${chat}: ${name}`, async () => {
			const { message } = (await companionSends(chat, content)).event
			assert.equal(message.content.kind, kind)
			assertFields(message.content[kind], fields)
			assertFields(message.origin, { chat: chat === 'a person' ? lids.device : to(chat), from_me: false, sender: { phone: PEER, lid: lids.device } })
		})
	}

	test(`from ${chat}: mentions, of the account and of everyone`, async () => {
		for (const [content, mentions, ofAccount] of [
			[{ mentions: [lids.agent] }, [{ phone: '', lid: lids.agent }], true],
			[{ mentions: [chatOf(ACCOUNT)] }, [{ phone: ACCOUNT, lid: '' }], true],
			[{ mentions: ['15550156012@s.whatsapp.net'] }, [{ phone: '+15550156012', lid: '' }], false],
			[{ mentionAll: true }, [], true]
		]) {
			const { message } = (await companionSends(chat, { text: 'and you?', ...content })).event
			assert.deepEqual([message.content.mentions, message.mentions_account], [mentions, ofAccount])
		}
	})

	test(`from ${chat}: a reply to itself is confirmed, and one to the agent names it`, async () => {
		const question = await companionSends(chat, { text: 'when?' })
		const own = (await companionSends(chat, { text: 'at noon' }, { quoted: question.sent })).event.message.quoted
		assertFields(own, { id: question.sent.key.id, text: 'when?', sender: { phone: PEER, lid: lids.device }, check: 'confirmed' })
		const asked = await agentSends(chat, 'where?')
		const answer = (await companionSends(chat, { text: 'here' }, { quoted: asked })).event.message.quoted
		// What the agent sends is no event, so its text is not confirmed.
		assertFields(answer, { id: asked.key.id, text: 'where?', check: 'unknown' })
		assert.equal(answer.sender.lid, lids.agent)
	})

	test(`from ${chat}: a forwarded message, and one that disappears`, async () => {
		const { sent } = await companionSends(chat, { text: 'pass it on' })
		assert.equal((await companionSends(chat, { forward: sent, force: true })).event.message.forwarded, true)
		const { message } = (await companionSends(chat, { text: 'gone tomorrow' }, { ephemeralExpiration: 86_400 })).event
		assert.equal(message.disappears_after, 86_400)
	})

	test(`from ${chat}: reactions, a pin, an edit and a deletion name their message`, async () => {
		const { sent } = await companionSends(chat, { text: 'tomorow' })
		const { key } = sent
		const changed = async content => (await companionSends(chat, content)).event
		for (const text of ['🎉', '']) {
			const { reaction } = await changed({ react: { text, key } })
			assert.deepEqual([reaction.target.id, reaction.target.check, reaction.emoji], [key.id, 'checked', text])
		}
		const { pin } = (await changed({ pin: key, type: 1, time: 86_400 })).message.content
		assert.deepEqual([pin.target.id, pin.unpinned], [key.id, false])
		const { edit } = await changed({ text: 'tomorrow', edit: key })
		assert.deepEqual([edit.target.id, edit.target.check, edit.content.text.body], [key.id, 'checked', 'tomorrow'])
		const { deletion } = await changed({ delete: key })
		assert.deepEqual([deletion.target.id, deletion.target.check], [key.id, 'checked'])
	})

	test(`from ${chat}: a reaction to a message of the agent names it`, async () => {
		const { key } = await agentSends(chat, 'do you like this?')
		const { reaction } = (await companionSends(chat, { react: { text: '👍', key } })).event
		assert.deepEqual([reaction.target.id, reaction.target.author.lid, reaction.emoji], [key.id, lids.agent, '👍'])
	})

	test(`from ${chat}: receipts of a message of the agent`, async () => {
		const { key } = await agentSends(chat, 'have you read this?')
		await device.socket.readMessages([key])
		const { receipt } = await agent.event('the receipt', ({ receipt }) => receipt?.message_ids.includes(key.id) && receipt.state === 'read')
		assertFields(receipt, { chat: chat === 'a person' ? lids.device : to(chat), recipient: { phone: PEER, lid: lids.device }, check: 'checked' })
	})

	test(`from ${chat}: a vote in a poll of the agent is decrypted`, async () => {
		const poll = await arrived((await agent.ctl('poll', to(chat), 'When?', 'now', 'later', 'never', '--max', '0')).message_id)
		for (const options of [['later'], ['now', 'never'], []]) {
			const { poll_vote: voted } = (await vote(chat, poll, options)).message.content
			assert.deepEqual([voted.target.id, voted.options.map(({ name }) => name), voted.sealed], [poll.key.id, options, false])
		}
	})
}

test('an invitation to a group has its code', async () => {
	const { jid: invited } = await sim.post('/group', { account: ACCOUNT, subject: 'Crew', members: [PEER] })
	await device.socket.relayMessage(lids.agent, { groupInviteMessage: { inviteCode: 'abc', inviteExpiration: 1_900_000_000, caption: 'join', groupJid: invited, groupName: 'Crew' } }, {})
	const { message } = await agent.event('the invitation', ({ message }) => message?.content.kind === 'group_invite')
	assertFields(message.content.group_invite, { group: invited, title: 'Crew', code: 'abc', caption: 'join' })
})
