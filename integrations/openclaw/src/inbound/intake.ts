import { setTimeout as delay } from "node:timers/promises";
import type { Event } from "@openclaw-agent/client";
import { Cursor } from "./cursor.js";
import { originOf } from "./facts.js";
import { Lanes } from "./lanes.js";
import type { TakenEvents } from "./taken.js";

/** Chats that are handled at once. More would only wait for the same two downloads that the agent runs. */
const MAX_CONCURRENT_CHATS = 8;
/** Open events beyond which no further ones are read. The agent keeps them, and a slow reader costs it nothing. */
const MAX_OPEN_EVENTS = 500;
/** How often an event is tried before it is skipped, with the waits between the attempts. */
const RETRY_DELAYS_MS = [500, 2_000, 8_000, 30_000];
const ACK_RETRY_MS = 2_000;

/** What the handler has done with an event. */
export type Outcome =
  /** Nothing remains to be done. */
  | "done"
  /** The gateway decides about it, and calls the lifecycle. */
  | "deferred";

/** The gateway's decision about an event, in the shape that the SDK's debouncer and dispatcher call. */
export interface EventLifecycle {
  abortSignal: AbortSignal;
  onAdopted(): Promise<void>;
  onDeferred(): void;
  onDeferredHeartbeat(): void;
  onAdoptionFinalizing(): void;
  onFailed(error: unknown): Promise<void>;
  onCancelled(): Promise<void>;
  onAbandoned(): Promise<void>;
  /** The message needs no turn. Unlike an adoption, nothing is written: to ignore it again does no harm. */
  onIgnored(): Promise<void>;
}

export interface IntakeOptions {
  handle(event: Event, lifecycle: EventLifecycle): Promise<Outcome>;
  /** Acknowledges all events up to `seq` at the agent. */
  ack(seq: bigint): Promise<void>;
  taken: Pick<TakenEvents, "has" | "add">;
  log: { warn(message: string): void; error(message: string): void };
  signal: AbortSignal;
  retryDelaysMs?: readonly number[];
}

/**
 * Hands each event to the gateway once, whatever is killed when:
 *
 * ```text
 * arrives ── handled ── adopted by the gateway ── in the file of taken events ── acknowledged
 *    killed up to here: arrives again,      ▲                  ▲
 *    and is handled again                   │                  └ arrives again, and is skipped
 *                                           └ arrives again: the gateway knows the message id of a turn that it has adopted
 * ```
 *
 * An event that keeps failing is skipped after a few attempts, so that its chat continues.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #lanes = new Lanes(MAX_CONCURRENT_CHATS);
  #cursor = new Cursor();
  #storeId: string | undefined;
  #room: (() => void) | undefined;
  #acking: Promise<void> | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Takes an event in. Resolves once there is room for the next one. */
  async accept(event: Event): Promise<void> {
    this.#noteStore(event);
    const cursor = this.#cursor;
    if (!cursor.open(event.seq)) return;
    if (this.#options.taken.has(keyOf(event))) this.#finish(cursor, event.seq);
    else this.#enqueue(cursor, event, 0);
    while (this.#cursor.openCount >= MAX_OPEN_EVENTS && !this.#options.signal.aborted)
      await new Promise<void>((resolve) => {
        this.#room = resolve;
        this.#options.signal.addEventListener("abort", () => resolve(), { once: true });
      });
  }

  /** Notes that all matching events up to `head` have arrived. */
  heartbeat(head: bigint): void {
    this.#cursor.advance(head);
    this.#flushAcks();
  }

  /** Number of events that the gateway has not decided about. */
  get openCount(): number {
    return this.#cursor.openCount;
  }

  /** Drops what has not started; it arrives again after a restart. Resolves once the rest, and the last ack, are through. */
  async stop(): Promise<void> {
    this.#lanes.clear();
    await this.#lanes.idle();
    await this.#acking;
  }

  #noteStore(event: Event): void {
    const storeId = hex(event.agent?.storeId);
    // Another store has its own numbers, and the position in them belongs to another consumer of that name.
    if (this.#storeId !== undefined && this.#storeId !== storeId) this.#cursor = new Cursor();
    this.#storeId = storeId;
  }

  #enqueue(cursor: Cursor, event: Event, attempt: number): void {
    this.#lanes.add(originOf(event)?.chat ?? "", () => this.#run(cursor, event, attempt));
  }

  async #run(cursor: Cursor, event: Event, firstAttempt: number): Promise<void> {
    const { handle, signal } = this.#options;
    for (let attempt = firstAttempt; !signal.aborted; attempt += 1) {
      const lifecycle = this.#lifecycle(cursor, event, attempt);
      try {
        if ((await handle(event, lifecycle)) === "done") this.#finish(cursor, event.seq);
        return;
      } catch (error) {
        if (this.#giveUp(cursor, event, attempt, error)) return;
        await this.#wait(attempt);
      }
    }
  }

  #lifecycle(cursor: Cursor, event: Event, attempt: number): EventLifecycle {
    let settled = false;
    const once = (action: () => void | Promise<void>) => async () => {
      if (settled) return;
      settled = true;
      await action();
    };
    const retry = async (next: number) => {
      await this.#wait(attempt);
      if (!this.#options.signal.aborted) this.#enqueue(cursor, event, next);
    };
    return {
      abortSignal: this.#options.signal,
      onAdopted: once(async () => {
        await this.#options.taken.add(keyOf(event));
        this.#finish(cursor, event.seq);
      }),
      onIgnored: once(() => this.#finish(cursor, event.seq)),
      onDeferred: () => {},
      onDeferredHeartbeat: () => {},
      onAdoptionFinalizing: () => {},
      onFailed: (error) =>
        once(() => {
          if (!this.#giveUp(cursor, event, attempt, error)) void retry(attempt + 1);
        })(),
      // Cancelled or abandoned before adoption is not the event's fault: the gateway reloads, or the session is busy.
      onCancelled: once(() => void retry(attempt)),
      onAbandoned: once(() => {
        if (!this.#giveUp(cursor, event, attempt, "abandoned by the gateway")) void retry(attempt + 1);
      }),
    };
  }

  /** Skips an event that has used up its attempts. False if it has not. */
  #giveUp(cursor: Cursor, event: Event, attempt: number, error: unknown): boolean {
    if (this.#options.signal.aborted) return true;
    const reason = errorName(error);
    if (attempt < this.#delays.length) {
      this.#options.log.warn(`event ${event.seq} failed, attempt ${attempt + 1}: ${reason}`);
      return false;
    }
    this.#options.log.error(`event ${event.seq} skipped after ${attempt + 1} attempts: ${reason}`);
    this.#finish(cursor, event.seq);
    return true;
  }

  get #delays(): readonly number[] {
    return this.#options.retryDelaysMs ?? RETRY_DELAYS_MS;
  }

  async #wait(attempt: number): Promise<void> {
    const wait = this.#delays[Math.min(attempt, this.#delays.length - 1)] ?? 0;
    await delay(wait, undefined, { signal: this.#options.signal }).catch(() => {});
  }

  #finish(cursor: Cursor, seq: bigint): void {
    cursor.close(seq);
    this.#room?.();
    this.#room = undefined;
    if (cursor === this.#cursor) this.#flushAcks();
  }

  /** One ack at a time: those that become due meanwhile are in the next one. */
  #flushAcks(): void {
    this.#acking ??= this.#ackAll().finally(() => {
      this.#acking = undefined;
      // What finished between the last look at the cursor and this.
      if (this.#cursor.due() !== undefined && !this.#options.signal.aborted) this.#flushAcks();
    });
  }

  async #ackAll(): Promise<void> {
    // Events finish in bursts; one ack for all of them.
    await Promise.resolve();
    const cursor = this.#cursor;
    for (let seq = cursor.due(); seq !== undefined && cursor === this.#cursor; seq = cursor.due()) {
      try {
        await this.#options.ack(seq);
        cursor.acked(seq);
      } catch (error) {
        if (this.#options.signal.aborted) return;
        this.#options.log.warn(`ack of event ${seq} failed: ${errorName(error)}`);
        await delay(ACK_RETRY_MS, undefined, { signal: this.#options.signal }).catch(() => {});
        if (this.#options.signal.aborted) return;
      }
    }
  }
}

/** Identifies an event: after a restored backup, a seq alone may name another event. */
function keyOf(event: Event): string {
  return `${hex(event.agent?.storeId)}:${event.seq}:${originOf(event)?.id ?? ""}`;
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("hex");
}

/** Errors of the gateway may quote message text, which does not belong in a log. */
function errorName(error: unknown): string {
  if (typeof error === "string") return error;
  if (!(error instanceof Error)) return "unknown error";
  const code = (error as { code?: unknown }).code;
  const reason = (error as { reason?: unknown }).reason;
  return [error.name, typeof reason === "string" ? reason : code].filter(Boolean).join(" ");
}
