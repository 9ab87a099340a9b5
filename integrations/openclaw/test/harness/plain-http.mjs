// Loaded into the gateway with the official channel. The simulator's media host serves plain HTTP, but Baileys writes `https://` before
// a host's name: here `fetch` and `https.request` use the simulator instead. Nothing in the channel's own files is changed.

import http from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";

const MEDIA_HOSTS = /^https:\/\/(127\.0\.0\.1:\d+|mmg\.whatsapp\.net)(?=\/)/;
const { fetch } = globalThis;
const { request } = https;
const media = process.env.TEST_MEDIA_URL;

if (media) {
  globalThis.fetch = (url, ...rest) => fetch(typeof url === "string" ? url.replace(MEDIA_HOSTS, media) : url, ...rest);
  https.request = (options, ...rest) =>
    options?.hostname === "127.0.0.1" ? http.request(options, ...rest) : request(options, ...rest);
  syncBuiltinESMExports();
}
