// Bundles the plugin into dist/ and writes its manifest. The gateway itself stays outside: it is the host.
import { readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { manifest } from "./src/config/manifest.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

await rm(`${here}dist`, { recursive: true, force: true });
const { metafile } = await build({
  metafile: true,
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
  legalComments: "none",
  logLevel: "warning",
});
await writeFile(`${here}openclaw.plugin.json`, `${JSON.stringify(manifest, null, 2)}\n`);
await writeFile(`${here}dist/LICENSES.txt`, await licences(Object.keys(metafile.inputs)));

/** The licences of what is bundled, as they ask for: by package, the notices in their files, and the text that all share. */
async function licences(inputs) {
  const foreign = inputs.filter((path) => path.includes("node_modules/"));
  const folders = new Set(foreign.map((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)[0]));
  const packages = [...folders].sort().map(async (folder) => {
    const { name, version, license } = JSON.parse(await readFile(`${here}${folder}/package.json`, "utf8"));
    return `${name} ${version}: ${license}`;
  });
  const sources = await Promise.all(foreign.map((path) => readFile(here + path, "utf8")));
  const notices = sources
    .flatMap((source) => source.match(/^(?:\/\/.*\n)+/)?.[0] ?? [])
    .filter((text) => text.includes("Copyright"));
  const own = await readFile(`${here}../../LICENSE`, "utf8");
  return [(await Promise.all(packages)).join("\n"), ...new Set(notices), own].join("\n\n");
}
