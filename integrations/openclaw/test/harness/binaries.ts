/** Where the programs under test are: built ones of target/debug, unless a variable names others. */

import { fileURLToPath } from "node:url";

/** The binary that `variable` names, else the one that cargo has built. */
export function binary(variable: string, name: string): string {
  return process.env[variable] ?? fileURLToPath(new URL(`../../../../target/debug/${name}`, import.meta.url));
}

/** The folder of the npm workspace, where the gateway is installed. */
export const WORKSPACE = fileURLToPath(new URL("../../../", import.meta.url));

/** The command of the gateway. */
export const OPENCLAW = `${WORKSPACE}node_modules/openclaw/openclaw.mjs`;
