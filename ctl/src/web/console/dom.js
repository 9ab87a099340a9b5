// Elements, times and sizes. Text from people becomes text nodes only: nothing here makes markup of it.

export const byId = id => document.getElementById(id)

/** An element with these properties and children; `class` and attributes with a dash are set as attributes. */
export function el(tag, properties = {}, ...children) {
	const element = document.createElement(tag)
	for (const [name, value] of Object.entries(properties)) {
		if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
		else if (name === 'class' || name.includes('-') || name === 'for') element.setAttribute(name, value)
		else element[name] = value
	}
	element.append(...children.filter(child => child !== undefined && child !== ''))
	return element
}

/** Text of a person: in its own direction, so that it does not reorder what is next to it. */
export function said(text, tag = 'bdi') {
	return el(tag, { dir: 'auto' }, text)
}

const TODAY = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const BEFORE = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' })

/** When something was: the time of today, or the date too. */
export function when(at) {
	if (!at) return ''
	const date = new Date(at)
	const format = date.toDateString() === new Date().toDateString() ? TODAY : BEFORE
	return el('time', { dateTime: at, title: date.toLocaleString() }, format.format(date))
}

/** 1.2 MB */
export function size(bytes) {
	const units = ['B', 'kB', 'MB', 'GB']
	let unit = 0
	let value = Number(bytes)
	while (value >= 1000 && unit < units.length - 1) {
		value /= 1000
		unit++
	}
	return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** `server_ack` → `server ack` */
export const words = word => (word ?? '').replaceAll('_', ' ')

/** A sentence of the agent begins in lower case and has no full stop. */
export function sentence(text = '') {
	return text && `${text[0].toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`
}

/** What a failed call says: its error, and the next step. */
export function reason({ error, hint }) {
	return [error, hint].map(text => sentence(text ?? '')).join(' ').trim()
}

/** Shows a short note about something that was done. */
export function note(text) {
	byId('notice').textContent = text
}

/** Keeps at most so many children, and removes those at the end, or at the start. Returns true if some were removed. */
export function bound(list, max, side = 'end') {
	let removed = false
	while (list.children.length > max) {
		(side === 'end' ? list.lastElementChild : list.firstElementChild).remove()
		removed = true
	}
	return removed
}

/** Moves the focus within a list, with the arrow keys, Home and End. */
export function roving(list, selector) {
	list.addEventListener('keydown', event => {
		const items = [...list.querySelectorAll(selector)]
		const focused = items.indexOf(event.target.closest(selector))
		const at = focused < 0 && event.key === 'ArrowUp' ? items.length : focused
		const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key]
		if (to === undefined || !items[to]) return
		event.preventDefault()
		items[to].focus()
	})
}
