// What is sent: a text, a file, a reply. One draft has one token, so that a double click, or a second try after an unknown
// outcome, sends one message.

import { post, upload } from './api.js'
import { byId, note, reason, said, size } from './dom.js'

const MAX_FILE_BYTES = 16 * 1024 * 1024
/** The texts that this page has sent and still knows. */
const MAX_TEXTS = 200
const SENDERS = ['sender', 'operator', 'admin']

const AGAIN = 'press Send again to get the outcome: that sends at most one message'

const texts = new Map()
const field = byId('text')
const picker = byId('attachment')
let to = ''
let token
let replyTo
let file
let sending = false
let sent = () => {}

/** The text of a message that this page has sent. */
export const textOf = id => texts.get(id)

/** Calls this with the ids of the chat and of the message after each one. */
export function onSent(listener) {
	sent = listener
}

export function status({ caller }) {
	const maySend = !caller?.role || SENDERS.includes(caller.role)
	byId('composer').hidden = !maySend
	const limit = caller?.send_to
	const only = limit && [limit.known ? 'chats that have written' : '', ...limit.recipients ?? []].filter(Boolean).join(', ')
	byId('composer-note').textContent = !maySend ? 'This client may read, and not send.' : limit ? `This client may write to: ${only || 'no one'}.` : ''
}

/** Another draft. */
function changed() {
	token = undefined
	byId('composer-error').textContent = ''
}

function attach(chosen) {
	file = chosen
	byId('attached').hidden = !file
	if (file) byId('attached-name').replaceChildren(said(file.name), ` ${size(file.size)}`)
	else picker.value = ''
	changed()
}

export function reply(seq, text, who) {
	replyTo = seq
	byId('reply').hidden = seq === undefined
	byId('reply-text').replaceChildren('Reply to ', said(who ?? ''), ': ', said((text ?? '').slice(0, 120)))
	changed()
	if (seq !== undefined) field.focus()
}

function clear() {
	field.value = ''
	attach(undefined)
	reply(undefined)
}

/** A draft for this chat. */
export function open(key) {
	to = key
	clear()
}

function kind({ type }) {
	if (['image/jpeg', 'image/png', 'image/webp', 'image/gif'].includes(type)) return 'image'
	if (type === 'video/mp4') return 'video'
	return type.startsWith('audio/') ? 'audio' : 'document'
}

async function send() {
	if (sending || (!field.value.trim() && !file)) return
	sending = true
	byId('send').setAttribute('aria-disabled', 'true')
	byId('composer-error').textContent = ''
	token ??= `console-${crypto.randomUUID()}`
	const text = field.value
	try {
		const media_id = file && (await upload(file, { kind: kind(file), name: file.name })).media_id
		const draft = { to, text, token, queue: byId('queue').checked }
		const answer = await post('send', { ...draft, ...replyTo !== undefined && { reply_to: replyTo }, ...media_id && { media_id } })
		texts.set(answer.message_id, file ? `${file.name} ${text}`.trim() : text)
		if (texts.size > MAX_TEXTS) texts.delete(texts.keys().next().value)
		note(answer.queued_until && answer.state === 'accepted' ? 'Queued: it is in the outbox.' : 'Sent.')
		clear()
		sent(answer.key, answer.message_id)
	} catch (failure) {
		byId('composer-error').textContent = reason(failure.reason === 'OUTCOME_UNKNOWN' ? { error: failure.error, hint: AGAIN } : failure)
	}
	sending = false
	byId('send').removeAttribute('aria-disabled')
	field.focus()
}

byId('composer').addEventListener('submit', event => {
	event.preventDefault()
	send()
})
field.addEventListener('keydown', event => {
	if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
	event.preventDefault()
	send()
})
field.addEventListener('input', changed)
picker.addEventListener('change', () => {
	const [chosen] = picker.files
	if (chosen?.size > MAX_FILE_BYTES) {
		attach(undefined)
		byId('composer-error').textContent = `The page sends files up to ${size(MAX_FILE_BYTES)}. Larger ones: openclawctl send --document FILE.`
	} else {
		attach(chosen)
	}
	field.focus()
})
byId('reply-cancel').addEventListener('click', () => { reply(undefined); field.focus() })
byId('attached-cancel').addEventListener('click', () => { attach(undefined); field.focus() })
