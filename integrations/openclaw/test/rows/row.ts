/** A feature, written once and shown for both channels. Its name is the name of its test, and of its row in docs/openclaw.md. */

import type { Rig } from "../harness/rig.ts";

export interface Row {
  name: string;
  /** Whether the official channel has it. */
  official: boolean;
  run(rig: Rig): Promise<void>;
}

export function row(name: string, run: Row["run"], { official = true } = {}): Row {
  return { name, official, run };
}
