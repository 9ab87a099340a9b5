// The messages that wait to be sent. Their content is not shown: the agent does not return it.

import { get, post } from './api.js'
import { byId, el, note, reason, sentence, when, words } from './dom.js'
import * as live from './live.js'

const SENDERS = ['sender', 'operator', 'admin']

let next = ''
let mayCancel = false
let hold

function row({ client_token, to, queued_at, queued_until, handed_over, attempts, reason: why, nack, held, retry_at }) {
	const state = [
		held ? 'held' : handed_over ? 'waits for the ack' : 'waits',
		Number(attempts) ? `${attempts} failed attempts` : '',
		why ? words(why) : '',
		nack ? `refused with ${nack.code}` : ''
	].filter(Boolean).join(', ')
	const cancel = el('button', { type: 'button', class: 'plain small', 'aria-label': `Cancel the message to ${to}`, onclick: async () => {
		try {
			const { never_sent } = await post('cancel', { token: client_token })
			note(never_sent ? 'Cancelled: it was never sent.' : 'Cancelled: it is not sent again, and may have arrived.')
			await open()
			byId('view-outbox').focus()
		} catch (failure) {
			byId('outbox-error').textContent = reason(failure)
		}
	} }, 'Cancel')
	return el('tr', {}, el('td', {}, to), el('td', {}, when(queued_at)), el('td', {}, when(queued_until)), el('td', {}, state, retry_at ? ', next try ' : '', when(retry_at)), el('td', {}, mayCancel ? cancel : ''))
}

async function load(page) {
	try {
		const listed = await get('outbox', page ? { page } : {})
		next = listed.next
		const rows = listed.messages.map(row)
		// At most two pages at once: a queue that is longer is read from its beginning as it empties.
		const body = byId('outbox')
		if (page) {
			body.append(...rows)
			while (body.children.length > 100) body.firstElementChild.remove()
		} else {
			body.replaceChildren(...rows)
		}
		byId('outbox-more').hidden = !next
		const count = listed.total === 0 ? 'The outbox is empty.' : listed.total === 1 ? 'One message waits.' : `${listed.total} messages wait, the oldest first.`
		byId('outbox-note').textContent = [count, hold ? `Sends are held. ${sentence(hold.hint)}` : ''].join(' ').trim()
		byId('outbox-error').textContent = ''
	} catch (failure) {
		byId('outbox-error').textContent = reason(failure)
	}
}

byId('outbox-more').addEventListener('click', () => load(next))
live.on('happened', ({ kind }) => { if (kind === 'outcome' && !byId('view-outbox').hidden) load() })

export function status(now) {
	mayCancel = !now.caller?.role || SENDERS.includes(now.caller.role)
	hold = now.hold
}

export const open = () => load()
