// `openclawctl console` in Chromium, with the agent and the simulator.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { Agent } from '../../../sim/interop/src/agent.mjs'
import { Simulator } from '../../../sim/interop/src/simulator.mjs'
import { until } from '../../../sim/interop/src/until.mjs'
import { Chromium } from './src/chromium.mjs'
import { Board, VIEWS } from './src/console.mjs'
import { assertFits } from './src/pairing.mjs'
import { Run } from './src/run.mjs'

const HOSTILE = '<img src=x onerror="document.title=\'taken over\'">'
const PICTURE = new URL('../../../agent/tests/data/files/still.jpg', import.meta.url)

let simulator
let chromium
let agent
let run
let account
let anna
let numbers = 0

before(async () => {
	simulator = await Simulator.withoutBaileys()
	chromium = await Chromium.start()
})
afterEach(async () => {
	run?.stop()
	await run?.ended
	await agent?.dispose()
	run = agent = undefined
	await simulator.assertClean(0)
	assert.deepEqual(chromium.origins().filter(origin => !origin.startsWith('http://127.0.0.1:')), [])
})
after(async () => {
	await chromium?.stop()
	await simulator?.stop()
})

/** A number that no other test has. */
const number = () => `+155501301${String(++numbers).padStart(2, '0')}`

/** The console in a tab, of an agent that is linked, or not. */
async function open({ linked = true, args = [], before = () => {}, ofAgent = {} } = {}) {
	account = number()
	anna = number()
	agent = linked ? await Agent.linked(simulator, account, ofAgent) : await Agent.unlinked(simulator)
	await before()
	run = await Run.start(agent, 'console', ...args)
	const board = new Board(await chromium.tab({ width: 1100, height: 900 }))
	await board.tab.goto(run.address)
	await board.reads('#headline', linked ? /connected/ : /unlinked/)
	return board
}

const says = (from, text, more = {}) => simulator.post('/peer/send', { from, to: account, text, ...more })

const named = name => simulator.post('/profile/name', { account: anna, name })

/** The file that a link saves, as the page of the browser gets it. */
const saved = (tab, selector) => tab.$eval(selector, async link => {
	const response = await fetch(link.href)
	return { disposition: response.headers.get('content-disposition'), size: (await response.arrayBuffer()).byteLength }
})

test('a phone is linked, is unlinked behind a confirmation, and is linked again', async () => {
	const board = await open({ linked: false })
	const { tab } = board
	for (const step of ['first', 'again']) {
		await tab.waitForSelector('#link-begin', { visible: true })
		await tab.click('#link-begin')
		await tab.waitForSelector('#qr-path[d]', { visible: true })
		assert.match(await board.text('figcaption'), /^Code 1, expires in \d+ s$/)
		await board.assertAccessible('the pairing')
		const qr = await until('a code', async () => chromium.decode(await (await tab.$('#qr')).screenshot()))
		await simulator.post('/phone/scan', { qr, account })
		await board.reads('#notice', /The phone is linked/)
		await board.reads('#headline', new RegExp(`connected, \\${account}`))
		assert.equal(await tab.$eval('#pairing', it => it.hidden), true, step)
		if (step === 'again') return
		await tab.click('#link-unpair')
		assert.match(await board.text('#unpair'), new RegExp(`\\${account}`))
		assert.equal(await tab.$eval('#unpair-do', it => it.disabled), true)
		await board.assertAccessible('the confirmation')
		await tab.click('#unpair-cancel')
		await tab.click('#link-unpair')
		await tab.click('#unpair-sure')
		await tab.click('#unpair-do')
		await board.reads('#notice', /Unlinked/)
		await board.reads('#headline', /unlinked/)
	}
})

test('a chat shows its messages and a picture, and what is sent and replied arrives once', async () => {
	const jpeg = await readFile(PICTURE)
	const board = await open({ before: async () => {
		await named('Anna')
		await says(anna, 'Kia ora')
		await says(anna, undefined, { content: { image: { bytes: jpeg.toString('base64'), mime: 'image/jpeg', caption: 'the harbour' } } })
		await until('both messages', () => agent.events.filter(({ kind }) => kind === 'message').length === 2)
	} })
	const { tab } = board
	await board.chat('Anna')
	await board.reads('#messages', /Kia ora[\s\S]+the harbour/)
	await tab.click('.file button')
	await tab.waitForFunction(() => document.querySelector('.file img')?.naturalWidth > 0)
	const { disposition, size } = await saved(tab, '.file a')
	assert.match(disposition, /^attachment; filename\*=UTF-8''image-\d+\.jpg$/)
	assert.equal(size, jpeg.length)

	await tab.type('#text', 'On the shelf')
	// A double click.
	await tab.$eval('#send', it => { it.click(); it.click() })
	await board.reads('#messages', /On the shelf/)
	await tab.click('.replies')
	assert.match(await board.text('#reply'), /Reply to Anna: Kia ora/)
	await tab.type('#text', 'Ka pai')
	await tab.keyboard.press('Enter')
	await board.reads('#messages', /Ka pai/)
	const inbox = await until('both texts', async () => {
		const inbox = await simulator.get('/peer/inbox', { peer: anna })
		return inbox.length >= 2 && inbox
	})
	assert.deepEqual(inbox.map(({ text }) => text), ['On the shelf', 'Ka pai'])
	assert.equal(inbox[1].content.context.quote.content.text, 'Kia ora', JSON.stringify(inbox[1]))
	await board.reads('#messages .marks', /delivered/)
})

test('a file is attached and sent', async () => {
	const board = await open({ before: async () => {
		await says(anna, 'Send me the tides')
		await agent.event('the message', ({ kind }) => kind === 'message')
	} })
	const { tab } = board
	await board.chat(anna.slice(-4))
	await tab.waitForSelector('#composer', { visible: true })
	const path = join(agent.folder, 'tides.txt')
	await writeFile(path, 'high 06:12, low 12:20')
	await (await tab.$('#attachment')).uploadFile(path)
	await board.reads('#attached', /tides\.txt 21 B/)
	await tab.type('#text', 'here')
	await tab.click('#send')
	await board.reads('#notice', /Sent/)
	const inbox = await until('the file', async () => {
		const inbox = await simulator.get('/peer/inbox', { peer: anna })
		return inbox.length > 0 && inbox
	})
	assert.equal(inbox[0].content.document.name, 'tides.txt', JSON.stringify(inbox[0].content))
})

test('text of people is never markup', async () => {
	const board = await open({ before: async () => {
		await named(HOSTILE)
		await says(anna, HOSTILE)
		await agent.event('the message', ({ kind }) => kind === 'message')
	} })
	const { tab } = board
	await board.chat('onerror')
	await board.reads('#messages', /<img src=x onerror=/)
	await says(anna, `${HOSTILE} live`)
	await board.reads('#messages', /live/)
	await board.view('events')
	await board.reads('#events', /<img src=x onerror=/)
	assert.equal(await tab.$('img'), null)
	assert.match(await tab.title(), /OpenClaw console$/)
})

test('events arrive live, wait during a pause, and are chosen by kind', async () => {
	const board = await open()
	const { tab } = board
	await board.view('events')
	await board.reads('#events', /connected/)
	await says(anna, 'one')
	await board.reads('#events li:first-child', /one$/)
	await tab.keyboard.press('p')
	await says(anna, 'two')
	await board.reads('#events-waiting', /1 new/)
	assert.doesNotMatch(await board.text('#events'), /two/)
	await tab.keyboard.press('p')
	await board.reads('#events li:first-child', /two$/)
	await tab.click('summary')
	const link = await tab.waitForSelector('::-p-xpath(//fieldset/label[normalize-space()="link"]/input)')
	await link.click()
	await tab.waitForFunction(() => !/message/.test(document.getElementById('events').innerText))
	await board.reads('#events', /connected/)
})

test('a hidden tab needs no stream, and gets what it missed, once, when it is shown', async () => {
	const board = await open()
	const { tab } = board
	await board.view('events')
	await board.reads('#events', /connected/)
	const turn = hidden => tab.evaluate(hidden => {
		Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })
		document.dispatchEvent(new Event('visibilitychange'))
	}, hidden)
	await says(anna, 'before')
	await board.reads('#events li:first-child', /before$/)
	await turn(true)
	await says(anna, 'missed')
	await agent.event('the message', ({ message }) => message?.content?.text?.body === 'missed')
	assert.doesNotMatch(await board.text('#events'), /missed/)
	await turn(false)
	await board.reads('#events li:first-child', /missed$/)
	const texts = (await board.text('#events')).match(/before|missed/g)
	assert.deepEqual(texts, ['missed', 'before'])
})

test('a chat in which something happens is at the top, and a reload shows the same view', async () => {
	const ben = number()
	const board = await open({ before: async () => {
		await says(anna, 'first')
		await simulator.post('/peer/send', { from: ben, to: account, text: 'second' })
		await until('both', () => agent.events.filter(({ kind }) => kind === 'message').length === 2)
	} })
	await board.view('chats')
	await board.reads('#chats li:first-child', new RegExp(`\\${ben}`))
	await says(anna, 'third')
	await board.reads('#chats li:first-child', new RegExp(`\\${anna}`))
	await board.tab.reload()
	await board.reads('#chats li:first-child', new RegExp(`\\${anna}`))
})

test('the outbox shows what waits, and cancels it', async () => {
	const board = await open({ before: async () => {
		await says(anna, 'write to me')
		await agent.event('the message', ({ kind }) => kind === 'message')
	} })
	const { tab } = board
	await simulator.post('/fault', { kind: 'replaced', account })
	await board.reads('#headline', /replaced/)
	await board.chat(anna.slice(-4))
	await tab.waitForSelector('#composer', { visible: true })
	await tab.type('#text', 'later')
	await tab.click('#send')
	await board.reads('#composer-error', /not connected/)
	await tab.click('#queue')
	await tab.click('#send')
	await board.reads('#notice', /Queued/)
	await board.view('outbox')
	await board.reads('#outbox', /waits/)
	await board.reads('#outbox-note', /One message waits/)
	await tab.click('#outbox button')
	await board.reads('#notice', /Cancelled: it was never sent/)
	await board.reads('#outbox-note', /The outbox is empty/)
	await board.view('link')
	await tab.click('#link-resume')
	await board.reads('#headline', /connected/)
})

test('the allowlist is shown and changed, and a refusal says why', async () => {
	const listed = number()
	const board = await open({ ofAgent: { WHATSAPP_ALLOW: listed } })
	const { tab } = board
	await board.view('allowlist')
	await board.reads('#allowed', new RegExp(`\\${listed}\\s+allow from\\s+WHATSAPP_ALLOW`))
	await tab.type('#allow-who', '555')
	await tab.keyboard.press('Enter')
	await board.reads('#allowlist-error', /The number: .+ Write it like/)
	assert.equal(await tab.evaluate(() => document.activeElement.id), 'allow-who')
	await tab.$eval('#allow-who', it => { it.value = '' })
	await tab.type('#allow-who', anna)
	await tab.keyboard.press('Enter')
	await board.reads('#notice', /Allowed from now on/)
	await board.reads('#allowed', new RegExp(`\\${anna}`))
	await tab.click(`[aria-label="Remove ${anna}"]`)
	await board.reads('#notice', /Removed/)
	await tab.waitForFunction(who => !document.getElementById('allowed').innerText.includes(who), {}, anna)
})

test('alerts have their receiver, and a test alert says how it went', async () => {
	let status = 204
	const receiver = createServer((request, response) => {
		request.resume().on('end', () => response.writeHead(status).end())
	}).listen(0, '127.0.0.1')
	await once(receiver, 'listening')
	try {
		const board = await open({ ofAgent: { OPENCLAW_ALERT_URL: `http://127.0.0.1:${receiver.address().port}/hook`, OPENCLAW_ALERT_FORMAT: 'slack' } })
		await board.view('alerts')
		await board.reads('#alerts-status', /Alerts go to 127\.0\.0\.1/)
		await board.tab.click('#alerts-test')
		await board.reads('#notice', /accepted it, with 204/)
		status = 503
		await board.tab.click('#alerts-test')
		await board.reads('#alerts-error', /did not accept it/)
	} finally {
		receiver.close()
	}
})

test('without a receiver, alerts say which setting is missing', async () => {
	const board = await open()
	await board.view('alerts')
	await board.reads('#alerts-status', /No receiver is set: OPENCLAW_ALERT_URL/)
	await board.view('allowlist')
	await board.reads('#allowlist-line', /Everyone/)
})

test('a reader sees no field to write in, and nothing that changes the agent', async () => {
	const taken = createServer().listen(0, '127.0.0.1')
	await once(taken, 'listening')
	const address = `127.0.0.1:${taken.address().port}`
	await new Promise(resolve => taken.close(resolve))
	const board = await open({ ofAgent: { OPENCLAW_LISTEN: address }, args: ['--context', 'reader'], before: async () => {
		await says(anna, 'hello')
		await agent.event('the message', ({ kind }) => kind === 'message')
		const { code } = await agent.ctl('clients', 'invite', '--role', 'reader')
		await agent.ctl('enroll', address, '--code', code, '--context', 'reader')
	} })
	const { tab } = board
	await board.chat(anna.slice(-4))
	await board.reads('#messages', /hello/)
	await board.reads('#composer-note', /may read, and not send/)
	for (const [view, part] of [['chats', '#composer'], ['link', '#link-begin'], ['link', '#link-unpair'], ['allowlist', '#allow']]) {
		await board.view(view)
		assert.equal(await tab.$eval(part, it => it.checkVisibility()), false, part)
	}
	// What the page does not offer, the agent refuses.
	const refused = await tab.evaluate(async () => {
		const response = await fetch('api/send', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ to: '+15550100002', text: 'x', token: 'x' }) })
		return [response.status, (await response.json()).hint]
	})
	assert.equal(refused[0], 422)
	assert.match(refused[1], /role/)
})

test('charts have the messages of the hour, as pictures and as a table', async () => {
	const board = await open({ before: async () => {
		await says(anna, 'one')
		await says(anna, 'two')
		await until('both', () => agent.events.filter(({ kind }) => kind === 'message').length === 2)
		await agent.ctl('send', anna, 'three', '--wait', 'delivered')
	} })
	const { tab } = board
	await board.view('charts')
	await tab.waitForSelector('rect.received')
	await tab.waitForSelector('rect.sent')
	const label = await tab.$eval('#traffic-chart svg', it => it.getAttribute('aria-label'))
	assert.match(label, /^2 events received and 1 messages sent/)
	await tab.waitForSelector('circle.delivery')
	await tab.click('#view-charts summary')
	const rows = await tab.$$eval('#numbers tr', rows => rows.map(row => [...row.cells].slice(1, 3).map(({ innerText }) => Number(innerText))))
	assert.deepEqual(rows.reduce((sum, row) => [sum[0] + row[0], sum[1] + row[1]], [0, 0]), [2, 1])
})

test('everything is done with the keyboard alone', async () => {
	const board = await open({ before: async () => {
		await says(anna, 'hello')
		await agent.event('the message', ({ kind }) => kind === 'message')
	} })
	const { tab } = board
	const focus = () => tab.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName)
	await tab.keyboard.press('?')
	await tab.waitForSelector('#help[open]')
	await tab.keyboard.press('Escape')
	await tab.waitForSelector('#help:not([open])')
	await tab.keyboard.press('2')
	await tab.waitForSelector('#chats button')
	await tab.keyboard.press('Escape')
	await tab.waitForFunction(() => document.activeElement.closest('#chats'))
	await tab.keyboard.press('Enter')
	await board.reads('#messages', /hello/)
	await tab.keyboard.press('m')
	assert.equal(await focus(), 'text')
	await tab.keyboard.type('12')
	await tab.keyboard.press('Enter')
	await board.reads('#messages', /12/)
	assert.equal(await focus(), 'text')
	await tab.keyboard.press('Escape')
	await tab.keyboard.press('3')
	assert.equal(await focus(), 'tab-events')
	await tab.keyboard.press('ArrowRight')
	await tab.waitForSelector('#view-outbox', { visible: true })
	await tab.keyboard.press('Home')
	await tab.waitForSelector('#view-link', { visible: true })
	// Single keys can be turned off.
	await tab.click('#help-button')
	await tab.click('#keys-on')
	await tab.keyboard.press('Escape')
	await tab.focus('#tab-link')
	await tab.keyboard.press('5')
	assert.equal(await tab.$eval('#view-allowlist', it => it.hidden), true)
	await tab.evaluate(() => localStorage.clear())
})

test('axe finds nothing in any view, in light and dark, and all fits a narrow window', async () => {
	const board = await open({ before: async () => {
		await named('Anna')
		const [ben, harbour] = [number(), await simulator.post('/group', { account, subject: 'Harbour watch', members: [anna] })]
		await simulator.post('/peer/send', { from: ben, to: account, text: 'Thanks, see you on Monday' })
		await simulator.post('/peer/send', { from: anna, to: account, group: harbour.jid, text: 'Low tide at 12:20' })
		await says(anna, 'Kia ora! Are the tide tables for Saturday ready?')
		await says(anna, undefined, { content: { image: { bytes: (await readFile(PICTURE)).toString('base64'), mime: 'image/jpeg', caption: 'The harbour this morning' } } })
		await until('all', () => agent.events.filter(({ kind }) => kind === 'message').length === 4)
	} })
	for (const dark of [false, true]) {
		const tab = dark ? await chromium.tab({ width: 1100, height: 900, dark }) : board.tab
		if (dark) await tab.goto(board.tab.url())
		const shown = new Board(tab)
		await shown.reads('#headline', /connected/)
		for (const view of VIEWS) {
			if (view === 'chats') await answer(shown)
			else await shown.view(view)
			await tab.waitForFunction(() => !document.querySelector('.error:not(:empty)'))
			await shown.assertAccessible(`${view}, ${dark ? 'dark' : 'light'}`)
			if (view === 'chats' && !dark && process.env.OPENCLAW_SCREENSHOTS) await writeFile(join(process.env.OPENCLAW_SCREENSHOTS, 'console.png'), await tab.screenshot())
		}
		await tab.click('#help-button')
		await shown.assertAccessible('keys')
		await tab.keyboard.press('Escape')
		await tab.setViewport({ width: 360, height: 740 })
		for (const view of VIEWS) {
			await shown.view(view)
			await assertFits(tab)
		}
	}
})

/** Opens the chat with Anna, looks at her picture, and answers. */
async function answer(board) {
	const { tab } = board
	await board.chat('Anna')
	await tab.waitForSelector('.file button')
	await tab.click('.file button')
	await tab.waitForFunction(() => document.querySelector('.file img')?.naturalWidth > 0)
	await tab.type('#text', 'Yes, on the shelf by the door.')
	await tab.keyboard.press('Enter')
	await board.reads('#messages .own:last-child', /shelf[\s\S]+delivered/)
}

test('a page whose openclawctl was stopped says so', async () => {
	const board = await open()
	await board.reads('#live', /^Live$/)
	run.stop()
	assert.equal((await run.ended).status, 0)
	await board.reads('#live', /stopped|does not answer/)
})

test('the chats of the agent come a page at a time', async () => {
	const peers = Array.from({ length: 110 }, (_, index) => `+15550140${String(index).padStart(3, '0')}`)
	const board = await open({ before: async () => {
		for (const from of peers) await simulator.post('/peer/send', { from, to: account, text: 'hi' })
		await until('all', () => agent.events.filter(({ kind }) => kind === 'message').length === peers.length)
	} })
	const { tab } = board
	await board.view('chats')
	await board.reads('#chats li:first-child', /15550140109/)
	for (const shown of [50, 100, 110]) {
		await tab.waitForFunction(count => document.querySelectorAll('#chats li').length === count, {}, shown)
		if (shown < 110) await tab.click('#chats-more')
	}
	assert.equal(await tab.$eval('#chats-more', it => it.hidden), true)
	await board.reads('#chats li:last-child', /15550140000/)
})

test('thousands of chats are shown a page at a time, and the page stays small', async () => {
	const board = await open()
	const { tab } = board
	// As the API of the page has them, for more chats than a simulator makes in the time of a test.
	const total = 10_000
	await tab.setRequestInterception(true)
	tab.on('request', request => {
		const url = new URL(request.url())
		if (!url.pathname.endsWith('/api/chats')) return request.continue()
		const from = Number(url.searchParams.get('page') ?? 0)
		const chats = Array.from({ length: 50 }, (_, index) => ({ key: `${from + index}@lid`, id: '', name: `Chat ${from + index}`, address: '', newest_at: '2026-12-01T10:00:00Z', newest_kind: 'message' }))
		request.respond({ contentType: 'application/json', body: JSON.stringify({ chats, next: from + 50 < total ? String(from + 50) : '', incomplete: false }) })
	})
	await board.view('chats')
	await board.reads('#chats', /Chat 49/)
	for (let page = 1; page < total / 50; page++) {
		await tab.$eval('#chats-more', it => it.click())
		await tab.waitForFunction(last => document.querySelector('#chats li:last-child').innerText.includes(`Chat ${last}`), { polling: 10 }, page * 50 + 49)
	}
	const count = await tab.$$eval('#chats li', items => items.length)
	assert.ok(count <= 200, `${count} chats in the page`)
	assert.equal(await tab.$eval('#chats-more', it => it.hidden), true)
	await tab.click('#chats-newest')
	await board.reads('#chats li:first-child', /Chat 0/)
})
