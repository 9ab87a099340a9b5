// `openclawctl pair --web` in Chromium, with the agent and the simulator.

import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { Agent } from '../../../sim/interop/src/agent.mjs'
import { Simulator } from '../../../sim/interop/src/simulator.mjs'
import { until } from '../../../sim/interop/src/until.mjs'
import { Chromium } from './src/chromium.mjs'
import { assertFits, Page } from './src/pairing.mjs'
import { Run } from './src/run.mjs'

let simulator
let chromium
let agent
let pairing

before(async () => {
	simulator = await Simulator.withoutBaileys()
	chromium = await Chromium.start()
})
afterEach(async () => {
	pairing?.stop()
	await pairing?.ended
	await agent?.dispose()
	await simulator.assertClean(0)
	assert.deepEqual(chromium.origins().filter(origin => !origin.startsWith('http://127.0.0.1:')), [])
})
after(async () => {
	await chromium?.stop()
	await simulator?.stop()
})

/** An agent that pairs, and the page in a tab. */
async function open(args = [], settings = {}) {
	agent = await Agent.unlinked(simulator)
	pairing = await Run.start(agent, 'pair', '--web', ...args)
	const page = new Page(await chromium.tab(settings))
	await page.tab.goto(pairing.address)
	return page
}

/** The text in the code on the page, once there is another one than `before`. */
async function code(page, before) {
	return until('another code', async () => {
		const found = await chromium.decode(await page.picture('#qr'))
		return found !== before && found
	})
}

test('the code on the page links the phone that scans it', async () => {
	const account = '+15550120001'
	const page = await open()
	await page.view('qr')
	assert.match(new URL(page.tab.url()).pathname, /^\/[0-9a-f]{16}\/$/, 'the address is clean')
	assert.match(await page.text('figcaption'), /^Code 1, expires in \d+ s$/)
	assert.match(await page.text('#ends'), /^The pairing ends in \d/)
	const spoken = await page.spoken()
	for (const part of ['heading Scan the code', "image QR code for the phone's camera", 'button Get a code']) assert.ok(spoken.includes(part), `${part}: ${spoken}`)

	await simulator.post('/phone/scan', { qr: await code(page), account })
	await page.view('linked')
	assert.match(await page.text(), new RegExp(`Linked\\s+\\${account}`))
	const { status, stdout, stderr } = await pairing.ended
	assert.equal(status, 0)
	assert.equal(stdout, `${pairing.address}\n`)
	assert.match(stderr, new RegExp(`\nLinked: \\${account}\n`))
	const { link } = await agent.ctl('status')
	assert.equal(link.phone, account)
})

test('a new code replaces the old one on the page', async () => {
	const account = '+15550120002'
	const page = await open()
	await page.view('qr')
	const first = await code(page)
	await simulator.post('/fault', { kind: 'drop' })
	const second = await code(page, first)
	assert.match(await page.text('figcaption'), /^Code 2, expires in \d+ s$/)
	await assert.rejects(simulator.post('/phone/scan', { qr: first, account }))
	await simulator.post('/phone/scan', { qr: second, account })
	await page.view('linked')
	assert.equal((await pairing.ended).status, 0)
})

test('a number on the page gives a code to type on the phone', async () => {
	const account = '+15550120003'
	const page = await open()
	await page.view('qr')
	// With the keyboard only.
	await page.tab.focus('#number')
	await page.tab.keyboard.type('555 012 0003')
	await page.tab.keyboard.press('Enter')
	await page.tab.waitForFunction(() => document.getElementById('number-error').innerText !== '')
	assert.match(await page.text('#number-error'), /^The number: .+ Write it like \+15550100123\.$/)
	await page.tab.$eval('#number', it => { it.value = '' })
	await page.tab.keyboard.type('+1 555 012 0003')
	await page.tab.keyboard.press('Enter')
	await page.view('phone_code')
	const typed = await page.text('#typed')
	assert.match(typed, /^[0-9A-Z]{4}-[0-9A-Z]{4}$/)
	assert.match(await page.text('[data-view=phone_code]'), /Expires in \d/)

	await page.press('Show a QR code instead')
	await page.view('qr')
	assert.ok(await code(page))
	await page.tab.focus('#number')
	await page.tab.keyboard.press('Enter')
	await page.view('phone_code')
	await page.tab.waitForFunction(old => document.getElementById('typed').innerText !== old, {}, typed)
	await simulator.post('/phone/code', { account, code: await page.text('#typed') })
	await page.view('linked')
	assert.equal((await pairing.ended).status, 0)
})

test('a reload and a second tab show the current state, and a closed tab ends nothing', async () => {
	const account = '+15550120004'
	const page = await open()
	await page.view('qr')
	await page.tab.reload()
	await page.view('qr')
	const shown = await code(page)
	const second = new Page(await chromium.tab())
	await second.tab.goto(page.tab.url())
	await second.view('qr')
	assert.equal(await code(second), shown)
	await page.tab.close()
	await simulator.post('/phone/scan', { qr: shown, account })
	await second.view('linked')
	assert.equal((await pairing.ended).status, 0)
})

test('the address opens the page once, and only in that browser', async () => {
	const page = await open()
	await page.view('qr')
	const other = await chromium.strange()
	await other.goto(pairing.address)
	assert.match(await other.$eval('main', it => it.innerText), /used already[\s\S]+Ctrl-C/)
	await other.goto(page.tab.url())
	assert.match(await other.$eval('main', it => it.innerText), /has not opened the page/)
	await other.close()
	// A link on another site, which sends no strict cookie.
	const elsewhere = await chromium.tab()
	await elsewhere.goto('data:text/html,<a>link</a>')
	await elsewhere.$eval('a', (it, url) => { it.href = url }, page.tab.url())
	await Promise.all([elsewhere.waitForNavigation(), elsewhere.click('a')])
	await new Page(elsewhere).view('qr')
})

test('a failure has its reason and the next step, and the page begins again', async () => {
	const account = '+15550120005'
	const page = await open(['--timeout', '12s'])
	await page.view('failed')
	assert.match(await page.text('[data-view=failed]'), /Not linked\s+No one used the code in time\.\s+.+\s+Begin again/)
	await page.tab.focus('[data-begin=same]')
	await page.tab.keyboard.press('Enter')
	await page.view('qr')
	assert.equal(await page.tab.evaluate(() => document.activeElement.id), 'qr-title', 'the focus follows')
	await simulator.post('/phone/scan', { qr: await code(page), account })
	await page.view('linked')
	assert.equal((await pairing.ended).status, 0)
})

test('Ctrl-C is shown on the page', async () => {
	const page = await open()
	await page.view('qr')
	pairing.stop()
	await page.view('stopped')
	assert.match(await page.text('[data-view=stopped]'), /Stopped before the phone was linked\.\s+Run `openclawctl pair` again/)
	const { status, stderr } = await pairing.ended
	assert.equal(status, 1)
	assert.match(stderr, /error: stopped before the phone was linked\n/)
})

test('a page whose openclawctl is gone says so', async () => {
	const page = await open()
	await page.view('qr')
	pairing.kill()
	await page.view('stopped')
	assert.match(await page.text('[data-view=stopped]'), /no longer answers/)
})

test('in light and dark, and on a narrow window, everything fits and the code is read', async () => {
	const page = await open()
	await page.view('qr')
	for (const settings of [{ width: 360, height: 740 }, { width: 360, height: 740, dark: true }, { dark: true }]) {
		const tab = new Page(await chromium.tab(settings))
		await tab.tab.goto(page.tab.url())
		await tab.view('qr')
		await assertFits(tab.tab)
		assert.ok(await code(tab))
		await tab.tab.close()
	}
	if (process.env.OPENCLAW_SCREENSHOTS) {
		const tab = new Page(await chromium.tab({ width: 800, height: 810 }))
		await tab.tab.goto(page.tab.url())
		await tab.view('qr')
		await writeFile(join(process.env.OPENCLAW_SCREENSHOTS, 'pair-web.png'), await tab.picture())
	}
})

/** Makes the account require a passkey. Returns the passkey. */
async function requirePasskey(account) {
	const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
	const { x, y } = publicKey.export({ format: 'jwk' })
	const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
	const id = randomBytes(16)
	await simulator.post('/passkey', { account, credential: { id: id.toString('base64url'), public_key: point.toString('base64url') } })
	return { rpId: 'whatsapp.com', id, privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }) }
}

/** What a person does in a browser that has the passkey: returns what the button has copied. */
async function assertion(passkey, snippet) {
	const site = await chromium.site('https://web.whatsapp.com/', passkey)
	await site.bringToFront()
	await site.evaluate(snippet)
	await site.click('button')
	await site.waitForFunction(() => document.querySelector('button').innerText === 'Copy the answer').catch(async error => {
		throw new Error(await site.$eval('button', it => it.innerText), { cause: error })
	})
	await site.click('button')
	await site.waitForFunction(() => !document.querySelector('button'))
	const copied = await site.evaluate(() => navigator.clipboard.readText())
	await site.close()
	return copied
}

/** Pastes the answer on the page. */
async function paste(page, answer) {
	await page.tab.bringToFront()
	await page.tab.focus('#answer')
	await page.tab.$eval('#answer', (it, answer) => { it.value = answer }, answer)
	await page.press('Send the answer')
}

test('the page leads through the passkey, with a real assertion by a browser', async () => {
	const account = '+15550120006'
	const passkey = await requirePasskey(account)
	const page = await open()
	await page.view('qr')
	const scanned = simulator.post('/phone/scan', { qr: await code(page), account })
	await page.view('passkey')
	assert.match(await page.text('[data-view=passkey]'), /WhatsApp asks for this account's passkey[\s\S]+Time left: \d+ min \d+ s[\s\S]+https:\/\/web\.whatsapp\.com/)
	await assertFits(page.tab)
	await paste(page, 'something else')
	await page.tab.waitForFunction(() => document.getElementById('answer-error').innerText !== '')
	assert.match(await page.text('#answer-error'), /This is not the answer: it is not JSON\./)
	await paste(page, await assertion(passkey, await page.text('#snippet')))
	await page.view('linked')
	await scanned
	assert.equal((await pairing.ended).status, 0)
})

test('the page compares the code of a passkey ceremony with the phone', async () => {
	const account = '+15550120007'
	const passkey = await requirePasskey(account)
	const page = await open(['--phone', account])
	await page.view('phone_code')
	const typed = simulator.post('/phone/code', { account, code: await page.text('#typed') })
	await page.view('passkey')
	await page.tab.click('#compare')
	await paste(page, await assertion(passkey, await page.text('#snippet')))
	await page.view('compare')
	const { ceremony } = await simulator.get('/passkey/ceremony', { account })
	assert.equal(ceremony.code, await page.text('#compared'))
	await page.tab.focus('#phone-code')
	await page.tab.keyboard.type('ZZZZ-ZZZZ')
	await page.tab.keyboard.press('Enter')
	await page.tab.waitForFunction(() => document.getElementById('phone-code-error').innerText !== '')
	assert.match(await page.text('#phone-code-error'), /Type the code that the phone shows now\.$/)
	await page.tab.$eval('#phone-code', it => { it.value = '' })
	await page.tab.keyboard.type(ceremony.code)
	await page.tab.keyboard.press('Enter')
	await page.view('accepted')
	await simulator.post('/passkey/confirm', { account, code: ceremony.code })
	await page.view('linked')
	await typed
	assert.equal((await pairing.ended).status, 0)
})

test('three wrong codes end the ceremony, and the page says why', async () => {
	const account = '+15550120008'
	const passkey = await requirePasskey(account)
	const page = await open()
	await page.view('qr')
	const scanned = assert.rejects(simulator.post('/phone/scan', { qr: await code(page), account }))
	await page.view('passkey')
	await page.tab.click('#compare')
	await paste(page, await assertion(passkey, await page.text('#snippet')))
	await page.view('compare')
	await page.tab.focus('#phone-code')
	await page.tab.keyboard.type('ZZZZ-ZZZZ')
	for (let attempt = 1; attempt <= 3; attempt++) {
		const refused = page.tab.waitForResponse(response => response.url().endsWith('/confirm'))
		await page.tab.keyboard.press('Enter')
		assert.equal((await refused).status(), 422)
		await page.tab.waitForFunction(() => document.activeElement.id === 'phone-code' || document.querySelector('[data-view=compare]').hidden)
	}
	await page.view('failed')
	assert.match(await page.text('[data-view=failed]'), /Not linked\s+.*passkey ceremony\.\s+\S.+\s+Begin again/)
	await scanned
})
