import type { SecureClientSessionOptions } from "node:http2";
import { connect as connectSocket } from "node:net";
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

/** The name in the certificate of every agent, whatever its address. */
const SERVER_NAME = "openclaw-agent";

/** PEM, as a string or the bytes of a file. */
export type Pem = string | Uint8Array;

/** Where an agent is, and how to prove who calls. */
export type Target = { socket: string } | { address: string; ca: Pem; cert: Pem; key: Pem };

/** The connection to one agent. It is opened by the first call, and again by the next call after it was lost. */
export interface Connection {
  readonly transport: Transport;
  close(): void;
}

/** Prepares a connection. */
export function open(target: Target): Connection {
  const baseUrl = "socket" in target ? "http://localhost" : `https://${target.address}`;
  const sessions = new Http2SessionManager(
    baseUrl,
    { pingIntervalMs: 20_000, pingTimeoutMs: 10_000, connectTimeoutMs: 10_000 },
    sessionOptions(target),
  );
  return {
    transport: createGrpcTransport({ baseUrl, sessionManager: sessions, acceptCompression: [] }),
    close: () => sessions.abort(),
  };
}

function sessionOptions(target: Target): SecureClientSessionOptions {
  if ("socket" in target) return { createConnection: () => connectSocket(target.socket) };
  const pem = (value: Pem) => (typeof value === "string" ? value : Buffer.from(value));
  return {
    ca: pem(target.ca),
    cert: pem(target.cert),
    key: pem(target.key),
    servername: SERVER_NAME,
    minVersion: "TLSv1.3",
  };
}
