import * as http2 from "node:http2";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Code } from "@connectrpc/connect";
import { AgentError } from "./error.js";
import { explain } from "./failure.js";

/** For name lookup, connection, handshake and the agent's first bytes together. */
const CONNECT_TIMEOUT_MS = 10_000;
/** An unanswered ping ends the connection within half a minute. */
const PING_INTERVAL_MS = 20_000;
const PING_TIMEOUT_MS = 10_000;
/** What the agent may send ahead of what is read, for a stream. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 1024 * 1024;

/** How to reach an agent. */
export interface Way {
  /** The origin of its URLs. */
  authority: string;
  /** Where it is, for errors. */
  place: string;
  /** Begins to connect. */
  dial(): Socket;
}

/** Dials an agent over mutual TLS 1.3. Its certificate has the same name at every address. */
export function dialTls(host: string, port: number, keys: { ca: string; cert: string; key: string }): Socket {
  const options = { servername: "openclaw-agent", minVersion: "TLSv1.3", ALPNProtocols: ["h2"] } as const;
  return connectTls({ host, port, ...keys, ...options });
}

/**
 * The HTTP/2 connection to one agent, which is opened again after it was lost.
 *
 * This takes the place of connect-node's `Http2SessionManager`, which does not wait for the peer's first bytes, so that a call
 * to a silent or strange peer counts as sent; and which stops to listen for errors of a connection, so that a second one would
 * end the process.
 */
export class Session {
  readonly authority: string;
  readonly #way: Way;
  readonly #closing = new AbortController();
  #current: Promise<http2.ClientHttp2Session> | undefined;
  /** The number of calls on each connection. */
  readonly #calls = new WeakMap<http2.ClientHttp2Session, number>();

  constructor(way: Way) {
    this.authority = way.authority;
    this.#way = way;
  }

  /** Opens a stream for a call. Implements the interface of connect-node. */
  async request(
    method: string,
    path: string,
    headers: http2.OutgoingHttpHeaders,
    options: http2.ClientSessionRequestOptions,
  ): Promise<http2.ClientHttp2Stream> {
    let session = await this.#connected();
    if (session.closed || session.destroyed) {
      // It was lost a moment ago, and has not reported that yet. Nothing was sent.
      this.#current = undefined;
      session = await this.#connected();
    }
    const stream = session.request({ ...headers, ":method": method, ":path": path }, options);
    this.#count(session, 1);
    stream.once("close", () => this.#count(session, -1));
    return stream;
  }

  /** An idle connection does not keep the program running. */
  #count(session: http2.ClientHttp2Session, change: number): void {
    const calls = (this.#calls.get(session) ?? 0) + change;
    this.#calls.set(session, calls);
    if (session.destroyed) return;
    if (calls > 0) session.ref();
    else session.unref();
  }

  /** Part of the interface of connect-node. Pings are sent regardless of what is read. */
  notifyResponseByteRead(): void {}

  /** Ends the connection and all calls. */
  close(): void {
    this.#closing.abort();
    this.#current?.then(
      (session) => session.destroy(),
      () => {},
    );
  }

  /** The connection. Calls that need a new one at the same time share it. */
  #connected(): Promise<http2.ClientHttp2Session> {
    if (this.#current) return this.#current;
    const opening = connect(this.#way, this.#closing.signal);
    const forget = () => {
      if (this.#current === opening) this.#current = undefined;
    };
    this.#current = opening;
    opening.then((session) => {
      for (const event of ["close", "goaway", "error"]) session.once(event, forget);
      if (session.closed || session.destroyed) forget();
    }, forget);
    return opening;
  }
}

/** Connects, and waits until the peer has begun to speak HTTP/2: only then has the agent accepted the client's key. */
async function connect(way: Way, closing: AbortSignal): Promise<http2.ClientHttp2Session> {
  const socket = way.dial();
  const session = http2.connect(way.authority, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
  });
  // Errors after the one that is reported must not end the process.
  for (const end of [socket, session]) end.on("error", () => {});
  try {
    await begun(session, socket, way.place, closing);
  } catch (error) {
    session.destroy();
    socket.destroy();
    const failure = explain(error, way.place);
    throw failure.reason === "CONNECTION_LOST" ? closedEarly(way.place) : failure;
  }
  session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  keepAlive(session, way.place);
  session.unref();
  return session;
}

function begun(session: http2.ClientHttp2Session, socket: Socket, place: string, closing: AbortSignal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const close = () => reject(closedEarly(place));
    const timer = setTimeout(() => reject(silent(place, CONNECT_TIMEOUT_MS)), CONNECT_TIMEOUT_MS);
    session.once("remoteSettings", () => resolve());
    // An alert of TLS can arrive before the session has taken the socket over.
    for (const end of [socket, session]) end.once("error", reject).once("close", close);
    closing.addEventListener("abort", close);
    session.once("close", () => {
      clearTimeout(timer);
      closing.removeEventListener("abort", close);
    });
    session.once("remoteSettings", () => clearTimeout(timer));
  });
}

/** Ends the connection when the peer does not answer a ping in time. */
function keepAlive(session: http2.ClientHttp2Session, place: string): void {
  let unanswered: NodeJS.Timeout | undefined;
  const interval = setInterval(() => {
    if (session.destroyed) return;
    unanswered ??= setTimeout(() => session.destroy(silent(place, PING_TIMEOUT_MS)), PING_TIMEOUT_MS).unref();
    session.ping(() => {
      clearTimeout(unanswered);
      unanswered = undefined;
    });
  }, PING_INTERVAL_MS).unref();
  session.once("close", () => {
    clearInterval(interval);
    clearTimeout(unanswered);
  });
}

function silent(place: string, ms: number): AgentError {
  return new AgentError({
    code: Code.Unavailable,
    reason: "NO_ANSWER",
    message: `the agent at ${place} did not answer within ${ms / 1_000} s`,
    hint: "check that the agent runs, and that no firewall is in between; see its log",
  });
}

function closedEarly(place: string): AgentError {
  return new AgentError({
    code: Code.Unavailable,
    reason: "CLOSED",
    message: `cannot reach the agent at ${place}: the connection was closed before any data arrived`,
    hint: "see the agent's log: it may be at its connection limit, or a proxy in between closes because the agent does not run",
  });
}
