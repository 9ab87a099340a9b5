// The simulator's media host speaks plain HTTP, and Baileys writes `https://` before a host's name. Here `fetch` and
// `https.request` take the scheme for what it is, in memory, on loopback only; Baileys' own code stays as it is.

import http from 'node:http'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'

const LOOPBACK = '127.0.0.1'
const { fetch } = globalThis
const { request } = https
let done = false

export function overPlainHttp() {
	if (done) return
	done = true
	globalThis.fetch = (url, ...rest) => fetch(typeof url === 'string' ? url.replace(`https://${LOOPBACK}:`, `http://${LOOPBACK}:`) : url, ...rest)
	https.request = (options, ...rest) => (options?.hostname === LOOPBACK ? http.request(options, ...rest) : request(options, ...rest))
	syncBuiltinESMExports()
}
