// For test files in which Baileys judges the agent: one simulator with every rule enforced, the agent linked to one account,
// Baileys to another, and a group with both and with a third account.

import { after, afterEach, before } from 'node:test'
import { Agent } from './agent.mjs'
import { asksForDevices, Companion } from './companion.mjs'
import { overPlainHttp } from './plain-http.mjs'
import { Simulator } from './simulator.mjs'
import { until } from './until.mjs'

/** The accounts: of the agent, of Baileys, and the third. */
export const [ACCOUNT, PEER, THIRD] = ['+15550156001', '+15550156002', '+15550156003']
/** The kinds of chat that a test is run in. */
export const CHATS = ['a person', 'a group']

/** Assigned before the tests of a file run. `third` is an agent of the third account, if the file has one. */
export let sim
export let agent
export let device
export let third
let group
/** The LIDs of the two accounts. */
export const lids = {}

/** Links both; `withThird` links another agent to the third account, and `prepare` runs once all are linked. */
export function linkBoth({ withThird = false, prepare } = {}) {
	const linked = () => [ACCOUNT, PEER, ...(third ? [THIRD] : [])]
	before(async () => {
		sim = await Simulator.start({ lenient: [] })
		overPlainHttp(sim.media)
		device = await Companion.linked(sim, PEER, asksForDevices)
		agent = await Agent.linked(sim, ACCOUNT)
		if (withThird) third = await Agent.linked(sim, THIRD)
		group = (await sim.post('/group', { account: ACCOUNT, subject: 'Judges', members: [PEER, THIRD] })).jid
		Object.assign(lids, { agent: (await agent.ctl('status')).link.lid, device: device.socket.authState.creds.me.lid.replace(/:\d+@/, '@') })
		// Baileys has no privacy token for people who have never written.
		await arrived((await agent.ctl('send', PEER, 'good morning')).message_id)
		await prepare?.()
	})
	afterEach(async () => {
		for (const account of linked()) await until('an empty queue', async () => (await sim.queued(account)).length === 0)
		await sim.assertClean()
	})
	after(async () => {
		await third?.dispose()
		await agent?.dispose()
		await device?.dispose()
		await sim?.stop()
	})
}

/** The chat, as the agent's client names it. */
export const to = chat => (chat === 'a person' ? PEER : group)
/** The same chat, as Baileys names it. */
export const jid = chat => (chat === 'a person' ? lids.agent : group)

/** The message with this id, once Baileys has it. */
export const arrived = id => until(`message ${id} at Baileys`, () => device.messages.find(({ key }) => key.id === id))

/** Sends with the agent. Returns the message as Baileys has received it. */
export const agentSends = async (chat, ...args) => arrived((await agent.ctl('send', to(chat), ...args)).message_id)

/** The event of the message or change with this id. */
export const event = (id, of = agent) => of.event(`event of ${id}`, event => event[event.kind]?.origin?.id === id)

/**
 * Sends with Baileys. Returns the agent's event, and what Baileys has sent, once it has reported that itself: until then it merges
 * receipts and reactions into that report.
 */
export async function companionSends(chat, content, options) {
	const sent = await device.socket.sendMessage(jid(chat), content, options)
	await arrived(sent.key.id)
	return { event: await event(sent.key.id), sent }
}
