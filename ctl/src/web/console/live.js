// The stream of events and of the status. It ends when the tab is hidden, and continues from the last event when it is shown
// again: a browser opens only six connections to one address, and tabs that no one sees need none.

import { byId } from './dom.js'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000

const listeners = { happened: [], status: [], gap: [], over: [] }
/** The seq of the last event, once one is known. */
let cursor
let reading

/** Calls `listener` with each message of this kind: happened, status, gap; over: the events start over. */
export function on(kind, listener) {
	listeners[kind].push(listener)
}

function tell(kind, data) {
	for (const listener of listeners[kind]) listener(data)
}

function show(text, isLive = false) {
	byId('live').textContent = text
	byId('live').classList.toggle('on', isLive)
}

function take(kind, data) {
	switch (kind) {
		case 'happened':
			cursor = data.seq
			return tell('happened', data)
		case 'gap':
			cursor = data.last
			return tell('gap', data)
		case 'head':
			// A store that is new, or was restored.
			if (data.head < cursor) tell('over')
			cursor = data.head
			return undefined
		case 'status':
			return tell('status', data)
		case 'failed':
			return show(`No events: ${data.error}`)
		case 'stopped':
			return show('openclawctl was stopped')
	}
}

/** Reads messages until the stream ends. */
async function read(body) {
	const reader = body.pipeThrough(new TextDecoderStream()).getReader()
	let rest = ''
	for (;;) {
		const { done, value } = await reader.read()
		if (done) return
		const parts = (rest + value).split('\n\n')
		rest = parts.pop()
		for (const part of parts) {
			const [, kind, data] = /^event: (\w+)\ndata: (.*)$/s.exec(part) ?? []
			if (kind) take(kind, JSON.parse(data))
		}
	}
}

async function follow(signal) {
	let pause = FIRST_PAUSE_MS
	while (!signal.aborted) {
		try {
			const response = await fetch(cursor === undefined ? 'api/live' : `api/live?after=${cursor}`, { signal })
			if (response.ok) {
				show('Live', true)
				pause = FIRST_PAUSE_MS
				await read(response.body)
			} else if (response.status === 503) {
				show('Not live: too many tabs')
			} else if (response.status === 403) {
				return show('Not live: run the command again')
			} else {
				const { error } = await response.json()
				show(`Not live: ${error}`)
			}
		} catch {
			if (!signal.aborted) show('Not live: openclawctl does not answer')
		}
		await new Promise(resolve => setTimeout(resolve, pause))
		pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
	}
}

function start() {
	reading?.abort()
	if (document.hidden) return
	reading = new AbortController()
	follow(reading.signal)
}

/** Begins after this event. */
export function begin(head) {
	cursor = head
	start()
	document.addEventListener('visibilitychange', start)
}
