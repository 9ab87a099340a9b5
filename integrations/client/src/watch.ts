import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { EventFilterSchema, WatchEventsResponse } from "./api.js";
import { Backoff, sleep } from "./backoff.js";
import { AgentError } from "./error.js";
import type { Link, Rpc } from "./rpc.js";
import { Scope } from "./scope.js";

/** The agent sends a heartbeat at the start of a stream, before anything that it has to search for. */
const FIRST_ITEM_MS = 30_000;
/** The agent sends a heartbeat every 30 s: two and a half missing ones are a dead stream. */
const SILENCE_MS = 75_000;
/** A stream that lasted this long was a good one: the waits begin again at the shortest. */
const STABLE_MS = 10_000;
/** The longest that `retry_at` of an error delays the next attempt: the reason may end earlier. */
const MAX_RETRY_AT_MS = 60_000;

/** What to watch. */
export interface WatchOptions {
  /** Continue after the position of this consumer, which `ack` moves. A new name begins at the newest event. */
  consumer?: string;
  /** Which events. Default: all events of persons and groups, and all without a chat. */
  filter?: MessageInitShape<typeof EventFilterSchema>;
  /** Begin after this seq, whatever the consumer's position. 0n: at the oldest event that is kept. */
  after?: bigint;
  /** Also stream presence and typing of these chats. The account is shown as online meanwhile. */
  presenceOf?: string[];
  /** Ends the loop, without an error. */
  signal?: AbortSignal;
  /** The stream was lost, or could not be opened, and is opened again. Called once an outage, and again for another reason. */
  onLost?(error: AgentError): void;
  /** The stream is open again. */
  onResumed?(): void;
}

/** Streams items across lost connections and restarts of the agent. */
export async function* watch(
  rpc: Rpc,
  link: Link,
  options: WatchOptions,
): AsyncGenerator<WatchEventsResponse, void, undefined> {
  const scope = new Scope(options.signal, link.closed);
  const position = new Position(options.after);
  const outage = new Outage(options);
  try {
    while (!scope.signal.aborted) {
      const opened = performance.now();
      try {
        for await (const item of stream(rpc, options, position.after, scope.signal)) {
          outage.over();
          // Before the consumer has it: an item that it was given is not given again.
          position.passed(item);
          yield item;
        }
        throw streamEnded();
      } catch (error) {
        if (scope.signal.aborted) return;
        if (!AgentError.is(error) || !error.transient) throw error;
        await outage.wait(error, performance.now() - opened, scope.signal);
      }
    }
  } finally {
    scope.end();
  }
}

/** How far the stream has come. */
class Position {
  after: bigint | undefined;

  constructor(after: bigint | undefined) {
    this.after = after;
  }

  passed({ item }: WatchEventsResponse): void {
    if (item.case === "event") this.after = item.value.seq;
    else if (item.case === "gap") this.after = item.value.last;
    // All matching events up to it were sent. Without this, a watcher of rare events would have the agent search again.
    else if (item.case === "heartbeat") this.after = item.value.head;
  }
}

/** The time between a lost stream and the next one. */
class Outage {
  readonly #options: WatchOptions;
  readonly #backoff = new Backoff();
  #reported: string | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  over(): void {
    if (this.#reported === undefined) return;
    this.#reported = undefined;
    this.#options.onResumed?.();
  }

  async wait(error: AgentError, lastedMs: number, signal: AbortSignal): Promise<void> {
    if (lastedMs >= STABLE_MS) this.#backoff.reset();
    if (this.#reported !== error.reason) {
      this.#reported = error.reason;
      this.#options.onLost?.(error);
    }
    const named = error.retryAt ? Math.min(error.retryAt.getTime() - Date.now(), MAX_RETRY_AT_MS) : 0;
    await sleep(Math.max(this.#backoff.next(), named), signal);
  }
}

/** One stream, until it fails, ends, or is silent for too long. */
async function* stream(rpc: Rpc, options: WatchOptions, after: bigint | undefined, signal: AbortSignal) {
  const { consumer = "", filter, presenceOf = [] } = options;
  const scope = new Scope(signal);
  const items = rpc.agent.watchEvents({ consumer, filter, after, presenceOf, follow: true }, { signal: scope.signal });
  const source = items[Symbol.asyncIterator]();
  let limit = FIRST_ITEM_MS;
  let silent = false;
  try {
    for (;;) {
      // Runs only while this waits: a consumer that takes its time with an item does not end the stream.
      const timer = setTimeout(() => {
        silent = true;
        scope.end();
      }, limit);
      const next = await source.next().finally(() => clearTimeout(timer));
      if (next.done) return;
      limit = SILENCE_MS;
      yield next.value;
    }
  } catch (error) {
    throw silent ? streamSilent(limit) : error;
  } finally {
    scope.end();
  }
}

function streamSilent(ms: number): AgentError {
  return new AgentError({
    code: Code.Unavailable,
    reason: "NO_ANSWER",
    message: `the agent sent nothing for ${ms / 1_000} s, not even a heartbeat`,
    hint: "see the agent's log; restart it if it hangs",
  });
}

function streamEnded(): AgentError {
  const message = "the agent ended the stream of events";
  return new AgentError({ code: Code.Unavailable, reason: "CONNECTION_LOST", message, hint: "see the agent's log" });
}
