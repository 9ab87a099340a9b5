/** A feature, written once and shown for both channels. Its name is the name of its test, and of its row in docs/openclaw.md. */

import type { Rig } from "../harness/rig.ts";

type Show = (rig: Rig) => Promise<void>;

export interface Row {
  name: string;
  run: Show;
  /** Shows what the official channel does instead. Absent: it has the feature. */
  officialLacks?: Show;
}

export function row(name: string, run: Show, options: Pick<Row, "officialLacks"> = {}): Row {
  return { name, run, ...options };
}
