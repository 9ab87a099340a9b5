// A gateway as OpenClaw runs it: Baileys with an auth folder, controlled by one command per line. It writes the folders
// with which the agent's importer is tested. The caller runs the simulator, which has the other side of every
// session.
//
//     node src/gateway.mjs FOLDER ws://127.0.0.1:PORT/ws/chat ROOT_KEY_HEX
//
// Each line on stdin is a JSON object with one key, the command; the response is one line, `{"ok": …}` or
// `{"error": "…"}`. The end of stdin means `stop`.

import { createInterface } from 'node:readline'
import { trustRoot } from './baileys.mjs'
import { Companion } from './companion.mjs'

const [folder, listen, root] = process.argv.slice(2)
if (root === undefined) {
	process.stderr.write('usage: gateway.mjs FOLDER URL ROOT_KEY_HEX\n')
	process.exit(2)
}
trustRoot(root)
const companion = await Companion.in(folder, { listen })

const verbs = {
	/** Shows a QR code. */
	qr: () => companion.connect().qr(),
	/** Waits for the restart after a scan, and for everything that the phone sends then. */
	linked: async () => {
		await companion.restart()
		return companion.creds.me
	},
	/** Requests a code to type on the phone with this number; Baileys then considers itself partly linked. */
	code: async number => {
		await companion.connect().qr()
		return companion.socket.requestPairingCode(number)
	},
	/** Connects a linked device. */
	connect: async () => {
		await companion.connect().online()
	},
	/** Sends a text; returns its id. */
	send: ({ to, text }) => companion.send(to, text),
	/** Waits for a text; returns its key. */
	hear: async text => (await companion.received(text)).key,
	/** Drops the incoming stanza with this id. */
	lose: id => companion.lose(id),
	/** Ends the connection, and waits until everything is written to the folder. */
	stop: async () => {
		await companion.disconnect()
		await companion.settle()
	}
}

for await (const line of createInterface({ input: process.stdin })) {
	const [[verb, argument]] = Object.entries(JSON.parse(line))
	let answer
	try {
		answer = { ok: (await verbs[verb](argument)) ?? null }
	} catch (error) {
		answer = { error: String(error?.message ?? error) }
	}
	process.stdout.write(`${JSON.stringify(answer)}\n`)
	if (verb === 'stop') break
}
process.exit(0)
