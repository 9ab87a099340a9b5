// `openclawctl console`: its page as a person uses it.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

export const VIEWS = ['link', 'chats', 'events', 'outbox', 'allowlist', 'alerts', 'charts']

/** The console in a tab. */
export class Board {
	constructor(tab) {
		this.tab = tab
	}

	/** What a person reads on a part. */
	async text(selector) {
		return this.tab.$eval(selector, it => it.innerText)
	}

	/** Waits until a part has this text. */
	async reads(selector, pattern) {
		const has = (selector, source) => [...document.querySelectorAll(selector)].some(it => it.checkVisibility() && new RegExp(source).test(it.innerText))
		await this.tab.waitForFunction(has, { timeout: 20_000 }, selector, pattern.source).catch(async error => {
			throw new Error(`never in ${selector}: ${pattern}, but: ${await this.text('body')}`, { cause: error })
		})
	}

	/** Shows a view. */
	async view(name) {
		await this.tab.click(`#tab-${name}`)
		await this.tab.waitForSelector(`#view-${name}`, { visible: true })
	}

	/** Opens the first chat of the list with this name. */
	async chat(name) {
		await this.view('chats')
		await this.reads('#chats button', new RegExp(name))
		const buttons = await this.tab.$$('#chats button')
		for (const button of buttons) {
			if ((await button.evaluate(it => it.innerText)).includes(name)) {
				await button.click()
				return
			}
		}
		throw new Error(`no chat ${name}`)
	}

	/** Fails if axe finds something that keeps people from using the page. */
	async assertAccessible(what) {
		// The page's own policy allows no other script; the devtools are not bound by it.
		await this.tab.evaluate(await readFile(AXE, 'utf8'))
		const { violations, passes } = await this.tab.evaluate(() => axe.run(document, { resultTypes: ['violations', 'passes'] }))
		const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`)
		assert.deepEqual(found, [], what)
		assert.ok(passes.length > 10, `only ${passes.length} rules of axe applied`)
	}
}
