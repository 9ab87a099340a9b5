// Follows the pairing: asks for the next state until there is a last one, and shows it. All text from outside becomes
// text nodes, never markup.
'use strict'

const RETRY_MS = 1000
const MAX_RETRIES = 5
const TICK_MS = 250
const STATUS = {
	waiting: 'Waiting for WhatsApp to send a code',
	qr: 'A code is shown: scan it with the phone',
	phone_code: 'A code is shown: type it on the phone',
	scanned: 'The phone accepted the code; completing the link',
	linked: 'The phone is linked',
	failed: 'The phone was not linked',
	stopped: 'The pairing was stopped'
}
const LAST = ['linked', 'stopped']

const byId = id => document.getElementById(id)
const all = selector => document.querySelectorAll(selector)
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/** The state shown, and when its countdowns end on this computer's clock. */
let shown = {}
const ends = {}
const spans = {}
/** True while an order is being sent. Buttons are not disabled meanwhile: that would take the focus from them. */
let sending = false
/** True if what had the focus is hidden, and nothing else has got it. */
let homeless = false

async function follow() {
	let retries = 0
	while (!LAST.includes(shown.view)) {
		try {
			const response = await fetch(shown.version === undefined ? 'state' : `state?after=${shown.version}`)
			if (response.status === 403) return end('This browser may no longer see the page.', 'Run the command again.')
			if (!response.ok) throw new Error(String(response.status))
			show(await response.json())
			retries = 0
		} catch {
			if (++retries > MAX_RETRIES) {
				return end('The command no longer answers: it was stopped, or the connection to its computer was lost.', 'Run `openclawctl pair --web` again, or reload this page if it still runs.')
			}
			await pause(RETRY_MS)
		}
	}
}

function end(text, hint) {
	show({ view: 'stopped', error: text, hint })
}

function show(state) {
	const before = shown
	shown = state
	until('code', state.code_ms, state.version !== before.version)
	until('pairing', state.pairing_ms, state.version !== before.version)
	fill(state)
	if (state.view !== before.view) turn(state)
	tick()
}

/** Starts a countdown. Its whole span is known only when it begins. */
function until(name, ms, isNew) {
	ends[name] = ms === undefined ? undefined : Date.now() + ms
	if (isNew) spans[name] = ms
}

function fill(state) {
	switch (state.view) {
		case 'qr':
			byId('qr').setAttribute('viewBox', `0 0 ${state.side} ${state.side}`)
			byId('qr-path').setAttribute('d', state.path)
			byId('qr-number').textContent = `Code ${state.ordinal}`
			break
		case 'phone_code':
			byId('typed').textContent = state.code
			break
		case 'linked':
			byId('linked-phone').textContent = state.phone
			break
		case 'failed':
		case 'stopped':
			byId(`${state.view}-${state.view === 'failed' ? 'error' : 'text'}`).textContent = sentence(state.error)
			byId(`${state.view}-hint`).textContent = sentence(state.hint)
	}
	if (state.view !== 'qr') byId('qr-path').removeAttribute('d')
	if (state.view !== 'phone_code') byId('typed').textContent = ''
}

/** Shows the section of the view, and moves the focus there if it was in one that is gone. */
function turn({ view, method }) {
	const held = document.activeElement
	for (const section of all('[data-view]')) section.hidden = section.dataset.view !== view
	const open = ['waiting', 'qr', 'phone_code', 'failed'].includes(view)
	byId('ways').hidden = !open
	byId('to-qr').hidden = method !== 'phone_code'
	byId('status').textContent = STATUS[view] ?? view
	document.title = `${STATUS[view] ?? 'Link a phone'} · OpenClaw`
	if (held?.closest('[hidden]')) homeless = true
	const title = document.querySelector(`[data-view=${view}] h2`)
	if (homeless && title) {
		homeless = false
		title.focus()
	}
}

/** A sentence of the agent begins in lower case and has no full stop. */
function sentence(text = '') {
	return text && `${text[0].toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`
}

function tick() {
	const left = name => ends[name] === undefined ? undefined : Math.ceil((ends[name] - Date.now()) / 1000)
	const code = left('code')
	for (const it of all('[data-countdown=code]')) {
		it.textContent = code === undefined ? '' : code > 0 ? `${shown.view === 'qr' ? ', e' : 'E'}xpires in ${span(code)}` : `${shown.view === 'qr' ? ' has' : 'Has'} expired, the next one is coming`
	}
	byId('qr').classList.toggle('expired', code !== undefined && code <= 0)
	for (const it of all('[data-progress=code]')) {
		it.hidden = code === undefined
		it.max = spans.code ?? 1
		it.value = Math.max(0, (ends.code ?? 0) - Date.now())
	}
	const pairing = left('pairing')
	byId('ends').hidden = pairing === undefined || LAST.includes(shown.view) || shown.view === 'failed'
	document.querySelector('[data-countdown=pairing]').textContent = pairing > 0 ? `The pairing ends in ${span(pairing)}; you can begin again then.` : ''
}

function span(seconds) {
	return seconds < 100 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** Sends a request to openclawctl. Returns its error, or nothing. */
async function post(path, body) {
	try {
		const response = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
		if (response.ok) return undefined
		const { error, hint } = await response.json()
		return [error, hint].map(text => sentence(text ?? '')).join(' ').trim()
	} catch {
		return 'The command does not answer. Look at its terminal.'
	}
}

async function begin(body) {
	if (sending) return
	sending = true
	const error = await post('begin', body)
	sending = false
	byId('number-error').textContent = error ?? ''
	if (error) byId('number').focus()
}

byId('by-phone').addEventListener('submit', event => {
	event.preventDefault()
	begin({ phone: byId('number').value })
})
for (const button of all('[data-begin]')) {
	button.addEventListener('click', () => begin(button.dataset.begin === 'qr' ? { qr: true } : {}))
}
setInterval(tick, TICK_MS)
follow()
