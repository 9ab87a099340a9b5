// The link: its state, and what changes it.

import { get, post } from './api.js'
import { byId, el, note, reason, sentence, when, words } from './dom.js'
import { follow, leave } from '/pairing.js'

const OPERATORS = ['operator', 'admin']
/** States in which the credentials may still work. */
const RESUMABLE = ['replaced', 'banned', 'outdated', 'logged_out', 'backing_off']

let isFollowing = false
let shownPhone = ''

function facts({ link, agent, build, events, caller, started_at, restriction }) {
	const known = [
		['State', words(link?.state)],
		['Account', link?.phone],
		['Since', when(link?.since)],
		['Device', link?.device],
		['Linked', when(link?.linked_at)],
		['Next try', when(link?.retry_at)],
		['Restricted', link?.restriction ? `code ${link.restriction.code}` : ''],
		['Agent', agent?.name],
		['Version', build?.version],
		['Started', when(started_at)],
		['Events', events?.oldest ? `${events.oldest} to ${events.head}` : 'none yet'],
		['Your role', words(caller?.role)]
	]
	return known.filter(([, value]) => value).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))
}

export function status(now) {
	const { link, caller, hold } = now
	byId('link-facts').replaceChildren(...facts(now))
	byId('link-hint').textContent = [link?.hint, hold?.hint].map(text => sentence(text ?? '')).join(' ').trim()
	const mayLink = !caller?.role || OPERATORS.includes(caller.role)
	const isLinked = Boolean(link?.phone) && link.state !== 'logged_out'
	byId('link-begin').hidden = !mayLink || isFollowing
	byId('link-begin').textContent = isLinked ? 'Link another phone' : 'Link a phone'
	byId('link-begin').dataset.replace = String(Boolean(link?.phone))
	byId('link-unpair').hidden = !mayLink || !link?.phone
	byId('link-resume').hidden = !mayLink || !RESUMABLE.includes(link?.state)
	shownPhone = link?.phone ?? ''
}

export async function open() {
	try {
		status(await get('status'))
		byId('link-error').textContent = ''
	} catch (failure) {
		byId('link-error').textContent = reason(failure)
	}
}

/** Shows the pairing until its end. */
async function pair() {
	isFollowing = true
	byId('pairing').hidden = false
	byId('link-begin').hidden = true
	byId('pairing-stop').focus()
	const last = await follow({ path: 'pair/', again: 'Reload this page if the command still runs.' })
	isFollowing = false
	if (last === 'stopped') return // with its reason on the page
	byId('pairing').hidden = true
	leave()
	if (last === 'linked') note('The phone is linked.')
	await open()
	byId('view-link').focus()
}

byId('link-begin').addEventListener('click', async ({ currentTarget }) => {
	if (isFollowing) return
	byId('link-error').textContent = ''
	try {
		await post('pair/start', { replace: currentTarget.dataset.replace === 'true' })
	} catch (failure) {
		byId('link-error').textContent = reason(failure)
		return
	}
	await pair()
})

byId('pairing-stop').addEventListener('click', async () => {
	await post('pair/stop').catch(() => {})
	byId('pairing').hidden = true
	leave()
})

byId('link-resume').addEventListener('click', async () => {
	byId('link-error').textContent = ''
	note('Reconnecting')
	try {
		const { link } = await post('resume')
		note(`Now ${words(link?.state)}.`)
		await open()
	} catch (failure) {
		note('')
		byId('link-error').textContent = reason(failure)
	}
})

const dialog = byId('unpair')
const sure = byId('unpair-sure')

byId('link-unpair').addEventListener('click', () => {
	byId('unpair-text').textContent = `WhatsApp removes the device of ${shownPhone}, then every credential and event of this agent is wiped.`
	byId('unpair-error').textContent = ''
	sure.checked = false
	byId('unpair-do').disabled = true
	dialog.showModal()
})
sure.addEventListener('change', () => { byId('unpair-do').disabled = !sure.checked })
byId('unpair-cancel').addEventListener('click', () => dialog.close())
byId('unpair-do').addEventListener('click', async () => {
	byId('unpair-do').disabled = true
	try {
		const { confirmed } = await post('unpair', { confirmed: sure.checked })
		dialog.close()
		note(confirmed ? 'Unlinked: WhatsApp confirmed the removal.' : 'Unlinked. WhatsApp did not confirm: remove the device on the phone, under Linked devices.')
		await open()
	} catch (failure) {
		byId('unpair-error').textContent = reason(failure)
	}
})
