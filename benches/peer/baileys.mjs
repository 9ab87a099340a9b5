// Measures Baileys for the comparison: runs one unlinked Baileys against a running simulator, and prints one JSON
// line. Baileys runs as published, except that its logging is disabled. The figures are not evaluated here.
//
//   node baileys.mjs --url ws://127.0.0.1:PORT/ws/chat --control http://127.0.0.1:PORT
//       [--store files|memory] [--auth DIR] [--idle SECONDS] [--receive N] [--send N] [--account +1…] [--peer +1…]
//
// Definitions, the same for every client in the comparison:
//   first_qr_ms     from the start of the process to the first QR text in the hands of the application
//   connected_ms    from the start of the process to the login after pairing (`connection: open`). The phone scans the
//                   QR text as soon as it is there, so pairing, the 515 restart and the prekey upload are included
//   idle_*_bytes    VmRSS and Pss of the process, `--idle` seconds after it is connected and its first synchronisation is over
//   receive_per_s   N / (last - start): N texts of one contact, from asking the simulator for them until the last is in the hands
//                   of the application, after one text each way (so that the sessions exist)
//   send_per_s      N / (end - start): N texts to that contact, 16 sends in flight, from the first call until the contact's
//                   inbox on the simulator holds all N, decrypted
//   loaded_*_bytes  VmRSS and Pss right after that load, without a pause
// `--store files` is Baileys' own multi-file folder, as it is deployed; `memory` keeps the same keys in a Map.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { initAuthCreds, makeWASocket, useMultiFileAuthState } from '@whiskeysockets/baileys'

const CLIENT = 'baileys 7.0.0-rc14'
const VERSION = [2, 3000, 1043857760]
const RESTART_REQUIRED = 515
const IN_FLIGHT = 16
const POLL_MS = 20
const PATIENCE_MS = 120_000

for (const level of ['log', 'info', 'warn', 'error']) console[level] = () => {} // libsignal prints to stdout
const options = readOptions()
const folder = options.auth ?? (await mkdtemp(join(tmpdir(), 'openclaw-peer-')))
const auth = options.store === 'memory' ? memoryAuthState() : await useMultiFileAuthState(folder)
const seen = { texts: 0, last: 0, openAt: undefined, firstQrAt: undefined, closed: undefined }
let socket

try {
	process.stdout.write(`${JSON.stringify(await measure())}\n`)
} catch (error) {
	process.stderr.write(`error: ${error.message}\n`)
	process.exitCode = 1
} finally {
	await socket?.end(undefined)
	if (!options.auth) await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
	process.exit() // Baileys leaves timers of half a minute behind
}

async function measure() {
	socket = connect()
	await until('a login', () => seen.openAt !== undefined)
	await until('the first synchronisation', () => auth.state.creds.accountSyncCounter > 0)
	await pause(options.idle * 1000)
	const idle = await memory()
	await warmUp()
	const receivePerS = await receive()
	const sendPerS = await send()
	const loaded = await memory()
	return {
		client: CLIENT,
		store: options.store,
		first_qr_ms: round(seen.firstQrAt),
		connected_ms: round(seen.openAt),
		idle_s: options.idle,
		idle_rss_bytes: idle.rss,
		idle_pss_bytes: idle.pss,
		received: options.receive,
		receive_per_s: round(receivePerS),
		sent: options.send,
		send_per_s: round(sendPerS),
		loaded_rss_bytes: loaded.rss,
		loaded_pss_bytes: loaded.pss
	}
}

function connect() {
	const made = makeWASocket({
		version: VERSION,
		waWebSocketUrl: options.url,
		auth: auth.state,
		logger: silence(),
		browser: ['OpenClaw', 'Chrome', '1'],
		markOnlineOnConnect: false,
		syncFullHistory: false
	})
	made.ev.on('creds.update', () => void auth.saveCreds())
	made.ev.on('messages.upsert', ({ messages }) => count(messages))
	made.ev.on('connection.update', ({ connection, qr, lastDisconnect }) => {
		if (qr && seen.firstQrAt === undefined) {
			seen.firstQrAt = performance.now()
			control('/phone/scan', { qr, account: options.account }).catch(fail)
		}
		if (connection === 'open') seen.openAt = performance.now()
		if (connection !== 'close') return
		if (lastDisconnect?.error?.output?.statusCode === RESTART_REQUIRED) socket = connect()
		else if (seen.openAt === undefined) fail(lastDisconnect?.error ?? new Error('closed'))
	})
	return made
}

function fail(error) {
	seen.closed = error
}

function count(messages) {
	const texts = messages.filter(({ key, message }) => !key.fromMe && (message?.conversation || message?.extendedTextMessage)).length
	if (texts === 0) return
	seen.last = performance.now()
	seen.texts += texts
}

async function warmUp() {
	await control('/peer/send', { from: options.peer, to: options.account, text: 'warm up' })
	await until('the first text', () => seen.texts === 1)
	await socket.sendMessage(chat(), { text: 'warm up' })
	await until('the first answer', async () => (await inbox()) === 1)
}

async function receive() {
	seen.texts = 0
	const start = performance.now()
	await control('/peer/flood', { from: options.peer, to: options.account, count: options.receive })
	await until('all texts', () => seen.texts >= options.receive)
	return (options.receive / (seen.last - start)) * 1000
}

async function send() {
	const start = performance.now()
	let next = 0
	await Promise.all(
		Array.from({ length: IN_FLIGHT }, async () => {
			while (next < options.send) await socket.sendMessage(chat(), { text: `text ${next++}` })
		})
	)
	await until('all texts in the inbox', async () => (await inbox()) === options.send + 1)
	return (options.send / (performance.now() - start)) * 1000
}

function chat() {
	return `${options.peer.replace('+', '')}@s.whatsapp.net`
}

async function inbox() {
	return (await control(`/peer/inbox?${new URLSearchParams({ peer: options.peer })}`)).length
}

function round(n) {
	return Math.round(n * 10) / 10
}

async function control(path, body) {
	const init = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
	const answer = await fetch(options.control + path, init)
	const value = await answer.json()
	if (!answer.ok) throw new Error(`${path}: ${value.error}`)
	return value
}

async function memory() {
	const rollup = await readFile('/proc/self/smaps_rollup', 'utf8')
	const bytes = field => Number(rollup.match(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm'))[1]) * 1024
	return { rss: bytes('Rss'), pss: bytes('Pss') }
}

async function until(what, probe) {
	const deadline = performance.now() + PATIENCE_MS
	while (!(await probe())) {
		if (seen.closed) throw seen.closed
		if (performance.now() > deadline) throw new Error(`waited ${PATIENCE_MS} ms for ${what}`)
		await pause(POLL_MS)
	}
}

/** The interface of the folder, over a Map. */
function memoryAuthState() {
	const kept = new Map()
	const get = async (type, ids) => Object.fromEntries(ids.map(id => [id, kept.get(`${type}-${id}`)]))
	const set = async data => {
		for (const [type, entries] of Object.entries(data)) {
			for (const [id, value] of Object.entries(entries)) {
				if (value) kept.set(`${type}-${id}`, value)
				else kept.delete(`${type}-${id}`)
			}
		}
	}
	return { state: { creds: initAuthCreds(), keys: { get, set } }, saveCreds: async () => {} }
}

function silence() {
	const nothing = () => {}
	const logger = { level: 'silent', trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing }
	logger.child = () => logger
	return logger
}

function readOptions() {
	const text = (value = undefined) => ({ type: 'string', default: value })
	const { values } = parseArgs({
		options: {
			url: text(), control: text(), auth: text(), store: text('files'), idle: text('30'), receive: text('2000'), send: text('1000'),
			account: text('+15550190001'), peer: text('+15550190002')
		}
	})
	if (!values.url || !values.control) {
		process.stderr.write('usage: baileys.mjs --url ws://… --control http://… [--store files|memory] [--idle SECONDS] [--receive N] [--send N]\n')
		process.exit(2)
	}
	return { ...values, idle: Number(values.idle), receive: Number(values.receive), send: Number(values.send) }
}
