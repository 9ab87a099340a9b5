/** Waits for conditions, never for fixed times. */

import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 50;

/** How long a condition may take that depends on a gateway, in milliseconds. Generous: a loaded machine fails no test. */
export const PATIENCE_MS = 90_000;

/** Returns the first value of `probe` that is not falsy; throws with `what` if there is none in time. */
export async function until<T>(what: string, probe: () => T | Promise<T>, ms = PATIENCE_MS): Promise<NonNullable<T>> {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${ms / 1000} s: ${what}`);
    await pause(POLL_MS);
  }
}

/** Fails if `probe` becomes true while `during` is still pending: for what must not happen before something else has. */
export async function never(
  what: string,
  probe: () => unknown | Promise<unknown>,
  during: Promise<unknown>,
): Promise<void> {
  let over = false;
  const end = during.finally(() => {
    over = true;
  });
  while (!over) {
    if (await probe()) throw new Error(`must not happen: ${what}`);
    await Promise.race([end, pause(POLL_MS)]);
  }
  await end;
  if (await probe()) throw new Error(`must not happen: ${what}`);
}
