/** What an installed plugin occupies. */

import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Gateway } from "./gateway.ts";

/** The size of everything that `plugins install` put into the state folder. The gateway itself is only linked there. */
export async function sizeOf(gateway: Gateway): Promise<number> {
  const projects = join(gateway.state, "npm");
  const names = await readdir(projects, { recursive: true });
  const files = await Promise.all(names.map((name) => lstat(join(projects, name))));
  return files.filter((file) => file.isFile()).reduce((sum, file) => sum + file.size, 0);
}
