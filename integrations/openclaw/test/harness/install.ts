/** What an installed plugin occupies. */

import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Gateway } from "./gateway.ts";

/** The size of everything that `plugins install` put into the state folder. The gateway itself is only linked there. */
export async function sizeOf(gateway: Gateway): Promise<number> {
  return sizeOfFolder(join(gateway.state, "npm"));
}

/** The size of all files in a folder. Links are not followed. */
async function sizeOfFolder(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true });
  const sizes = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sizeOfFolder(path);
    return entry.isFile() ? (await lstat(path)).size : 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
