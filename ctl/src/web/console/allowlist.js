// Whose messages are allowed: the rules, and what was added to them.

import { get, post } from './api.js'
import { byId, el, note, reason, sentence, words } from './dom.js'

const OPERATORS = ['operator', 'admin']

let next = ''
let mayChange = false

const failed = failure => { byId('allowlist-error').textContent = reason(failure) }

function row({ key, who, list, source, added }) {
	const remove = el('button', { type: 'button', class: 'plain small', 'aria-label': `Remove ${who}`, onclick: async () => {
		try {
			await post('disallow', { who: key })
			note('Removed. Another entry may still allow them.')
			await open()
			byId('allow-who').focus()
		} catch (failure) {
			failed(failure)
		}
	} }, 'Remove')
	return el('tr', {}, el('td', {}, who), el('td', {}, words(list)), el('td', {}, source), el('td', {}, added && mayChange ? remove : ''))
}

async function load(page) {
	try {
		const listed = await get('allowed', page ? { page } : {})
		next = listed.next
		const { rules, line } = listed
		byId('allowlist-line').textContent = sentence(line ?? '')
		const remarks = [...rules?.remarks ?? [], rules?.reload_error ? `The file was changed, but the new rules were not loaded: ${rules.reload_error}` : '']
		byId('allowlist-remarks').replaceChildren(...remarks.filter(Boolean).map(text => el('li', {}, sentence(text))))
		// One page at a time, so that a long list stays small here.
		byId('allowed').replaceChildren(...listed.allowed.map(row))
		byId('allowed-more').hidden = !next
		byId('allowlist-error').textContent = ''
	} catch (failure) {
		failed(failure)
	}
}

byId('allow').addEventListener('submit', async event => {
	event.preventDefault()
	const field = byId('allow-who')
	try {
		const { added } = await post('allow', { who: field.value })
		note(added ? 'Allowed from now on.' : 'Allowed already: nothing was changed.')
		field.value = ''
		await open()
	} catch (failure) {
		failed(failure)
	}
	field.focus()
})
byId('allow-reload').addEventListener('click', async () => {
	try {
		await post('reload')
		note('The rules were reloaded.')
		await open()
	} catch (failure) {
		failed(failure)
	}
})
byId('allowed-more').addEventListener('click', () => load(next))

export function status({ caller }) {
	mayChange = !caller?.role || OPERATORS.includes(caller.role)
	byId('allow').hidden = !mayChange
}

export const open = () => load()
