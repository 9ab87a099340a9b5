// Invite links of groups: queried, used for joining, reset, and with approval by an admin.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { device, linkOne, sim } from '../src/one-companion.mjs'
import { until } from '../src/until.mjs'

const [ACCOUNT, ANNA, BEN] = ['+15550152001', '+15550152011', '+15550152012']

const group = async (account, ...members) => (await sim.post('/group', { account, subject: 'Tide tables', members })).jid
const info = (account, group) => sim.get('/group/info', { account, group })
const join = (account, code) => sim.post('/group/join', { account, code })

linkOne(ACCOUNT)

test('the code of the link is the one on the phone, until it is revoked', async () => {
	const jid = await group(ACCOUNT, ANNA)
	const code = await device.socket.groupInviteCode(jid)
	assert.equal(code, (await info(ACCOUNT, jid)).invite)
	const next = await device.socket.groupRevokeInvite(jid)
	assert.notEqual(next, code)
	assert.equal(await device.socket.groupInviteCode(jid), next)
	await assert.rejects(join(BEN, code))
	assert.deepEqual(await join(BEN, next), { member: true })
})

test('a link is queried, and used for joining', async () => {
	const jid = await group(ANNA, BEN)
	const { invite } = await info(ANNA, jid)
	const described = await device.socket.groupGetInviteInfo(invite)
	assert.deepEqual([described.id, described.subject, described.size], [jid, 'Tide tables', 2])
	assert.equal(await device.socket.groupAcceptInvite(invite), jid)
	assert.equal((await device.socket.groupMetadata(jid)).participants.length, 3)
	await sim.post('/peer/send', { from: BEN, group: jid, text: 'ahoy' })
	assert.equal((await device.received('ahoy')).key.remoteJid, jid)
})

test('a revoked link cannot be used for joining', async () => {
	const jid = await group(ANNA, BEN)
	const { invite } = await info(ANNA, jid)
	await sim.post('/group/change', { account: ANNA, group: jid, kind: 'reset_invite' })
	await assert.rejects(device.socket.groupGetInviteInfo(invite))
	await assert.rejects(device.socket.groupAcceptInvite(invite))
})

test('a link that a member resets is reported', async () => {
	const jid = await group(ACCOUNT, ANNA)
	const updates = device.collect('groups.update')
	await sim.post('/group/change', { account: ACCOUNT, group: jid, kind: 'promote', members: [ANNA] })
	await sim.post('/group/change', { account: ANNA, group: jid, kind: 'reset_invite' })
	const { invite } = await info(ANNA, jid)
	await until('the new code', () => updates.some(({ inviteCode }) => inviteCode === invite))
})

for (const [action, members] of [['approve', 3], ['reject', 2]]) {
	test(`a request to join is reported and listed until the account decides: ${action}`, async () => {
		const jid = await group(ACCOUNT, ANNA)
		const requests = device.collect('group.join-request')
		await device.socket.groupJoinApprovalMode(jid, 'on')
		assert.deepEqual(await join(BEN, await device.socket.groupInviteCode(jid)), { member: false })
		await until('the request', () => requests.length > 0)
		assert.deepEqual([requests[0].id, requests[0].action, requests[0].participantPn], [jid, 'created', `${BEN.slice(1)}@s.whatsapp.net`])

		const listed = await device.socket.groupRequestParticipantsList(jid)
		assert.equal(listed.length, 1)
		assert.equal(listed[0].jid, requests[0].participant)
		assert.deepEqual(await device.socket.groupRequestParticipantsUpdate(jid, [listed[0].jid], action), [{ status: '200', jid: listed[0].jid }])
		assert.deepEqual(await device.socket.groupRequestParticipantsList(jid), [])
		assert.equal((await device.socket.groupMetadata(jid)).participants.length, members)
	})
}
