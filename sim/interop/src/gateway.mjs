// A gateway as OpenClaw runs it: Baileys on an auth folder, told line by line what to do. It makes the folders that
// the agent's importer is tested with, against a simulator that somebody else has started and holds the other half of
// every session.
//
//     node src/gateway.mjs FOLDER ws://127.0.0.1:PORT/ws/chat ROOT_KEY_HEX
//
// Each line on stdin is a JSON object with one key, what to do; each is answered by one line, `{"ok": …}` or
// `{"error": "…"}`. The end of stdin is `stop`.

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
	/** Waits for the restart that a scan is followed by, and for all that the phone sends then. */
	linked: async () => {
		await companion.restart()
		return companion.creds.me
	},
	/** Asks for a code to type on the phone of this number; Baileys then counts itself as half linked. */
	code: async number => {
		await companion.connect().qr()
		return companion.socket.requestPairingCode(number)
	},
	/** Connects a linked device. */
	connect: async () => {
		await companion.connect().online()
	},
	/** Sends a text; answers with its id. */
	send: ({ to, text }) => companion.send(to, text),
	/** Waits for a text; answers with its key. */
	hear: async text => (await companion.received(text)).key,
	/** Loses the stanza with this id on its way in. */
	lose: id => companion.lose(id),
	/** Ends the connection, and waits until everything is in the folder. */
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
