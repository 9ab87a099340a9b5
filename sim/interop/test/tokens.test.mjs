// Privacy tokens, as far as Baileys supports them: it sends a contact's token with the answer.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { device, linkOne, sim } from '../src/one-companion.mjs'
import { until } from '../src/until.mjs'

const [ACCOUNT, PEER, STRANGER] = ['+15550170001', '+15550170011', '+15550170012']

linkOne(ACCOUNT, { lenient: [] })

const inbox = peer => sim.get('/peer/inbox', { peer })
const chatOf = number => `${number.slice(1)}@s.whatsapp.net`

test('a contact who wrote first gets an answer', async () => {
	await sim.post('/peer/send', { from: PEER, to: ACCOUNT, text: 'hello', by: 'lid' })
	const { key } = await device.received('hello')
	await until('the token is here', async () => (await sim.queued(ACCOUNT)).length === 0)
	const id = await device.send(key.remoteJid, 'kia ora')
	await until('the answer', async () => (await inbox(PEER)).some(message => message.id === id))
})

test('a first message without a token is refused with 463', async () => {
	const errors = []
	device.socket.ws.on('CB:ack,class:message', ({ attrs }) => errors.push(attrs.error))
	await device.send(chatOf(STRANGER), 'hello')
	await until('the refusal', () => errors.includes('463'))
	assert.deepEqual(await inbox(STRANGER), [])
})
