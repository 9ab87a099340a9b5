// The simulator's media host speaks plain HTTP on loopback, and Baileys writes `https://` before a host's name, or takes
// WhatsApp's own host where a message names only a path. Here `fetch` and `https.request` go to the simulator instead, in
// memory; Baileys' own code stays as it is.

import http from 'node:http'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'

const MEDIA_HOSTS = /^https:\/\/(127\.0\.0\.1:\d+|mmg\.whatsapp\.net)(?=\/)/
const LOOPBACK = '127.0.0.1'
const { fetch } = globalThis
const { request } = https

/** Files come from and go to this host, such as `http://127.0.0.1:34567`. */
export function overPlainHttp(media) {
	globalThis.fetch = (url, ...rest) => fetch(typeof url === 'string' ? url.replace(MEDIA_HOSTS, media) : url, ...rest)
	https.request = (options, ...rest) => (options?.hostname === LOOPBACK ? http.request(options, ...rest) : request(options, ...rest))
	syncBuiltinESMExports()
}
