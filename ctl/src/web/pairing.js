// Follows a pairing: asks for the next state until there is a last one, and shows it. All text from outside becomes
// text nodes, never markup. The page of `pair --web` and the console both have the sections that this fills.

const RETRY_MS = 1000
const MAX_RETRIES = 5
const TICK_MS = 250
const STATUS = {
	waiting: 'Waiting for WhatsApp to send a code',
	qr: 'A code is shown: scan it with the phone',
	phone_code: 'A code is shown: type it on the phone',
	passkey: 'WhatsApp asks for the passkey',
	compare: 'Compare the code with the phone',
	accepted: 'Accepted; waiting for the phone',
	scanned: 'The phone accepted the code; completing the link',
	linked: 'The phone is linked',
	failed: 'The phone was not linked',
	stopped: 'The pairing was stopped'
}
const LAST = ['linked', 'stopped']

const byId = id => document.getElementById(id)
const all = selector => document.querySelectorAll(selector)
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Where the pairing is asked for, what to do if it cannot be reached, and what to call with each view. */
let options = { path: '', again: '', shown: () => {} }
/** The state shown, and when its countdowns end on this computer's clock. */
let shown = {}
const ends = {}
const spans = {}
/** Ends the following. */
let leaving = new AbortController()
/** True while an order is being sent. Buttons are not disabled meanwhile: that would take the focus from them. */
let sending = false
/** True if what had the focus is hidden, and nothing else has got it. */
let homeless = false

/** Follows the pairing until its end. Returns the last view. */
export async function follow(given) {
	options = { ...options, ...given }
	shown = {}
	leaving = new AbortController()
	const { signal } = leaving
	let retries = 0
	while (!LAST.includes(shown.view)) {
		try {
			const response = await fetch(options.path + (shown.version === undefined ? 'state' : `state?after=${shown.version}`), { signal })
			if (response.status === 404) return undefined // it was stopped from another tab
			if (response.status === 403) return end('This browser may no longer see the page.', 'Run the command again.')
			if (!response.ok) throw new Error(String(response.status))
			show(await response.json())
			retries = 0
		} catch {
			if (signal.aborted) return undefined
			if (++retries > MAX_RETRIES) {
				return end('The command no longer answers: it was stopped, or the connection to its computer was lost.', options.again)
			}
			await pause(RETRY_MS)
		}
	}
	return shown.view
}

function end(text, hint) {
	show({ view: 'stopped', error: text, hint })
	return 'stopped'
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
		case 'passkey':
			byId('passkey-why').textContent = state.why
			byId('passkey-open').textContent = state.before[0]
			byId('passkey-paste').textContent = state.before[1]
			byId('snippet').textContent = state.snippet
			byId('passkey-press').textContent = state.after
			break
		case 'compare':
			byId('compared').textContent = state.code
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
	if (state.view !== 'passkey') byId('answer').value = ''
	if (state.view !== 'compare') byId('phone-code').value = ''
}

/** Shows the section of the view, and moves the focus there if it was in one that is gone. */
function turn({ view, method }) {
	const held = document.activeElement
	for (const section of all('[data-view]')) section.hidden = section.dataset.view !== view
	const open = ['waiting', 'qr', 'phone_code', 'failed'].includes(view)
	byId('ways').hidden = !open
	byId('to-qr').hidden = method !== 'phone_code'
	byId('status').textContent = STATUS[view] ?? ''
	options.shown(view, STATUS[view])
	if (held?.closest('[hidden]')) homeless = true
	const title = document.querySelector(`[data-view=${view}] h2`)
	if (homeless && title) {
		homeless = false
		title.focus()
	}
}

/** Follows no more, and forgets what is shown, codes among it. */
export function leave() {
	leaving.abort()
	show({ view: 'none' })
}

/** A sentence of the agent begins in lower case and has no full stop. */
export function sentence(text = '') {
	return text && `${text[0].toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`
}

function tick() {
	const left = name => ends[name] === undefined ? undefined : Math.ceil((ends[name] - Date.now()) / 1000)
	const code = left('code')
	for (const it of all('[data-countdown=code]')) it.textContent = code === undefined ? '' : countdown(code)
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

function countdown(left) {
	if (shown.view === 'passkey') return left > 0 ? `Time left: ${span(left)}` : 'The time is over'
	const expiry = left > 0 ? `expires in ${span(left)}` : 'has expired, the next one is coming'
	return shown.view === 'qr' ? `${left > 0 ? ', ' : ' '}${expiry}` : expiry[0].toUpperCase() + expiry.slice(1)
}

function span(seconds) {
	return seconds < 100 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** Sends a request to openclawctl. Returns its error, or nothing. */
async function post(path, body) {
	try {
		const response = await fetch(options.path + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
		if (response.ok) return undefined
		const { error, hint } = await response.json()
		return [error, hint].map(text => sentence(text ?? '')).join(' ').trim()
	} catch {
		return 'The command does not answer. Look at its terminal.'
	}
}

/** Sends an order, and shows its error at this field. */
async function order(path, body, field) {
	if (sending) return
	sending = true
	const error = await post(path, body)
	sending = false
	byId(`${field}-error`).textContent = error ?? ''
	if (error) byId(field).focus()
}

function onSubmit(form, field, path, body) {
	byId(form).addEventListener('submit', event => {
		event.preventDefault()
		order(path, body(byId(field).value), field)
	})
}

onSubmit('by-phone', 'number', 'begin', phone => ({ phone }))
onSubmit('by-passkey', 'answer', 'passkey', answer => ({ answer, compare: byId('compare').checked }))
onSubmit('by-code', 'phone-code', 'confirm', code => ({ code }))
for (const button of all('[data-begin]')) {
	button.addEventListener('click', () => order('begin', button.dataset.begin === 'qr' ? { qr: true } : {}, 'number'))
}
byId('copy').addEventListener('click', async () => {
	try {
		await navigator.clipboard.writeText(byId('snippet').textContent)
		byId('copied').textContent = 'Copied'
	} catch {
		getSelection().selectAllChildren(byId('snippet'))
		byId('copied').textContent = 'Selected: copy it with Ctrl+C'
	}
})
setInterval(tick, TICK_MS)
