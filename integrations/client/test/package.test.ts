// The package as a user gets it: packed, installed into an empty folder, imported, and type-checked.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as client from "@openclaw-agent/client";
import { run } from "./rig/child.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const npm = join(dirname(process.execPath), "npm");
const MAX_INSTALLED_BYTES = 10 * 1024 * 1024;

const size = (path: string): number =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + size(join(path, name)), 0)
    : statSync(path).size;

test("every type of the API is exported", () => {
  const folder = join(root, "src/gen/openclaw/agent/v1");
  const exported = new Set(Object.keys(client));
  const names = readdirSync(folder).flatMap((file) =>
    [...readFileSync(join(folder, file), "utf8").matchAll(/^export (?:const|enum) (\w+)/gm)].map(
      ([, name]) => name as string,
    ),
  );
  assert.ok(names.length > 200);
  assert.deepEqual(
    names.filter((name) => !exported.has(name)),
    [],
  );
});

test("the package installs into an empty folder", { timeout: 180_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "agent-client-"));
  t.after(() => rm(folder, { recursive: true }));
  const packed = await run(npm, ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    cwd: root,
    env: process.env,
  });
  const [{ filename, files }] = JSON.parse(packed);
  const paths: string[] = files.map(({ path }: { path: string }) => path);
  assert.ok(
    paths.every((path) => /^(dist\/.*\.(js|d\.ts)|README\.md|package\.json|LICENSE)$/.test(path)),
    paths.join(),
  );
  await writeFile(join(folder, "package.json"), '{ "type": "module", "private": true }');
  const install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", join(folder, filename)];
  await run(npm, install, { cwd: folder, env: process.env });
  const bytes = size(join(folder, "node_modules"));
  t.diagnostic(`installed with dependencies: ${(bytes / 1024 / 1024).toFixed(1)} MiB`);
  assert.ok(bytes < MAX_INSTALLED_BYTES, `${bytes} bytes`);
  const program =
    'import { Agent } from "@openclaw-agent/client";\nAgent.connect({ socket: "/nonexistent" }).rpc.agent.status({}).catch((e) => console.log(e.reason));\n';
  await writeFile(join(folder, "main.js"), program);
  assert.equal(await run(process.execPath, ["main.js"], { cwd: folder, env: process.env }), "UNREACHABLE\n");
});
