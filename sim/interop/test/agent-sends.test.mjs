// Every kind of message that the agent sends, to a person and to a group, as Baileys reads it. Files: agent-files.test.mjs.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACCOUNT, agent, agentSends, arrived, CHATS, companionSends, device, jid, linkBoth, lids, PEER, sim, to } from '../src/agent-and-companion.mjs'
import { baileys } from '../src/baileys.mjs'
import { chatOf, Companion, textOf } from '../src/companion.mjs'
import { until } from '../src/until.mjs'

const OTHERS = ['+15550156011', '+15550156012']
const READ = 4
let reactions

linkBoth({
	prepare: () => {
		reactions = device.collect('messages.reaction')
	}
})

const contextOf = ({ message }) => message.extendedTextMessage.contextInfo
/** The receipt of a person changes the message; in a group each member's is reported by itself. */
const isRead = id => device.updates.some(({ key, update }) => key.id === id && update.status === READ)
	|| device.receipts.some(({ key, receipt }) => key.id === id && receipt.readTimestamp)
const updateOf = (id, which) => until(`a change of ${id}`, () => device.updates.find(({ key, update }) => key.id === id && which(update)))

for (const chat of CHATS) {
	test(`a text to ${chat} is read, with its chat and its author`, async () => {
		for (const text of ['kia ora 👋🏽 “quoted”', '\u202eright to left\u202c', 'line\nbreak\ttab', 'see https://example.com/tides', 'x'.repeat(20_000)]) {
			const message = await agentSends(chat, text)
			assert.equal(textOf(message), text)
			const { remoteJid, participant, fromMe } = message.key
			assert.deepEqual([remoteJid, fromMe, participant || remoteJid], [jid(chat), false, lids.agent])
		}
	})

	test(`a reply to ${chat} quotes its message`, async () => {
		const { event, sent } = await companionSends(chat, { text: 'when?' })
		const reply = await agentSends(chat, 'at noon', '--reply', String(event.seq))
		assert.equal(textOf(reply), 'at noon')
		const { stanzaId, participant, quotedMessage } = contextOf(reply)
		assert.deepEqual([stanzaId, participant, quotedMessage.conversation], [sent.key.id, lids.device, 'when?'])
	})

	test(`a mention in ${chat} names the person`, async () => {
		const [digits] = lids.device.split('@')
		for (const [text, who, named] of [[`and @${PEER.slice(1)}?`, PEER, chatOf(PEER)], [`and @${digits}?`, lids.device, lids.device]]) {
			const message = await agentSends(chat, text, '--mention', who)
			assert.equal(textOf(message), text)
			assert.deepEqual(contextOf(message).mentionedJid, [named])
		}
	})

	test(`a location for ${chat} has its name, its address and its caption`, async () => {
		const { message } = await agentSends(chat, 'come here', '--location=-41.3,174.8', '--name', 'Wharf', '--address', '1 Queens Wharf')
		const { degreesLatitude, degreesLongitude, name, address, comment } = message.locationMessage
		assert.deepEqual([degreesLatitude, degreesLongitude, name, address, comment], [-41.3, 174.8, 'Wharf', '1 Queens Wharf', 'come here'])
	})

	test(`contact cards for ${chat} have names and numbers that a phone can call`, async () => {
		const [anna, ben] = [`Anna; Smith:${OTHERS[0]}`, `Ben:${OTHERS[1]}`]
		const one = (await agentSends(chat, '--contact', anna)).message.contactMessage
		const both = (await agentSends(chat, '--contact', anna, '--contact', ben)).message.contactsArrayMessage
		const cards = [one, ...both.contacts]
		assert.deepEqual(cards.map(({ displayName }) => displayName), ['Anna; Smith', 'Anna; Smith', 'Ben'])
		for (const [at, { vcard }] of cards.entries()) {
			const number = OTHERS[Math.floor(at / 2)]
			assert.match(vcard, /^BEGIN:VCARD\nVERSION:3\.0\n[^]*\nEND:VCARD$/)
			assert.ok(vcard.includes(`waid=${number.slice(1)}:${number}\n`), vcard)
		}
		assert.ok(one.vcard.includes('\nFN:Anna\\; Smith\n'), one.vcard)
	})

	test(`polls for ${chat} have their options`, async () => {
		for (const [options, max, field] of [[['now', 'later'], 1, 'pollCreationMessageV3'], [['a', 'b', 'c'], 0, 'pollCreationMessage']]) {
			const { message_id: id } = await agent.ctl('poll', to(chat), 'When?', ...options, '--max', String(max))
			const { message } = await arrived(id)
			const poll = message[field]
			assert.deepEqual([poll.name, poll.options.map(({ optionName }) => optionName), poll.selectableOptionsCount], ['When?', options, max])
			assert.equal(message.messageContextInfo.messageSecret.length, 32)
		}
	})

	test(`a vote in a poll of ${chat} is decrypted and counted, and so is its removal`, async () => {
		const { event, sent } = await companionSends(chat, { poll: { name: 'When?', values: ['now', 'later'], selectableCount: 1 } })
		for (const [options, voters] of [[['later'], [0, 1]], [['--remove'], [0, 0]]]) {
			const { message_id: id } = await agent.ctl('vote', String(event.seq), ...options)
			const vote = await arrived(id)
			assert.equal(vote.message.pollUpdateMessage.pollCreationMessageKey.id, sent.key.id)
			const opened = baileys.decryptPollVote(vote.message.pollUpdateMessage.vote, {
				pollCreatorJid: lids.device,
				pollMsgId: sent.key.id,
				pollEncKey: sent.message.messageContextInfo.messageSecret,
				voterJid: lids.agent
			})
			const pollUpdates = [{ pollUpdateMessageKey: vote.key, vote: opened }]
			const counted = baileys.getAggregateVotesInPollMessage({ message: sent.message, pollUpdates }, lids.device)
			assert.deepEqual(counted.map(each => each.voters.length), voters)
		}
	})

	test(`a reaction in ${chat} and its removal are reported for their message`, async () => {
		const { event, sent } = await companionSends(chat, { text: 'react to this' })
		for (const [argument, text] of [['👍', '👍'], ['--remove', '']]) {
			await agent.ctl('react', String(event.seq), argument)
			const isIt = ({ key, reaction }) => key.id === sent.key.id && reaction.text === text
			const { key } = await until(`the reaction ${argument}`, () => reactions.find(isIt))
			assert.equal(key.fromMe, true)
		}
	})

	test(`a reaction in ${chat} to a message of the agent itself is reported`, async () => {
		const { key } = await agentSends(chat, 'I like this')
		await agent.ctl('react', key.id, '--chat', to(chat), '🎉')
		await until('the reaction', () => reactions.some(each => each.key.id === key.id && each.reaction.text === '🎉'))
	})

	test(`an edit and a deletion in ${chat} change their message`, async () => {
		const { key } = await agentSends(chat, 'tomorow')
		await agent.ctl('edit', key.id, '--chat', to(chat), 'tomorrow')
		const { update } = await updateOf(key.id, update => update.message?.editedMessage)
		assert.equal(textOf(update.message.editedMessage), 'tomorrow')
		await agent.ctl('delete', key.id, '--chat', to(chat))
		await updateOf(key.id, update => update.message === null)
	})

	test(`a message from ${chat} that the agent marks as read is read for its sender`, async () => {
		const { event, sent } = await companionSends(chat, { text: 'have you seen this?' })
		await agent.ctl('read', String(event.seq))
		await until('the receipt', () => isRead(sent.key.id))
	})

	test(`${chat} gets messages with the timer of the chat`, async () => {
		await device.socket.sendMessage(jid(chat), { disappearingMessagesInChat: 86_400 })
		await agent.event('the timer', ({ message, group_change: change }) => (message?.content.timer_change ?? change)?.disappears_after === 86_400)
		const message = await agentSends(chat, 'gone tomorrow')
		assert.equal(contextOf(message).expiration, 86_400)
		await device.socket.sendMessage(jid(chat), { disappearingMessagesInChat: false })
	})
}

test('as an admin the agent deletes a message of another member', async () => {
	const { event, sent } = await companionSends('a group', { text: 'off topic' })
	await agent.ctl('delete', String(event.seq))
	await updateOf(sent.key.id, update => update.message === null)
})

test('a message to a group that Baileys has created with a timer has that timer', async () => {
	const participants = [ACCOUNT].map(number => ({ tag: 'participant', attrs: { jid: chatOf(number) } }))
	const timer = { tag: 'ephemeral', attrs: { expiration: '604800' } }
	const create = { tag: 'create', attrs: { subject: 'Brief', key: baileys.generateMessageIDV2() }, content: [...participants, timer] }
	const answer = await device.socket.query({ tag: 'iq', attrs: { type: 'set', xmlns: 'w:g2', to: '@g.us' }, content: [create] })
	const created = `${baileys.getBinaryNodeChild(answer, 'group').attrs.id}@g.us`
	await agent.event('the group', ({ group_change: change }) => change?.origin.chat === created && change.disappears_after === 604_800)
	const { message_id: id } = await agent.ctl('send', created, 'gone next week')
	assert.equal(contextOf(await arrived(id)).expiration, 604_800)
})

test("the account's other device reads what the agent sends, as its own", async () => {
	const second = await Companion.linked(sim, ACCOUNT)
	try {
		for (const chat of CHATS) {
			const { key } = await agentSends(chat, `from the agent to ${chat}`)
			const copy = await second.received(`from the agent to ${chat}`)
			assert.deepEqual([copy.key.id, copy.key.fromMe, copy.key.remoteJid], [key.id, true, chat === 'a person' ? lids.device : to(chat)])
		}
	} finally {
		// What is still to come for it would wait in its queue.
		const { device: number } = baileys.jidDecode(second.creds.me.id)
		await sim.post('/phone/unlink', { account: ACCOUNT, device: number })
		await second.closed()
		await second.dispose()
	}
})
