// Events as they happen, newest first: at most so many, with a pause and a choice of kinds.

import { get } from './api.js'
import { bound, byId, el, reason, roving, said, when, words } from './dom.js'
import * as live from './live.js'

const MAX_SHOWN = 200

const list = byId('events')
const pause = byId('events-pause')
const chosen = new Set()
let next = ''
let isPaused = false
/** What arrived during the pause: as many as are shown, the newest. */
let waiting = []
let missed = 0
let isLoaded = false
/** Events that arrived while a list was fetched, which may have them or not. */
let meanwhile

const item = ({ seq, recorded_at, name, line }) => el('li', { tabIndex: -1 },
	el('span', { class: 'seq' }, String(seq)), when(recorded_at), el('b', {}, words(name)), said(line))

const isChosen = ({ kind }) => chosen.size === 0 || chosen.has(kind)

async function load(page) {
	if (!page) meanwhile = []
	try {
		const kinds = [...chosen].join(',')
		const listed = await get('events', { ...kinds && { kinds }, ...page && { page } })
		next = listed.next
		const items = listed.events.map(item)
		if (page) list.append(...items)
		else list.replaceChildren(...items)
		for (const { first, last, damaged } of listed.gaps) list.append(gap(first, last, damaged))
		if (bound(list, MAX_SHOWN)) next = ''
		byId('events-more').hidden = !next
		byId('events-error').textContent = ''
		isLoaded = true
		if (page) return
		const newest = listed.events[0]?.seq ?? 0
		const later = (meanwhile ?? []).filter(({ seq }) => seq > newest)
		meanwhile = undefined
		for (const event of later) add(item(event))
	} catch (failure) {
		meanwhile = undefined
		byId('events-error').textContent = reason(failure)
	}
}

const gap = (first, last, damaged) => el('li', { class: 'note', tabIndex: -1 }, `Events ${first} to ${last} are ${damaged ? 'damaged' : 'no longer kept'}.`)

function add(element) {
	if (isPaused) {
		missed++
		waiting.unshift(element)
		waiting.length = Math.min(waiting.length, MAX_SHOWN)
		byId('events-waiting').textContent = `${missed} new`
		return
	}
	list.prepend(element)
	bound(list, MAX_SHOWN)
}

function toggle() {
	isPaused = !isPaused
	pause.setAttribute('aria-pressed', String(isPaused))
	if (isPaused) return
	list.prepend(...waiting)
	bound(list, MAX_SHOWN)
	waiting = []
	missed = 0
	byId('events-waiting').textContent = ''
}

async function choices() {
	const kinds = await get('kinds')
	byId('events-kinds').append(...kinds.map(kind => el('label', { class: 'check' }, el('input', {
		type: 'checkbox',
		onchange: ({ currentTarget }) => {
			if (currentTarget.checked) chosen.add(kind)
			else chosen.delete(kind)
			load()
		}
	}), ` ${words(kind)}`)))
}

pause.addEventListener('click', toggle)
byId('events-more').addEventListener('click', () => load(next))
roving(list, 'li')
live.on('happened', event => {
	if (!isChosen(event)) return
	if (meanwhile) meanwhile.push(event)
	else if (isLoaded) add(item(event))
	if (meanwhile?.length > MAX_SHOWN) meanwhile.shift()
})
live.on('gap', ({ first, last, damaged }) => { if (isLoaded) add(gap(first, last, damaged)) })
live.on('over', () => { if (isLoaded) load() })

export async function open() {
	if (isLoaded) return
	await Promise.all([load(), choices()])
}

export const keys = { p: toggle }
