import type { DescService } from "@bufbuild/protobuf";
import { type CallOptions, type Client, Code, createClient, type Transport } from "@connectrpc/connect";
import { Access, Admin, Agent, Alerts, Chats, Clients, Contacts, Files, Groups } from "./api.js";
import { AgentError } from "./error.js";
import { explain } from "./failure.js";
import { Scope } from "./scope.js";

/** The limit for a call with one response, unless its `timeoutMs` sets another. The slowest calls wait for a phone. */
const CALL_TIMEOUT_MS = 120_000;

/**
 * The calls of the API, by service. They fail with `AgentError`. A stream begins with its loop, and ends when
 * the loop is left.
 *
 * A call with one response fails with NO_ANSWER after two minutes, or after `timeoutMs`; 0 is for no limit. A stream has no limit.
 */
export interface Rpc {
  readonly access: Client<typeof Access>;
  readonly admin: Client<typeof Admin>;
  readonly agent: Client<typeof Agent>;
  readonly alerts: Client<typeof Alerts>;
  readonly chats: Client<typeof Chats>;
  readonly clients: Client<typeof Clients>;
  readonly contacts: Client<typeof Contacts>;
  readonly files: Client<typeof Files>;
  readonly groups: Client<typeof Groups>;
}

/** The way to one agent. */
export interface Link {
  readonly transport: Transport;
  /** Where the agent is, for errors. */
  readonly place: string;
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal;
}

/** The calls of every service over `link`. */
export function rpcOver(link: Link): Rpc {
  return {
    access: clientOf(Access, link),
    admin: clientOf(Admin, link),
    agent: clientOf(Agent, link),
    alerts: clientOf(Alerts, link),
    chats: clientOf(Chats, link),
    clients: clientOf(Clients, link),
    contacts: clientOf(Contacts, link),
    files: clientOf(Files, link),
    groups: clientOf(Groups, link),
  };
}

type Call = (input: unknown, options?: CallOptions) => unknown;

function clientOf<S extends DescService>(service: S, link: Link): Client<S> {
  const raw = createClient(service, link.transport) as unknown as Record<string, Call>;
  const calls: Record<string, Call> = {};
  for (const { localName, methodKind } of service.methods) {
    const call = raw[localName] as Call;
    if (methodKind === "unary") calls[localName] = single(call, link, CALL_TIMEOUT_MS);
    else if (methodKind === "client_streaming") calls[localName] = single(call, link, 0);
    else calls[localName] = streamed(call, link);
  }
  return calls as unknown as Client<S>;
}

/** A call with one response. The limit is kept here and not sent to the agent, which would cancel a send by it. */
function single(call: Call, link: Link, defaultMs: number): Call {
  return async (input, options = {}) => {
    const { timeoutMs = defaultMs, signal, ...rest } = options;
    const scope = new Scope(signal, link.closed);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      scope.end();
    }, timeoutMs || MAX_TIMER_MS);
    try {
      return await call(input, { ...rest, signal: scope.signal });
    } catch (error) {
      throw late ? noAnswer(link.place, timeoutMs) : (stopped(signal, link) ?? explain(error, link.place));
    } finally {
      clearTimeout(timer);
      scope.end();
    }
  };
}

/** The longest wait that a timer of Node can have. */
const MAX_TIMER_MS = 0x7fff_ffff;

/**
 * A call that streams, which begins with its loop. Connect's own iterator has no `return`, so leaving its loop would not end
 * the call; and it begins at once, so a failure before its loop would end the process.
 */
function streamed(call: Call, link: Link): Call {
  return async function* (input, options = {}) {
    const scope = new Scope(options.signal, link.closed);
    try {
      yield* call(input, { ...options, signal: scope.signal }) as AsyncIterable<unknown>;
    } catch (error) {
      throw stopped(options.signal, link) ?? explain(error, link.place);
    } finally {
      scope.end();
    }
  };
}

function noAnswer(place: string, timeoutMs: number): AgentError {
  return new AgentError({
    code: Code.DeadlineExceeded,
    reason: "NO_ANSWER",
    message: `the agent at ${place} did not answer within ${timeoutMs / 1_000} s`,
    hint: "see the agent's log; restart it if it hangs",
  });
}

/** The error of a call that this program has ended, if it has. */
export function stopped(signal: AbortSignal | undefined, link: Link): AgentError | undefined {
  if (link.closed.aborted) {
    const message = "this client of the agent is closed";
    return new AgentError({ code: Code.Canceled, reason: "CLIENT_CLOSED", message, hint: "connect a new one" });
  }
  if (!signal?.aborted) return undefined;
  return new AgentError({ code: Code.Canceled, reason: "CANCELED", message: "the call was canceled by its signal" });
}
