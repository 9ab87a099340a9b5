// One linked device run by Baileys: an auth folder that outlives its sockets, and what those sockets told us.
//
// It keeps to Baileys' public interface, except that it listens to raw stanzas to see how a message was encrypted.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { baileys } from './baileys.mjs'
import { makeRecord } from './record.mjs'
import { until } from './until.mjs'

const VERSION = [2, 3000, 1043857760] // fixed: asking for the current one would need a network
const RESTART_REQUIRED = 515

export class Companion {
	#folder
	#lost = new Set()
	#pending = new Set()
	#auth
	#settings
	#sockets = []
	/** Across all sockets, in order of arrival. */
	messages = []
	updates = []
	receipts = []
	stanzas = []
	record = makeRecord()

	constructor(simulator, settings) {
		this.simulator = simulator
		this.#settings = settings
	}

	/** A device that is not linked yet. `settings` go to Baileys as they are. */
	static async create(simulator, settings = {}) {
		return Companion.in(await mkdtemp(join(tmpdir(), 'openclaw-interop-')), simulator, settings)
	}

	/** The device whose auth folder this is. */
	static async in(folder, simulator, settings = {}) {
		const companion = new Companion(simulator, settings)
		companion.#folder = folder
		companion.#auth = await baileys.useMultiFileAuthState(folder)
		companion.#trackWrites()
		return companion
	}

	/** A device linked to `account` by QR code, restarted, logged in, with everything acked that the phone sends at first. */
	static async linked(simulator, account, settings = {}) {
		const companion = await Companion.create(simulator, settings)
		companion.connect()
		await companion.scan(account)
		await companion.restart()
		await until('acks of what the phone sent', async () => (await simulator.queued(account)).length === 0)
		return companion
	}

	/** Starts a socket with the stored credentials; it connects by itself. */
	connect() {
		const { state, saveCreds } = this.#auth
		const socket = baileys.makeWASocket({
			version: VERSION,
			waWebSocketUrl: this.simulator.listen,
			auth: state,
			logger: this.record,
			browser: ['OpenClaw', 'Chrome', '1'],
			markOnlineOnConnect: false,
			syncFullHistory: false,
			retryRequestDelayMs: 10,
			...this.#settings
		})
		const life = { socket, qrs: [], open: false, settled: false, status: undefined }
		this.#sockets.push(life)
		socket.ev.on('creds.update', () => this.#track(saveCreds()))
		socket.ev.on('connection.update', update => follow(life, update))
		socket.ev.on('messages.upsert', ({ messages, type }) => this.messages.push(...messages.map(message => ({ ...message, type }))))
		socket.ev.on('messages.update', updates => this.updates.push(...updates))
		socket.ev.on('message-receipt.update', receipts => this.receipts.push(...receipts))
		socket.ws.on('CB:message', stanza => this.stanzas.push(stanza))
		const emit = socket.ws.emit.bind(socket.ws)
		socket.ws.emit = (event, ...args) => this.#lost.has(args[0]?.attrs?.id) || emit(event, ...args)
		return this
	}

	/** The socket in use. */
	get socket() {
		return this.#life.socket
	}

	get #life() {
		return this.#sockets.at(-1)
	}

	get creds() {
		return this.#auth.state.creds
	}

	get lid() {
		return this.creds.me.lid
	}

	/** The QR text that a phone would see now. */
	async qr() {
		const life = this.#life
		return until('a QR code', () => life.qrs.at(-1))
	}

	/** Lets the phone of `account` scan the QR code. */
	async scan(account) {
		return this.simulator.post('/phone/scan', { qr: await this.qr(), account })
	}

	/** Waits for the restart that follows pairing, reconnects and logs in. */
	async restart() {
		const status = await this.closed()
		if (status !== RESTART_REQUIRED) throw new Error(`pairing ended with ${status}`)
		this.connect()
		await this.online()
		return this
	}

	/** Waits until the server has said that it delivered everything, and Baileys holds no event back. */
	async online() {
		const life = this.#life
		await until('a settled connection', () => life.status !== undefined || (life.open && life.settled))
		if (life.status !== undefined) throw new Error(`closed with ${life.status}: ${life.error?.message}`)
		await until('the first synchronisation', () => this.creds.accountSyncCounter > 0)
		return this
	}

	/** Waits for the end of the socket; its status code, in Baileys' counting. */
	async closed(ms) {
		const life = this.#life
		await until('the end of the connection', () => life.status !== undefined, ms)
		return life.status
	}

	/** The error that ended the socket. */
	get failure() {
		return this.#life.error
	}

	/** Ends the socket as an application does that stops. */
	async disconnect() {
		if (this.#life.status !== undefined) return
		await this.socket.end(undefined)
		await this.closed()
	}

	/** From now on nothing that the device sends leaves it, acks included; what the server sends still arrives. */
	mute() {
		this.socket.ws.socket.send = (_, done) => done?.()
	}

	/** The stanza with this id never reaches Baileys, as if the process had died on it: it is neither read nor acked. */
	lose(id) {
		this.#lost.add(id)
	}

	/** Breaks the connection without a farewell. */
	break() {
		this.socket.ws.socket.terminate()
	}

	/** The message whose text is `text`, waiting for it. */
	async received(text, ms) {
		return until(`a message "${text.slice(0, 40)}"`, () => this.messages.find(message => textOf(message) === text), ms)
	}

	/** What the socket in use reports as `event` from now on, in order; the list grows. */
	heard(event) {
		const heard = []
		this.socket.ev.on(event, reported => heard.push(...[reported].flat()))
		return heard
	}

	/** All texts received so far, in order. */
	texts() {
		return this.messages.map(textOf).filter(text => text !== undefined)
	}

	/** How the payloads of message `id` were encrypted, for each time that it was delivered. */
	encryption(id) {
		return this.stanzas.filter(({ attrs }) => attrs.id === id).map(({ content }) => content.filter(({ tag }) => tag === 'enc').map(({ attrs }) => attrs.type))
	}

	async send(jid, text) {
		const { key } = await this.socket.sendMessage(jid, { text })
		return key.id
	}

	/** Closes what is open and removes the folder. */
	async dispose() {
		for (const life of this.#sockets) {
			if (life.status === undefined) {
				await life.socket.end(undefined)
				await until('the end of the connection', () => life.status !== undefined)
			}
		}
		await this.settle()
		await rm(this.#folder, { recursive: true, force: true })
	}

	/** Waits until everything is in the folder. */
	async settle() {
		while (this.#pending.size > 0) await Promise.allSettled(this.#pending)
	}

	#trackWrites() {
		const { keys } = this.#auth.state
		const { set } = keys
		keys.set = data => this.#track(set(data))
	}

	#track(write) {
		this.#pending.add(write)
		write.finally(() => this.#pending.delete(write)).catch(() => {})
		return write
	}
}

function follow(life, update) {
	if (update.qr) life.qrs.push(update.qr)
	if (update.connection === 'open') life.open = true
	if (update.receivedPendingNotifications) life.settled = true
	if (update.connection === 'close') {
		life.error = update.lastDisconnect?.error
		life.status = life.error?.output?.statusCode ?? 0
	}
}

/** The text of a message, if it is a text message. */
export function textOf({ message }) {
	return message?.conversation || message?.extendedTextMessage?.text || undefined
}

/** `+15550100001` as the address of a chat. */
export function chatOf(number) {
	return `${number.replace('+', '')}@s.whatsapp.net`
}
