// A linked device run by Baileys: an auth folder that outlives its sockets, and the events of those sockets.
//
// It uses Baileys' public interface, except that it reads raw stanzas to find out how a message was encrypted.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { baileys } from './baileys.mjs'
import { makeRecord } from './record.mjs'
import { until } from './until.mjs'

const VERSION = [2, 3000, 1043857760] // fixed: fetching the current one requires a network
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

	/** A device that is not linked yet. `settings` are passed to Baileys unchanged. */
	static async create(simulator, settings = {}) {
		return Companion.in(await mkdtemp(join(tmpdir(), 'openclaw-interop-')), simulator, settings)
	}

	/** The device with this auth folder. */
	static async in(folder, simulator, settings = {}) {
		const companion = new Companion(simulator, settings)
		companion.#folder = folder
		companion.#auth = await baileys.useMultiFileAuthState(folder)
		companion.#trackWrites()
		return companion
	}

	/** A device linked to `account` by QR code, restarted and logged in, which has acked the phone's first messages. */
	static async linked(simulator, account, settings = {}) {
		const companion = await Companion.create(simulator, settings)
		companion.connect()
		await companion.scan(account)
		await companion.restart()
		await until('acks of what the phone sent', async () => (await simulator.queued(account)).length === 0)
		return companion
	}

	/** Starts a socket with the stored credentials; it connects automatically. */
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

	/** The current socket. */
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

	/** The text of the current QR code. */
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

	/** Waits until the server has announced the end of the backlog, and Baileys buffers no events. */
	async online() {
		const life = this.#life
		await until('a settled connection', () => life.status !== undefined || (life.open && life.settled))
		if (life.status !== undefined) throw new Error(`closed with ${life.status}: ${life.error?.message}`)
		await until('the first synchronisation', () => this.creds.accountSyncCounter > 0)
		return this
	}

	/** Waits for the end of the socket. Returns Baileys' status code. */
	async closed(ms) {
		const life = this.#life
		await until('the end of the connection', () => life.status !== undefined, ms)
		return life.status
	}

	/** The error that ended the socket. */
	get failure() {
		return this.#life.error
	}

	/** Ends the socket as a stopping application does. */
	async disconnect() {
		if (this.#life.status !== undefined) return
		await this.socket.end(undefined)
		await this.closed()
	}

	/** From now on nothing that the device sends reaches the server, not even acks; what the server sends still arrives. */
	mute() {
		this.socket.ws.socket.send = (_, done) => done?.()
	}

	/** Drops the stanza with this id before Baileys reads it, as if the process had crashed: it is neither read nor acked. */
	lose(id) {
		this.#lost.add(id)
	}

	/** Closes the connection without a close frame. */
	break() {
		this.socket.ws.socket.terminate()
	}

	/** Waits for the message with this text, and returns it. */
	async received(text, ms) {
		return until(`a message "${text.slice(0, 40)}"`, () => this.messages.find(message => textOf(message) === text), ms)
	}

	/** A list to which all further `event`s of the current socket are appended, in order. */
	collect(event) {
		const events = []
		this.socket.ev.on(event, reported => events.push(...[reported].flat()))
		return events
	}

	/** All texts received so far, in order. */
	texts() {
		return this.messages.map(textOf).filter(text => text !== undefined)
	}

	/** The encryption types of the payloads of message `id`, for each delivery. */
	encryption(id) {
		return this.stanzas.filter(({ attrs }) => attrs.id === id).map(({ content }) => content.filter(({ tag }) => tag === 'enc').map(({ attrs }) => attrs.type))
	}

	async send(jid, text) {
		const { key } = await this.socket.sendMessage(jid, { text })
		return key.id
	}

	/** Closes the open sockets and removes the folder. */
	async dispose() {
		for (const life of this.#sockets) {
			if (life.status === undefined) {
				await life.socket.end(undefined)
				await until('the end of the connection', () => life.status !== undefined)
			}
		}
		await this.settle()
		await rm(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
	}

	/** Waits until everything is written to the folder. */
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

/**
 * Settings with which Baileys queries a person's devices before each message. It updates a cached list only by `devices`
 * notifications, for one of a person's two addresses, and reads neither the account's own devices in `account_sync` nor a
 * `phash` in an ack.
 */
export const asksForDevices = { userDevicesCache: { get: async () => undefined, set: async () => {}, del: async () => {} } }

/** The text of a message, if it is a text message. */
export function textOf({ message }) {
	return message?.conversation || message?.extendedTextMessage?.text || undefined
}

/** The JID of the chat with a number such as `+15550100001`. */
export function chatOf(number) {
	return `${number.replace('+', '')}@s.whatsapp.net`
}
