// Chromium, headless, as the package brought it: with its own libraries and font, so that it is the same everywhere.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import jsqr from 'jsqr'
import puppeteer from 'puppeteer-core'

const UNPACKED = fileURLToPath(new URL('../node_modules/.unpacked/', import.meta.url))
const INSTALLED = process.env.OPENCLAW_CHROMIUM || undefined

/** A browser with a folder of its own. */
export class Chromium {
	#browser
	#folder
	#requests = []

	static async start() {
		const chromium = new Chromium()
		chromium.#folder = await mkdtemp(join(tmpdir(), 'openclaw-chromium-'))
		const fonts = join(chromium.#folder, 'fonts.conf')
		await writeFile(fonts, `<fontconfig><dir>${UNPACKED}fonts</dir><cachedir>${chromium.#folder}</cachedir></fontconfig>`)
		chromium.#browser = await puppeteer.launch({
			executablePath: INSTALLED ?? join(UNPACKED, 'chromium'),
			// As root, and in containers without user namespaces, Chromium's sandbox does not start. It loads our own page only.
			args: ['--no-sandbox', '--disable-gpu'],
			env: INSTALLED ? process.env : { ...process.env, LD_LIBRARY_PATH: join(UNPACKED, 'al2023/lib'), FONTCONFIG_FILE: fonts },
			headless: 'shell',
			pipe: true
		})
		return chromium
	}

	/** A tab, which shares its cookies with the others. `scale` is the number of its screen's pixels for one of the page. */
	async tab({ width = 900, height = 1000, scale = 1, dark = false } = {}) {
		const tab = await this.#browser.newPage()
		await tab.setViewport({ width, height, deviceScaleFactor: scale })
		await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }])
		tab.on('request', request => this.#requests.push(request.url()))
		tab.on('pageerror', error => { throw error })
		return tab
	}

	/** A tab that knows nothing of the others, as in another browser. */
	async strange() {
		const context = await this.#browser.createBrowserContext()
		return context.newPage()
	}

	/**
	 * A tab on a page of another site, which is not fetched from there but made up here. The browser treats it as that site, and
	 * has a passkey for it: an authenticator in software, with this private key.
	 */
	async site(url, { rpId, id, privateKey }) {
		const origin = new URL(url).origin
		await this.#browser.defaultBrowserContext().overridePermissions(origin, ['clipboard-read', 'clipboard-sanitized-write'])
		const tab = await this.#browser.newPage()
		await tab.setRequestInterception(true)
		tab.on('request', request => request.respond({ contentType: 'text/html', body: '<!doctype html><title>A site</title>' }))
		const devtools = await tab.createCDPSession()
		await devtools.send('WebAuthn.enable')
		const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
			options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true }
		})
		const credential = { credentialId: id.toString('base64'), isResidentCredential: true, rpId, privateKey: privateKey.toString('base64'), userHandle: Buffer.from('1').toString('base64'), signCount: 0 }
		await devtools.send('WebAuthn.addCredential', { authenticatorId, credential })
		await tab.goto(url)
		return tab
	}

	/** The origins that all tabs have sent requests to. */
	origins() {
		return [...new Set(this.#requests.filter(url => !url.startsWith('data:')).map(url => new URL(url).origin))]
	}

	/** The text in the QR code on a picture (PNG), or nothing. */
	async decode(png) {
		const tab = await this.#browser.newPage()
		try {
			const { width, height, data } = await tab.evaluate(async base64 => {
				const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0))
				const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
				const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d')
				canvas.drawImage(image, 0, 0)
				const { width, height, data } = canvas.getImageData(0, 0, image.width, image.height)
				return { width, height, data: Array.from(data) }
			}, Buffer.from(png).toString('base64'))
			return (jsqr.default ?? jsqr)(Uint8ClampedArray.from(data), width, height)?.data
		} finally {
			await tab.close()
		}
	}

	async stop() {
		await this.#browser.close()
		await rm(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
	}
}
