// Bundles the plugin into dist/ and writes its manifest. The gateway itself stays outside: it is the host.
import { rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { manifest } from "./src/config/manifest.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

await rm(`${here}dist`, { recursive: true, force: true });
await build({
  absWorkingDir: here,
  // `doctor-contract-api` is a name that the gateway looks for.
  entryPoints: ["src/index.ts", "src/setup-entry.ts", "src/doctor-contract-api.ts"],
  outdir: "dist",
  bundle: true,
  // One copy of the shared state (connections, logins), whichever entry the gateway loads first.
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  external: ["openclaw/*"],
  // Bundled CommonJS packages call `require` for Node's own modules.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  legalComments: "linked",
  logLevel: "warning",
});
await writeFile(`${here}openclaw.plugin.json`, `${JSON.stringify(manifest, null, 2)}\n`);
