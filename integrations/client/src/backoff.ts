import { setTimeout as pause } from "node:timers/promises";

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 10_000;

/** The waits between attempts: they double from 250 ms up to 10 s, each with jitter, so that clients do not return together. */
export class Backoff {
  #ceiling = FIRST_DELAY_MS;

  /** The next wait in milliseconds: between half and all of the current ceiling. */
  next(): number {
    const delay = this.#ceiling * (0.5 + Math.random() / 2);
    this.#ceiling = Math.min(this.#ceiling * 2, MAX_DELAY_MS);
    return delay;
  }

  /** Begins again at 250 ms. */
  reset(): void {
    this.#ceiling = FIRST_DELAY_MS;
  }
}

/** Waits, or returns early when `signal` is aborted. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => {});
}
