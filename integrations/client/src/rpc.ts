import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { Access, Admin, Agent, Alerts, Chats, Clients, Contacts, Files, Groups } from "./api.js";
import type { AgentError } from "./error.js";

/** The calls of the API, by service. They throw `AgentError`; a stream ends when its loop is left. */
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

/** Where a call goes to, and the words for its errors. */
export interface Link {
  readonly transport: Transport;
  /** Turns whatever a call failed with into an error that says what to do. */
  explain(error: unknown): AgentError;
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

type Options = { signal?: AbortSignal };
type Call = (input: unknown, options?: Options) => unknown;

function clientOf<S extends DescService>(service: S, link: Link): Client<S> {
  const raw = createClient(service, link.transport) as unknown as Record<string, Call>;
  const calls: Record<string, Call> = {};
  for (const { localName, methodKind } of service.methods) {
    const call = raw[localName] as Call;
    const streams = methodKind === "server_streaming" || methodKind === "bidi_streaming";
    calls[localName] = streams ? streamed(call, link) : single(call, link);
  }
  return calls as unknown as Client<S>;
}

/** A call with one response. */
function single(call: Call, link: Link): Call {
  return async (input, options) => {
    const scope = new Scope(options?.signal);
    try {
      return await call(input, { ...options, signal: scope.signal });
    } catch (error) {
      throw link.explain(error);
    } finally {
      scope.end();
    }
  };
}

/** A call that streams. Connect's own iterator has no `return`, so leaving its loop would not end the call. */
function streamed(call: Call, link: Link): Call {
  return (input, options) => {
    const scope = new Scope(options?.signal);
    const items = call(input, { ...options, signal: scope.signal }) as AsyncIterable<unknown>;
    return (async function* () {
      try {
        yield* items;
      } catch (error) {
        throw link.explain(error);
      } finally {
        scope.end();
      }
    })();
  };
}

/** A signal for one call. Connect keeps its listener on a signal for good, which a caller's long-lived one must not collect. */
class Scope {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #abort = () => this.#controller.abort(this.#outer?.reason);

  constructor(outer?: AbortSignal) {
    this.#outer = outer;
    if (outer?.aborted) this.#abort();
    else outer?.addEventListener("abort", this.#abort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the call, if it has not ended. */
  end(): void {
    this.#outer?.removeEventListener("abort", this.#abort);
    this.#controller.abort();
  }
}
