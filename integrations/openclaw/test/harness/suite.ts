/** Shows every feature with one gateway, which is started once; and of the official channel also what it lacks. */

import { after, before, describe, test } from "node:test";
import { rows } from "../rows/index.ts";
import type { Rig, Side } from "./rig.ts";
import { SIDES, startLinked } from "./sides.ts";

const ROW_MS = 300_000;
const ONLY = process.env.ROWS ? new RegExp(process.env.ROWS) : /./;

/** Starts a gateway with a linked channel before the tests that are defined beside this call, and ends it after them. */
export function linked(side: Side): () => Rig {
  let rig: Rig | undefined;
  const current = () => {
    if (!rig) throw new Error("the gateway did not start");
    return rig;
  };
  before(async () => {
    rig = await SIDES[side]();
    await withTail(current, () => startLinked(current()));
  });
  after(() => rig?.dispose());
  return current;
}

/** Defines the tests of one channel. */
export function showFeatures(side: Side, further: (rig: () => Rig) => void = () => {}): void {
  describe(side, () => {
    const current = linked(side);
    for (const { name, run, officialLacks } of rows.filter(({ name }) => ONLY.test(name))) {
      const lacks = side === "official" ? officialLacks : undefined;
      const show = lacks ?? run;
      test(lacks ? `no: ${name}` : name, { timeout: ROW_MS }, () => withTail(current, () => show(current())));
    }
    further(current);
  });
}

/** Adds the end of the gateway's log to a failure. */
export async function withTail(rig: () => Rig, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof Error) error.message += `\n${rig().tail()}`;
    throw error;
  }
}
