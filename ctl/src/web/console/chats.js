// The list of chats: a page at a time, and at most so many in the page at once.

import { get } from './api.js'
import * as chat from './chat.js'
import { bound, byId, el, reason, roving, said, when, words } from './dom.js'
import * as live from './live.js'

const MAX_SHOWN = 200
const REFRESH_MS = 700

const list = byId('chats')
let next = ''
/** True if the newest chats are in the list, so that it follows what happens. */
let atNewest = true
let refreshing

const isShown = () => !byId('view-chats').hidden

function entry(it) {
	const name = it.name || it.address
	const isOpen = it.key === chat.openKey()
	return el('li', {}, el('button', {
		type: 'button',
		'data-key': it.key,
		'aria-current': String(isOpen),
		onclick: () => open_(it)
	}, said(name, 'b'), ' ', when(it.newest_at), el('span', { class: 'note' }, [it.name && it.address, words(it.newest_kind)].filter(Boolean).join(' · '))))
}

function open_(it) {
	for (const button of list.querySelectorAll('button')) button.setAttribute('aria-current', String(button.dataset.key === it.key))
	chat.open(it)
}

function paging(incomplete) {
	byId('chats-more').hidden = !next
	byId('chats-newest').hidden = atNewest
	byId('chats-note').textContent = list.children.length === 0 ? 'No chats yet.' : incomplete && !next ? 'Older chats have no event among the newest 10,000.' : ''
}

async function load(page) {
	try {
		const listed = await get('chats', page ? { page } : {})
		const focused = document.activeElement?.dataset?.key
		next = listed.next
		const entries = listed.chats.map(entry)
		if (page) {
			list.append(...entries)
			if (bound(list, MAX_SHOWN, 'start')) atNewest = false
			entries[0]?.querySelector('button').focus()
		} else {
			list.replaceChildren(...entries)
			list.parentElement.scrollTop = 0
			atNewest = true
			if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus()
		}
		paging(listed.incomplete)
	} catch (failure) {
		byId('chats-note').textContent = reason(failure)
	}
}

/** The first page again, soon, and once for many events. */
function refresh() {
	if (refreshing || !atNewest || !isShown()) return
	if (list.children.length > MAX_SHOWN / 2) {
		byId('chats-newest').hidden = false // someone reads further down
		return
	}
	refreshing = setTimeout(() => {
		refreshing = undefined
		load()
	}, REFRESH_MS)
}

byId('chats-more').addEventListener('click', () => load(next))
byId('chats-newest').addEventListener('click', () => load())
byId('chat-new').addEventListener('submit', event => {
	event.preventDefault()
	const number = byId('chat-number').value.trim()
	byId('chat-number-error').textContent = /^\+?[\d\s().-]{6,}$|@/.test(number) ? '' : 'A number begins with + and its country code.'
	if (byId('chat-number-error').textContent) return byId('chat-number').focus()
	open_({ key: number, name: '', address: number })
})
roving(list, 'button')

live.on('happened', ({ key, kind }) => {
	if (key && kind !== 'receipt') refresh()
})
live.on('over', () => load())

export const status = chat.status

export function open() {
	if (atNewest) load()
}

export const keys = {
	...chat.keys,
	n: () => byId('chat-number').focus(),
	Escape: () => {
		(list.querySelector('[aria-current=true]') ?? list.querySelector('button') ?? byId('chat-number')).focus()
	}
}
