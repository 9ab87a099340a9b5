// Several accounts: two Baileys devices exchange messages through the server, end to end.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { asksForDevices, chatOf, Companion } from '../src/companion.mjs'
import { Simulator } from '../src/simulator.mjs'
import { until } from '../src/until.mjs'

const [ALICE, BOB] = ['+15550180001', '+15550180002']
const MEMBER = '+15550180003'
let sim
let alice
let bob

before(async () => {
	sim = await Simulator.start()
	alice = await Companion.linked(sim, ALICE, asksForDevices)
	bob = await Companion.linked(sim, BOB, asksForDevices)
})
afterEach(async () => {
	for (const account of [ALICE, BOB]) await until('an empty queue', async () => (await sim.queued(account)).length === 0)
	await sim.assertClean()
})
after(async () => {
	await alice?.dispose()
	await bob?.dispose()
	await sim.stop()
})

test('two linked devices write to each other by phone number and by LID', async () => {
	await alice.send(chatOf(BOB), 'hello Bob')
	const greeting = await bob.received('hello Bob')
	assert.equal(greeting.key.fromMe, false)
	await bob.send(greeting.key.remoteJid, 'hello Alice')
	const answer = await alice.received('hello Alice')
	await alice.send(answer.key.remoteJid, 'how are you')
	await bob.received('how are you')
})

test('they exchange messages in a group with a third', async () => {
	const { jid } = await sim.post('/group', { account: ALICE, subject: 'Three', members: [BOB, MEMBER] })
	const fromAlice = await alice.send(jid, 'Alice to the group')
	assert.equal((await bob.received('Alice to the group')).key.remoteJid, jid)
	await bob.send(jid, 'Bob to the group')
	assert.equal((await alice.received('Bob to the group')).key.remoteJid, jid)
	const read = await until('the third has it', async () => (await sim.get('/peer/inbox', { peer: MEMBER })).find(({ id }) => id === fromAlice))
	assert.equal(read.text, 'Alice to the group')
})

test('a second device of an account reads what the first writes, and what others write', async () => {
	const second = await Companion.linked(sim, ALICE)
	try {
		await bob.send(chatOf(ALICE), 'to all of your devices')
		await Promise.all([alice, second].map(each => each.received('to all of your devices')))
		await alice.send(chatOf(BOB), 'from the first device')
		const copy = await second.received('from the first device')
		assert.equal(copy.key.fromMe, true)
	} finally {
		await second.dispose()
	}
})
