// The frame of the console: the views, the keys, and the status that all of them use.

import { get } from './api.js'
import { byId, reason, words } from './dom.js'
import * as live from './live.js'
import * as alerts from './alerts.js'
import * as allowlist from './allowlist.js'
import * as charts from './charts.js'
import * as chats from './chats.js'
import * as events from './events.js'
import * as link from './link.js'
import * as outbox from './outbox.js'

/** In the order of the tabs. `open` is called when a view is shown, `keys` has its keys. */
const VIEWS = { link, chats, events, outbox, allowlist, alerts, charts }
const NAMES = Object.keys(VIEWS)
const GOOD = ['connected']
const WAITING = ['linking', 'connecting', 'backing_off']
const RETRY_MS = 2000

let current

/** Shows a view; the address keeps it, so that a reload shows it again. */
function show(name, { focus = false } = {}) {
	current = name
	for (const other of NAMES) {
		const isShown = other === name
		byId(`view-${other}`).hidden = !isShown
		byId(`tab-${other}`).setAttribute('aria-selected', String(isShown))
		byId(`tab-${other}`).tabIndex = isShown ? 0 : -1
	}
	byId('notice').textContent = ''
	history.replaceState(null, '', `#${name}`)
	if (focus) byId(`tab-${name}`).focus()
	VIEWS[name].open()
}

for (const name of NAMES) byId(`tab-${name}`).addEventListener('click', () => show(name))
document.querySelector('.tabs').addEventListener('keydown', event => {
	const at = NAMES.indexOf(current)
	const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: NAMES.length - 1 }[event.key]
	if (to === undefined) return
	event.preventDefault()
	show(NAMES.at(to % NAMES.length), { focus: true })
})

const help = byId('help')
byId('help-button').addEventListener('click', () => help.showModal())

/** Keys of one character can be turned off: speech and some assistive tools type them. */
const keysOn = byId('keys-on')
keysOn.checked = localStorage.getItem('keys') !== 'off'
keysOn.addEventListener('change', () => localStorage.setItem('keys', keysOn.checked ? 'on' : 'off'))

const isTyping = element => element.matches('input:not([type=checkbox]), textarea, select')

document.addEventListener('keydown', event => {
	if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector('dialog[open]')) return
	if (event.key === 'Escape') return VIEWS[current].keys?.Escape?.(event)
	if (!keysOn.checked || isTyping(event.target)) return
	const name = NAMES[Number(event.key) - 1]
	const key = VIEWS[current].keys?.[event.key]
	if (event.key === '?') help.showModal()
	else if (name) show(name, { focus: true })
	else if (key) key(event)
	else return
	event.preventDefault()
})

function headline({ link }) {
	const state = link?.state ?? 'unlinked'
	byId('dot').className = `dot ${GOOD.includes(state) ? 'good' : WAITING.includes(state) ? 'waiting' : 'bad'}`
	byId('headline').textContent = [words(state), link?.phone].filter(Boolean).join(', ')
	document.title = `${words(state)} · OpenClaw console`
}

function status(now) {
	headline(now)
	for (const view of Object.values(VIEWS)) view.status?.(now)
}

live.on('status', status)

async function begin() {
	const first = location.hash.slice(1)
	for (;;) {
		try {
			const now = await get('status')
			status(now)
			show(NAMES.includes(first) ? first : 'link')
			live.begin(now.events?.head ?? 0)
			return
		} catch (failure) {
			byId('headline').textContent = reason(failure)
			await new Promise(resolve => setTimeout(resolve, RETRY_MS))
		}
	}
}

begin()
