// Baileys with a working signature check. As published it accepts every signature: it discards the result of
// libsignal's verification, which for a signed prekey is always `true`. Here libsignal's check is replaced in memory
// by one that throws. This must happen before Baileys is loaded, because its modules import the function by name.
//
// No file in node_modules is edited, and nothing else in Baileys is changed.

import { createRequire } from 'node:module'
import { verifyXeddsa } from './xeddsa.mjs'

const KEY_TYPE_DJB = 5
const require = createRequire(import.meta.url)

/** The number of signatures checked, and of invalid ones, since the process started. */
export const signatures = { checked: 0, rejected: 0 }

require('libsignal/src/curve.js').verifySignature = (publicKey, message, signature) => {
	signatures.checked += 1
	const raw = publicKey.length === 33 && publicKey[0] === KEY_TYPE_DJB ? publicKey.subarray(1) : publicKey
	if (!verifyXeddsa(raw, message, signature)) {
		signatures.rejected += 1
		throw new Error('signature does not verify')
	}
	return true
}

// libsignal prints sessions, including private keys.
for (const level of ['log', 'info', 'warn', 'error']) console[level] = () => {}

export const baileys = await import('@whiskeysockets/baileys')
export const { aesEncryptGCM, Curve, hmacSign } = await import('@whiskeysockets/baileys/lib/Utils/crypto.js')
const { WA_CERT_DETAILS } = await import('@whiskeysockets/baileys/lib/Defaults/index.js')

/** Makes Baileys verify the server's certificate chain with `root` (32 bytes, hex) instead of WhatsApp's root key. */
export function trustRoot(root) {
	const key = Buffer.from(root, 'hex')
	if (key.length !== 32) throw new Error(`a root key has 32 bytes, not ${key.length}`)
	WA_CERT_DETAILS.PUBLIC_KEY = key
}
