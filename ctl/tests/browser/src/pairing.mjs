// `openclawctl pair --web`: its page as a person uses it.

import assert from 'node:assert/strict'

/** The page in a tab. */
export class Page {
	constructor(tab) {
		this.tab = tab
	}

	/** Waits until the section of this view is the only one shown. */
	async view(name) {
		const isShown = name => [...document.querySelectorAll('[data-view]')].every(it => it.hidden === (it.dataset.view !== name))
		await this.tab.waitForFunction(isShown, { timeout: 20_000 }, name).catch(async error => {
			throw new Error(`never shown: ${name}, but: ${await this.text()}`, { cause: error })
		})
	}

	/** What a person reads on it, or on a part. */
	async text(selector = 'main') {
		return this.tab.$eval(selector, it => it.innerText)
	}

	/** A picture of the page, or of a part. */
	async picture(selector) {
		const part = selector === undefined ? this.tab : await this.tab.$(selector)
		return part.screenshot()
	}

	/** Presses the button with this text. */
	async press(text) {
		const button = await this.tab.waitForSelector(`::-p-aria([name="${text}"][role="button"])`, { visible: true })
		await button.click()
	}

	/** What a screen reader says: roles and names, in order. */
	async spoken() {
		const spoken = []
		const walk = node => {
			spoken.push(`${node.role} ${node.name ?? ''}`.trim())
			node.children?.forEach(walk)
		}
		walk(await this.tab.accessibility.snapshot())
		return spoken
	}
}

/** Fails if the page is wider than the window. */
export async function assertFits(tab) {
	const { scrolled, visible } = await tab.evaluate(() => ({ scrolled: document.documentElement.scrollWidth, visible: innerWidth }))
	assert.ok(scrolled <= visible, `${scrolled} > ${visible}`)
}
