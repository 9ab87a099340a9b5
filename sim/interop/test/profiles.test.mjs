// Profiles: pictures, about texts, names, privacy settings and blocked contacts; and queries for numbers on WhatsApp.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chatOf } from '../src/companion.mjs'
import { device, linkOne, sim } from '../src/one-companion.mjs'
import { until } from '../src/until.mjs'

const [ACCOUNT, ANNA, BEN] = ['+15550153001', '+15550153011', '+15550153012']
const JPEG = Buffer.from('/9j/4AAQSkZJRg==', 'base64')

const profile = account => sim.get('/profile', { account })
const lidOf = async number => (await sim.get('/accounts')).find(({ account }) => account === number).lid

async function meetContacts() {
	for (const from of [ANNA, BEN]) {
		await sim.post('/peer/send', { from, to: ACCOUNT, text: `hello from ${from}` })
		const { key } = await device.received(`hello from ${from}`)
		await device.send(key.remoteJid, 'kia ora')
	}
}

linkOne(ACCOUNT, { media: true, prepare: meetContacts })

test('a query returns whether a number is on WhatsApp', async () => {
	await sim.post('/unknown', { number: '+15550153099' })
	const found = await device.socket.onWhatsApp(ANNA, '+15550153099')
	assert.deepEqual(found.map(({ jid, exists }) => [jid, exists]), [[chatOf(ANNA), true]])
})

test('an about text can be set, and read by others', async () => {
	await device.socket.updateProfileStatus('at sea')
	assert.equal((await profile(ACCOUNT)).about, 'at sea')
	await sim.post('/profile/about', { account: ANNA, text: 'ashore' })
	const [{ status }] = await device.socket.fetchStatus(chatOf(ANNA))
	assert.equal(status.status, 'ashore')
})

test('the timer of new chats is set and read', async () => {
	await device.socket.updateDefaultDisappearingMode(86_400)
	assert.equal((await profile(ACCOUNT)).timer, 86_400)
	await sim.post('/profile/timer', { account: ANNA, seconds: 604_800 })
	const [{ disappearing_mode }] = await device.socket.fetchDisappearingDuration(chatOf(ANNA))
	assert.equal(disappearing_mode.duration, 604_800)
})

test('a picture is announced, and can be downloaded from its URL', async () => {
	const contacts = device.collect('contacts.update')
	await sim.post('/profile/picture', { account: ANNA, bytes: JPEG.toString('base64') })
	await until('the notification', () => contacts.some(({ imgUrl }) => imgUrl === 'changed'))
	for (const type of ['preview', 'image']) {
		const url = await device.socket.profilePictureUrl(chatOf(ANNA), type)
		const answer = await fetch(url)
		assert.deepEqual(Buffer.from(await answer.arrayBuffer()), JPEG)
	}
	await sim.post('/profile/picture', { account: ANNA })
	await until('the removal', () => contacts.some(({ imgUrl }) => imgUrl === 'removed'))
	await assert.rejects(device.socket.profilePictureUrl(chatOf(ANNA)))
})

test("the account's own picture is set and removed", async () => {
	const picture = { tag: 'picture', attrs: { type: 'image' }, content: JPEG } // as by updateProfilePicture, which needs an image library
	await device.socket.query({ tag: 'iq', attrs: { to: 's.whatsapp.net', type: 'set', xmlns: 'w:profile:picture' }, content: [picture] })
	const answer = await fetch(await device.socket.profilePictureUrl(device.creds.me.id, 'image'))
	assert.deepEqual(Buffer.from(await answer.arrayBuffer()), JPEG)
	await device.socket.removeProfilePicture(device.creds.me.id)
	assert.equal((await profile(ACCOUNT)).picture, null)
})

test('a privacy setting is stored, and applies to others', async () => {
	const { socket } = device
	await socket.updateLastSeenPrivacy('contacts')
	await socket.updateProfilePicturePrivacy('none')
	await socket.updateReadReceiptsPrivacy('none')
	await socket.updateGroupsAddPrivacy('contacts')
	const { last, profile: picture, readreceipts, groupadd } = await socket.fetchPrivacySettings(true)
	assert.deepEqual([last, picture, readreceipts, groupadd], ['contacts', 'none', 'none', 'contacts'])
	assert.equal((await profile(ACCOUNT)).privacy.profile, 'none')

	await sim.post('/profile/about', { account: BEN, text: 'hidden' })
	await sim.post('/profile/privacy', { account: BEN, setting: 'status', value: 'none' })
	const [hidden] = await socket.fetchStatus(chatOf(BEN))
	assert.notEqual(hidden?.status?.status, 'hidden')
})

test('a blocked contact is listed, and their messages do not arrive', async () => {
	const { socket } = device
	await socket.updateBlockStatus(chatOf(BEN), 'block')
	assert.deepEqual(await socket.fetchBlocklist(), [await lidOf(BEN)])
	assert.deepEqual((await profile(ACCOUNT)).blocked, [BEN])
	await sim.post('/peer/send', { from: BEN, to: ACCOUNT, text: 'from the blocked' })
	await socket.updateBlockStatus(chatOf(BEN), 'unblock')
	assert.deepEqual(await socket.fetchBlocklist(), [])
	await sim.post('/peer/send', { from: BEN, to: ACCOUNT, text: 'from the unblocked' })
	await device.received('from the unblocked')
	assert.ok(!device.texts().includes('from the blocked'))
})

test('a contact who is blocked on the phone is listed', async () => {
	await sim.post('/profile/block', { account: ACCOUNT, contact: ANNA, blocked: true })
	assert.deepEqual(await device.socket.fetchBlocklist(), [await lidOf(ANNA)])
	await sim.post('/profile/block', { account: ACCOUNT, contact: ANNA, blocked: false })
	assert.deepEqual(await device.socket.fetchBlocklist(), [])
})

test('a business has a business profile, and a person has none', async () => {
	const profile = () => device.socket.getBusinessProfile(chatOf(BEN))
	assert.equal(await profile(), undefined)
	await sim.post('/profile/business', { account: BEN, name: 'Boatyard' })
	assert.equal((await profile()).wid, chatOf(BEN))
	await sim.post('/profile/business', { account: BEN })
	assert.equal(await profile(), undefined)
})

test('the phone and Baileys can set the name of the account', async () => {
	await sim.post('/profile/name', { account: ACCOUNT, name: 'Anna' })
	await until('the name', () => device.creds.me.name === 'Anna')
	await device.socket.updateProfileName('Ben')
	assert.equal((await profile(ACCOUNT)).name, 'Ben')
})
