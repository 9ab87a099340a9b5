import { connect } from "node:net";
import { Code } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AgentError } from "./error.js";
import { checkKeys, type Keys } from "./keys.js";
import type { Link } from "./rpc.js";
import { dialTls, Session, type Way } from "./session.js";

/** Above the largest response, a page of ListEvents with 3 MiB of events. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** The longest path that the address of a unix socket can hold. */
const MAX_SOCKET_PATH_BYTES = 107;

/** Where an agent is: its unix socket, or the "host:port" of its --listen with the keys for mutual TLS. */
export type Target = { socket: string } | ({ address: string } & Keys);

/** A link to an agent that can be closed. It connects with the first call, and again with the next call after a loss. */
export interface Connection extends Link {
  close(): void;
}

/** Prepares the connection to `target`. */
export function open(target: Target): Connection {
  const way = "socket" in target ? overSocket(target.socket) : overTls(target.address, target);
  const sessionManager = new Session(way);
  const transport = createGrpcTransport({
    baseUrl: way.authority,
    sessionManager,
    // No compression: a response of a few bytes could otherwise become one of gigabytes.
    acceptCompression: [],
    readMaxBytes: MAX_MESSAGE_BYTES,
  });
  const closing = new AbortController();
  const close = () => {
    closing.abort();
    sessionManager.close();
  };
  return { transport, place: way.place, closed: closing.signal, close };
}

function overSocket(named: string): Way {
  const path = typeof named === "string" ? named.replace(/^unix:/, "") : "";
  if (!path) throw invalidTarget("the path of the agent's socket is empty", SOCKET_EXAMPLE);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw invalidTarget(`the path of the agent's socket has more than ${MAX_SOCKET_PATH_BYTES} bytes`, SOCKET_EXAMPLE);
  }
  return { authority: "http://localhost", place: path, dial: () => connect(path) };
}

function overTls(address: string, keys: Keys): Way {
  const [, host, digits] = /^(\[[0-9a-fA-F:.]+\]|[^\s:/@?#[\]\\%]+):(\d{1,5})$/.exec(address) ?? [];
  const port = Number(digits);
  if (!host || port < 1 || port > 65_535 || !URL.canParse(`https://${address}`)) {
    throw invalidTarget("the agent's address is not HOST:PORT", ADDRESS_EXAMPLE);
  }
  const pem = checkKeys(keys);
  const dial = () => dialTls(host.replace(/^\[|\]$/g, ""), port, pem);
  return { authority: new URL(`https://${address}`).origin, place: address, dial };
}

const SOCKET_EXAMPLE = 'for example { socket: "/run/openclaw/agent.sock" }';
const ADDRESS_EXAMPLE = 'for example "agent.example.com:50051" or "[::1]:50051"';

function invalidTarget(message: string, hint: string): AgentError {
  return new AgentError({ code: Code.InvalidArgument, reason: "INVALID_TARGET", message, hint });
}
