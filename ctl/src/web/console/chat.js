// One chat: its messages, from the agent's events. Pages of older ones on request, and at most so many in the page at once.

import { get } from './api.js'
import * as composer from './composer.js'
import { bound, byId, el, reason, roving, said, size, when, words } from './dom.js'
import * as live from './live.js'

const MAX_SHOWN = 300
const PICTURES = ['image', 'sticker']
const SOUNDS = ['audio', 'voice']
const FILMS = ['video', 'gif', 'video_note']

const list = byId('messages')
/** The chat that is open. */
let chat
let next = ''
/** The chat as the pages were asked for: a token is for the same one. */
let asked
let atNewest = true
/** Events that arrived while the newest page was fetched, which may have them or not. */
let meanwhile

export const openKey = () => chat?.key
export const status = composer.status

const sender = ({ from_me, sender, push_name }) => from_me ? 'You' : push_name || sender?.phone || sender?.lid || 'Unknown'

const find = id => id && list.querySelector(`[data-id="${CSS.escape(id)}"]`)

/** A file: shown, played or saved by the browser, on request. */
function file(seq, media) {
	const { kind, file_name, size_bytes, downloadable } = media
	const label = [words(kind), Number(size_bytes) ? size(size_bytes) : ''].filter(Boolean).join(', ')
	if (!downloadable) return el('p', { class: 'note' }, `${label}: cannot be downloaded`)
	const url = `api/media?seq=${seq}`
	const holder = el('p', { class: 'file' })
	const failed = () => {
		holder.querySelector('img, audio, video')?.remove()
		holder.append(el('span', { class: 'error' }, 'It cannot be shown here. Save it instead.'))
	}
	const show = make => el('button', { type: 'button', class: 'plain small', onclick: ({ currentTarget }) => currentTarget.replaceWith(make()) }, `${SOUNDS.includes(kind) || FILMS.includes(kind) ? 'Play' : 'Show'} ${label}`)
	if (PICTURES.includes(kind)) holder.append(show(() => el('img', { src: url, alt: `${words(kind)} of message ${seq}`, onerror: failed })))
	else if (SOUNDS.includes(kind)) holder.append(show(() => el('audio', { src: url, controls: true, autoplay: true, onerror: failed })))
	else if (FILMS.includes(kind)) holder.append(show(() => el('video', { src: url, controls: true, autoplay: true, onerror: failed })))
	if (file_name) holder.append(said(file_name))
	holder.append(el('a', { href: `${url}&save=1`, download: '', class: 'button plain small' }, `Save${file_name ? '' : ` ${label}`}`))
	return holder
}

const text = content => content?.text?.body ?? content?.media?.caption ?? ''

/** A message with text, a file, or something that only the line describes. */
function message({ seq, recorded_at, message: { origin, content, quoted }, line }) {
	const body = text(content)
	const item = el('li', { class: origin.from_me ? 'own' : '', tabIndex: -1, 'data-id': origin.id, 'data-seq': seq },
		el('p', { class: 'meta' }, said(sender(origin), 'b'), ' ', when(origin.sent_at ?? recorded_at)))
	if (quoted) item.append(el('blockquote', { dir: 'auto' }, quoted.text || 'a file'))
	if (content?.media) item.append(file(seq, content.media))
	if (body) item.append(said(body, 'p'))
	else if (!content?.media) item.append(said(line, 'p'))
	if (content?.truncated) item.append(el('p', { class: 'note' }, 'shortened'))
	item.append(el('p', { class: 'marks note' }), el('button', { type: 'button', class: 'plain small replies', onclick: () => reply(item) }, 'Reply'))
	return item
}

/** What a client of the agent has sent: the events have its state, and not its text. */
function own({ seq, recorded_at, outcome }) {
	const sent = composer.textOf(outcome.message_id)
	const item = el('li', { class: 'own', tabIndex: -1, 'data-id': outcome.message_id, 'data-seq': seq },
		el('p', { class: 'meta' }, el('b', {}, 'Sent over the agent'), ' ', when(recorded_at)))
	item.append(sent === undefined ? el('p', { class: 'note unknown' }, 'The text is not kept.') : said(sent, 'p'))
	item.append(el('p', { class: 'marks note' }))
	state(item, outcome)
	return item
}

function state(item, { state, reason, hint }) {
	item.querySelector('.marks').textContent = [words(state), reason && words(reason), hint].filter(Boolean).join(': ')
}

function mark(item, mark) {
	const marks = item.querySelector('.marks')
	if (marks) marks.textContent = [marks.textContent, mark].filter(Boolean).join(' · ')
	return Boolean(marks)
}

const line = ({ line, recorded_at }) => el('li', { class: 'event', tabIndex: -1 }, said(line), ' ', when(recorded_at))

/** The element for an event, or nothing if it changes one that is there. */
function shown(event) {
	const target = find(event[event.kind]?.target?.id)
	switch (event.kind) {
		case 'message':
			return find(event.message.origin.id) ? undefined : message(event)
		case 'outcome': {
			const item = find(event.outcome.message_id)
			if (!item) return own(event)
			if (event.seq >= Number(item.dataset.seq)) state(item, event.outcome)
			return undefined
		}
		case 'reaction':
			return target && mark(target, event.reaction.emoji || 'a reaction was removed') ? undefined : line(event)
		case 'deletion':
			return target && mark(target, 'deleted for everyone') ? undefined : line(event)
		case 'edit':
			return target && mark(target, `edited: ${text(event.edit.content)}`) ? undefined : line(event)
		default:
			return line(event)
	}
}

/** Events in their order; each may change one before it. */
function put(events, place) {
	for (const event of events) {
		const item = shown(event)
		if (item) place(item)
	}
}

function paging() {
	byId('chat-older').hidden = !next
	byId('chat-newest').hidden = atNewest
}

async function load(page) {
	const opened = chat
	if (!page) {
		asked = chat.key
		meanwhile = []
	}
	try {
		const listed = await get('messages', { chat: asked, ...page && { page } })
		if (chat !== opened) return // another one was opened meanwhile
		next = listed.next
		const events = listed.events.reverse()
		chat.key = events.at(-1)?.key || chat.key // events may name a person by LID
		const first = page ? list.firstElementChild : null
		if (!page) list.replaceChildren()
		put(events, item => list.insertBefore(item, first))
		if (page && bound(list, MAX_SHOWN)) atNewest = false
		if (!page) {
			atNewest = true
			const newest = events.at(-1)?.seq ?? 0
			put((meanwhile ?? []).filter(({ seq }) => seq > newest), item => list.append(item))
			meanwhile = undefined
			list.scrollTop = list.scrollHeight
		}
		byId('chat-error').textContent = ''
		paging()
	} catch (failure) {
		meanwhile = undefined
		byId('chat-error').textContent = reason(failure)
	}
}

/** Opens a chat: one of the list, or a number. */
export async function open(it) {
	chat = it
	next = ''
	byId('chat').hidden = false
	byId('chat-empty').hidden = true
	byId('chat-title').replaceChildren(said(it.name || it.address))
	list.replaceChildren()
	composer.open(it.key)
	byId('chat-title').focus()
	await load()
}

function reply(item) {
	const seq = Number(item.dataset.seq)
	if (seq && !item.classList.contains('event')) composer.reply(seq, item.querySelector('bdi, p:not(.meta)')?.textContent ?? '', item.querySelector('.meta b').textContent)
}

byId('chat-older').addEventListener('click', async () => {
	await load(next)
	list.firstElementChild?.focus()
})
byId('chat-newest').addEventListener('click', () => load())
roving(list, 'li')

live.on('happened', event => {
	if (!chat || event.key !== chat.key || event.kind === 'receipt') return
	if (meanwhile) return void (meanwhile.length < MAX_SHOWN && meanwhile.push(event))
	if (!atNewest) return
	const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60
	put([event], item => list.append(item))
	bound(list, MAX_SHOWN, 'start')
	if (isAtEnd) list.scrollTop = list.scrollHeight
})
live.on('over', () => { if (chat) load() })

composer.onSent((key, id) => {
	// The event of a message may arrive before the answer to its send.
	find(id)?.querySelector('.unknown')?.replaceWith(said(composer.textOf(id), 'p'))
	// A number was typed, and the agent has another form of it.
	if (chat && chat.key !== key) {
		chat.key = key
		load()
	}
})

export const keys = {
	r: event => {
		const item = event.target.closest('#messages li')
		if (item) reply(item)
	},
	m: () => { if (chat) byId('text').focus() }
}
