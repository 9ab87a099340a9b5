// The simulator's media host serves plain HTTP on loopback, but Baileys writes `https://` before a host's name, or uses
// WhatsApp's own host if a message contains only a path. Here `fetch` and `https.request` are replaced in memory and use
// the simulator instead; Baileys' own code is unchanged.

import http from 'node:http'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'

const MEDIA_HOSTS = /^https:\/\/(127\.0\.0\.1:\d+|mmg\.whatsapp\.net)(?=\/)/
const LOOPBACK = '127.0.0.1'
const { fetch } = globalThis
const { request } = https

/** Uses this host for all files, such as `http://127.0.0.1:34567`. */
export function overPlainHttp(media) {
	globalThis.fetch = (url, ...rest) => fetch(typeof url === 'string' ? url.replace(MEDIA_HOSTS, media) : url, ...rest)
	https.request = (options, ...rest) => (options?.hostname === LOOPBACK ? http.request(options, ...rest) : request(options, ...rest))
	syncBuiltinESMExports()
}
