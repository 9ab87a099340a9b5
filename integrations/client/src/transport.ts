import type { SecureClientSessionOptions } from "node:http2";
import { connect as connectSocket } from "node:net";
import { Code } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AgentError } from "./error.js";
import { checkKeys, type Keys } from "./keys.js";
import type { Link } from "./rpc.js";

/** The name in the certificate of every agent, whatever its address. */
const SERVER_NAME = "openclaw-agent";
/** Above the largest response, a page of ListEvents with 3 MiB of events. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** An unanswered ping ends the connection within half a minute. */
const KEEPALIVE = { pingIntervalMs: 20_000, pingTimeoutMs: 10_000, connectTimeoutMs: 10_000 };

/** Where an agent is: its unix socket, or the "host:port" of its --listen with the keys for mutual TLS. */
export type Target = { socket: string } | ({ address: string } & Keys);

/** A link to an agent that can be closed. It connects with the first call, and again with the next call after a loss. */
export interface Connection extends Link {
  close(): void;
}

/** Prepares the connection to `target`. */
export function open(target: Target): Connection {
  const { baseUrl, place, options } = "socket" in target ? overSocket(target.socket) : overTls(target.address, target);
  const sessionManager = new Http2SessionManager(baseUrl, KEEPALIVE, options);
  // No compression: a response of a few bytes could otherwise become one of gigabytes.
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager,
    acceptCompression: [],
    readMaxBytes: MAX_MESSAGE_BYTES,
  });
  const closing = new AbortController();
  const close = () => {
    closing.abort();
    sessionManager.abort();
  };
  return { transport, place, closed: closing.signal, close };
}

interface Way {
  baseUrl: string;
  place: string;
  options: SecureClientSessionOptions;
}

function overSocket(named: string): Way {
  const path = named.replace(/^unix:/, "");
  if (!path)
    throw invalidTarget(
      "the path of the agent's socket is empty",
      'for example { socket: "/run/openclaw/agent.sock" }',
    );
  return { baseUrl: "http://localhost", place: path, options: { createConnection: () => connectSocket(path) } };
}

function overTls(address: string, keys: Keys): Way {
  if (!/^(\[[0-9a-fA-F:.]+\]|[^\s:/@?#[\]]+):\d{1,5}$/.test(address)) {
    throw invalidTarget(
      "the agent's address is not HOST:PORT",
      'for example "agent.example.com:50051" or "[::1]:50051"',
    );
  }
  const { ca, cert, key } = checkKeys(keys);
  const options = { ca, cert, key, servername: SERVER_NAME, minVersion: "TLSv1.3" as const };
  return { baseUrl: `https://${address}`, place: address, options };
}

function invalidTarget(message: string, hint: string): AgentError {
  return new AgentError({ code: Code.InvalidArgument, reason: "INVALID_TARGET", message, hint });
}
