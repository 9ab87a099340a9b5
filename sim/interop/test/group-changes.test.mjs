// Changes of a group: by Baileys, as the members see them, and by members, as Baileys reports them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chatOf } from '../src/companion.mjs'
import { device, linkOne, sim } from '../src/one-companion.mjs'
import { until } from '../src/until.mjs'

const [ACCOUNT, ANNA, BEN, CARA] = ['+15550151001', '+15550151011', '+15550151012', '+15550151013']

const group = async (...members) => (await sim.post('/group', { account: ACCOUNT, subject: 'Tide tables', members })).jid
const change = (account, group, kind, fields = {}) => sim.post('/group/change', { account, group, kind, ...fields })
const admins = async jid => (await device.socket.groupMetadata(jid)).participants.filter(({ admin }) => admin).map(numberOf)
const members = async jid => (await device.socket.groupMetadata(jid)).participants.map(numberOf)
const numberOf = ({ id, phoneNumber }) => `+${(phoneNumber ?? id).split('@')[0]}`
const inbox = peer => sim.get('/peer/inbox', { peer })

linkOne(ACCOUNT)

test('a group that the account creates has its members, and the account as admin', async () => {
	const { id, subject } = await device.socket.groupCreate('Sailors', [ANNA, BEN].map(chatOf))
	assert.equal(subject, 'Sailors')
	assert.deepEqual((await members(id)).sort(), [ACCOUNT, ANNA, BEN])
	assert.deepEqual(await admins(id), [ACCOUNT])
	await device.send(id, 'welcome aboard')
	for (const peer of [ANNA, BEN]) await until('the welcome', async () => (await inbox(peer)).some(({ text }) => text === 'welcome aboard'))
})

test('subject, description, settings and timer are in the description of the group', async () => {
	const jid = await group(ANNA)
	const { socket } = device
	await socket.groupUpdateSubject(jid, 'Harbour')
	await socket.groupUpdateDescription(jid, 'Who sails when')
	await socket.groupSettingUpdate(jid, 'announcement')
	await socket.groupSettingUpdate(jid, 'locked')
	await socket.groupToggleEphemeral(jid, 86_400)
	await socket.groupJoinApprovalMode(jid, 'on')
	const { subject, desc, announce, restrict, ephemeralDuration, joinApprovalMode } = await socket.groupMetadata(jid)
	assert.deepEqual([subject, desc, announce, restrict, ephemeralDuration], ['Harbour', 'Who sails when', true, true, 86_400])
	assert.equal(joinApprovalMode, true)

	await socket.groupUpdateDescription(jid, 'Who sails where')
	await socket.groupUpdateDescription(jid)
	await socket.groupSettingUpdate(jid, 'not_announcement')
	await socket.groupSettingUpdate(jid, 'unlocked')
	await socket.groupToggleEphemeral(jid, 0)
	const undone = await socket.groupMetadata(jid)
	assert.deepEqual([undone.desc, undone.announce, undone.restrict, undone.ephemeralDuration], [undefined, false, false, undefined])
})

test('the permission to add members is a setting', async () => {
	const jid = await group(ANNA)
	for (const mode of ['all_member_add', 'admin_add']) {
		await device.socket.groupMemberAddMode(jid, mode)
		assert.equal((await device.socket.groupMetadata(jid)).memberAddMode, mode === 'all_member_add')
	}
})

test('members are added, promoted, demoted and removed', async () => {
	const jid = await group(ANNA)
	const update = async (action, ...numbers) => (await device.socket.groupParticipantsUpdate(jid, numbers.map(chatOf), action)).map(({ status }) => status)
	assert.deepEqual(await update('add', BEN, CARA), ['200', '200'])
	assert.deepEqual(await update('promote', BEN), ['200'])
	assert.deepEqual((await admins(jid)).sort(), [ACCOUNT, BEN])
	assert.deepEqual(await update('demote', BEN), ['200'])
	assert.deepEqual(await admins(jid), [ACCOUNT])
	assert.deepEqual(await update('remove', BEN), ['200'])
	assert.deepEqual((await members(jid)).sort(), [ACCOUNT, ANNA, CARA])
})

test('adding a member twice and removing a non-member fail for that person', async () => {
	const jid = await group(ANNA)
	const update = async (action, number) => (await device.socket.groupParticipantsUpdate(jid, [chatOf(number)], action))[0].status
	assert.equal(await update('add', ANNA), '409')
	assert.equal(await update('remove', BEN), '404')
})

test('a group that the account has left is not listed', async () => {
	const [left, kept] = [await group(ANNA), await group(BEN)]
	await device.socket.groupLeave(left)
	const groups = await device.socket.groupFetchAllParticipating()
	assert.equal(groups[kept].subject, 'Tide tables')
	assert.equal(groups[kept].participants.length, 2)
	assert.equal(groups[left], undefined)
	await assert.rejects(device.send(left, 'to a group that it has left'))
})

test('changes that a member makes are reported with their author', async () => {
	const jid = await group(ANNA)
	const updates = device.collect('groups.update')
	await change(ACCOUNT, jid, 'promote', { members: [ANNA] })
	const on = { on: true }
	for (const [kind, fields, field, value] of [
		['subject', { subject: 'Harbour' }, 'subject', 'Harbour'],
		['description', { description: 'Who sails when' }, 'desc', 'Who sails when'],
		['announcement', on, 'announce', true],
		['locked', on, 'restrict', true],
		['approval', on, 'joinApprovalMode', true]
	]) {
		await change(ANNA, jid, kind, fields)
		await until(kind, () => updates.some(update => update.id === jid && update[field] === value)) // of several simultaneous updates Baileys reports the first
	}
	const { participants } = await device.socket.groupMetadata(jid)
	for (const { author } of updates) assert.equal(author, participants.find(each => numberOf(each) === ANNA).id)
})

test('a timer that a member sets is reported', async () => {
	const created = device.collect('chats.upsert')
	const jid = await group(ANNA)
	await until('the group', () => created.some(({ id }) => id === jid)) // an update that arrives with it would be part of that event
	const chats = device.collect('chats.update')
	await change(ANNA, jid, 'ephemeral', { expiration: 604_800 })
	await until('the timer', () => chats.some(({ id, ephemeralExpiration }) => id === jid && ephemeralExpiration === 604_800))
})

test('added, removed and promoted members are reported', async () => {
	const jid = await group(ANNA)
	const changes = device.collect('group-participants.update')
	await change(ACCOUNT, jid, 'promote', { members: [ANNA] })
	await change(ANNA, jid, 'add', { members: [BEN, CARA] })
	await change(ANNA, jid, 'remove', { members: [CARA] })
	await change(BEN, jid, 'leave')
	await change(ACCOUNT, jid, 'demote', { members: [ANNA] })
	await until('five changes', () => changes.length >= 5)
	assert.deepEqual(changes.map(({ action, participants }) => [action, ...participants.map(numberOf)]), [
		['promote', ANNA],
		['add', BEN, CARA],
		['remove', CARA],
		['remove', BEN],
		['demote', ANNA]
	])
})

test('the account is notified when it is added to a group and removed from it', async () => {
	const made = device.collect('groups.upsert')
	const changes = device.collect('group-participants.update')
	const { jid } = await sim.post('/group', { account: ANNA, subject: 'Harbour', members: [ACCOUNT, BEN] })
	await until('the group', () => made.some(({ id, subject, participants }) => id === jid && subject === 'Harbour' && participants.length === 3))
	await change(ANNA, jid, 'remove', { members: [ACCOUNT] })
	await until('the removal', () => changes.some(({ id, action, participants }) => id === jid && action === 'remove' && numberOf(participants[0]) === ACCOUNT))
	await sim.post('/peer/send', { from: ANNA, group: jid, text: 'not for the account' })
	await change(ANNA, jid, 'add', { members: [ACCOUNT] })
	await sim.post('/peer/send', { from: ANNA, group: jid, text: 'for the account again' })
	await device.received('for the account again')
	assert.ok(!device.texts().includes('not for the account'))
})

test("a description has one id, generated by the author's device", async () => {
	const jid = await group(ANNA)
	const ids = []
	device.socket.ws.on('CB:notification,type:w:gp2', ({ content }) => ids.push(content[0].attrs.id))
	await device.socket.groupUpdateDescription(jid, 'Who sails when')
	const { descId } = await device.socket.groupMetadata(jid)
	assert.match(descId, /^3EB0/)
	await until('the notification', () => ids.includes(descId))
})
