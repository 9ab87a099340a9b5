import { shouldDebounceTextInbound } from "openclaw/plugin-sdk/channel-inbound";
import { createInboundDebouncer, resolveInboundDebounceMs } from "openclaw/plugin-sdk/channel-inbound-debounce";
import { fanInChannelIngressLifecycles } from "openclaw/plugin-sdk/channel-ingress-runtime";
import { CHANNEL_ID } from "../config/settings.js";
import type { InboundMessage } from "./facts.js";
import type { EventLifecycle } from "./intake.js";
import { type Person, personId, samePerson } from "./person.js";
import type { Scope } from "./scope.js";

interface Entry {
  message: InboundMessage;
  lifecycle: EventLifecycle;
  debounceMs: number;
}

/** Runs the turn of a message. False if it needs none. */
type Dispatch = (message: InboundMessage, lifecycle: TurnLifecycle) => Promise<boolean>;
/** The lifecycle of all the messages of a turn. */
export type TurnLifecycle = Omit<EventLifecycle, "onIgnored">;

/**
 * Joins the messages that a person writes in quick succession into one turn (`messages.inbound`), and runs the turns of a chat
 * one after the other until the gateway has taken each one over.
 */
export class Debouncer {
  readonly #scope: Scope;
  readonly #queue: ReturnType<typeof createInboundDebouncer<Entry>>;
  /** Who writes in a chat whose messages wait. */
  readonly #writers = new Map<string, { count: number; sender: string }>();

  /** `onTaken` is called once for the messages of a turn, when the gateway has them. */
  constructor(scope: Scope, dispatch: Dispatch, onTaken: (messages: readonly InboundMessage[]) => void) {
    this.#scope = scope;
    this.#queue = createInboundDebouncer<Entry>({
      debounceMs: this.#debounceMs(),
      resolveDebounceMs: (entry) => entry.debounceMs,
      buildKey: ({ message }) => message.conversationId,
      shouldDebounce: ({ message }) => this.#mayJoin(message),
      onFlush: (entries, createFlush) => {
        for (const entry of entries) this.#release(entry);
        const { lifecycle, settle, abandon } = fanInChannelIngressLifecycles(entries.map((entry) => entry.lifecycle));
        return createFlush({
          lifecycle,
          dispatch: async (admitted) => {
            try {
              const parts = inOrder(entries.map((entry) => entry.message));
              const joined = join(parts);
              const receipt = once(() => onTaken(parts));
              const turn = joined && (await dispatch(joined, withReceipt(admitted as TurnLifecycle, receipt)));
              if (!turn) for (const entry of entries) await entry.lifecycle.onIgnored();
              await settle();
              receipt();
            } catch (error) {
              await abandon(error);
              throw error;
            }
          },
        });
      },
      // The event's lifecycle has been told; it is tried again or skipped there.
      onError: (error) => scope.log.warn(`turn failed: ${error instanceof Error ? error.name : "unknown error"}`),
    });
  }

  async add(message: InboundMessage, lifecycle: EventLifecycle): Promise<void> {
    const key = message.conversationId;
    const sender = writerOf(message);
    const waiting = this.#writers.get(key);
    // Two people are never joined: what was written first is flushed first.
    if (waiting && waiting.sender !== sender) await this.#queue.flushKey(key);
    const entry = { message, lifecycle, debounceMs: this.#debounceMs() };
    if (this.#isJoined(entry)) this.#writers.set(key, { count: (this.#writers.get(key)?.count ?? 0) + 1, sender });
    await this.#queue.enqueue(entry);
  }

  /** Flushes what waits. */
  async drain(): Promise<void> {
    for (const key of [...this.#writers.keys()]) await this.#queue.flushKey(key);
    await this.#queue.drain();
  }

  #release(entry: Entry): void {
    if (!this.#isJoined(entry)) return;
    const key = entry.message.conversationId;
    const waiting = this.#writers.get(key);
    if (waiting && waiting.count > 1) waiting.count -= 1;
    else this.#writers.delete(key);
  }

  #isJoined({ message, debounceMs }: Entry): boolean {
    return debounceMs > 0 && this.#mayJoin(message);
  }

  #debounceMs(): number {
    return resolveInboundDebounceMs({ cfg: this.#scope.cfg(), channel: CHANNEL_ID });
  }

  /** Commands, files, places and replies are turns of their own. */
  #mayJoin(message: InboundMessage): boolean {
    return shouldDebounceTextInbound({
      text: message.commandBody,
      cfg: this.#scope.cfg(),
      hasMedia: message.media !== undefined || message.file !== undefined,
      allowDebounce: !message.location && !message.quote,
    });
  }
}

function withReceipt(lifecycle: TurnLifecycle, receipt: () => void): TurnLifecycle {
  return {
    ...lifecycle,
    onAdopted: async () => {
      await lifecycle.onAdopted();
      receipt();
    },
  };
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

function writerOf(message: InboundMessage): string {
  return message.kind === "group" ? (personId(message.sender) ?? "") : message.conversationId;
}

function inOrder(messages: InboundMessage[]): InboundMessage[] {
  return messages.toSorted((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0) || Number(a.seq - b.seq));
}

/** One message of several, with the identity of the last one. */
export function join(messages: readonly InboundMessage[]): InboundMessage | undefined {
  const last = messages.at(-1);
  if (!last || messages.length === 1) return last;
  const mentions: Person[] = [];
  for (const person of messages.flatMap((message) => message.mentions))
    if (!mentions.some((known) => samePerson(known, person))) mentions.push(person);
  const lines = (of: (message: InboundMessage) => string) => messages.map(of).filter(Boolean).join("\n");
  return {
    ...last,
    body: lines((message) => message.body),
    commandBody: lines((message) => message.commandBody),
    mentions,
    mentionsAccount: messages.some((message) => message.mentionsAccount),
    batched: true,
  };
}
