/** Reads docs/openclaw.md: the commands that a reader types, and the table of features. */

import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { binary, OPENCLAW } from "./binaries.ts";
import { type Options, type Result, run, Service } from "./process.ts";

const PAGE = new URL("../../../../docs/openclaw.md", import.meta.url);
const COMMAND = /^\s*\$ (.*)$/;
const SHELL_MS = 240_000;
const TERMINAL = { columns: 120, rows: 60 };

/** The section of the page below this heading, up to the next heading. */
async function section(heading: string): Promise<string> {
  const page = await readFile(PAGE, "utf8");
  const [, found] = page.split(new RegExp(`^##+ ${heading}$`, "m"));
  if (found === undefined) throw new Error(`docs/openclaw.md has no section "${heading}"`);
  return found.split(/^##+ /m, 1)[0] ?? "";
}

/** The commands in the `console` blocks of a section, in order. */
export async function commands(heading: string): Promise<string[]> {
  const blocks = (await section(heading)).matchAll(/```console\n(.*?)```/gs);
  const lines = [...blocks].flatMap(([, block]) => (block ?? "").split("\n"));
  return lines.flatMap((line) => COMMAND.exec(line)?.[1] ?? []);
}

/** A row of the table of features. */
export interface Feature {
  name: string;
  ours: boolean;
  official: boolean;
}

/** The table of features. */
export async function features(): Promise<Feature[]> {
  const rows = (await section("Features")).split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((line) => {
    const [, name = "", ours, official] = line.split("|").map((cell) => cell.trim());
    return { name, ours: ours === "yes", official: official === "yes" };
  });
}

/** A shell in which `openclaw` and `openclawctl` are the programs under test. */
export class Shell {
  readonly #options: Options;

  private constructor(options: Options) {
    this.#options = options;
  }

  static async open(folder: string, env: NodeJS.ProcessEnv): Promise<Shell> {
    const bin = join(folder, "bin");
    await mkdir(bin, { recursive: true });
    const programs = {
      openclaw: `"${process.execPath}" "${OPENCLAW}"`,
      openclawctl: `"${binary("OPENCLAW_CTL_BINARY", "openclawctl")}"`,
    };
    for (const [name, program] of Object.entries(programs)) {
      await writeFile(join(bin, name), `#!/bin/sh\nexec ${program} "$@"\n`);
      await chmod(join(bin, name), 0o755);
    }
    return new Shell({ env: { ...env, PATH: `${bin}:${env.PATH}` }, cwd: folder });
  }

  /** Types a command that runs until it is stopped. */
  start(command: string): Service {
    return new Service(command, "/bin/sh", ["-c", `exec ${command}`], this.#options);
  }

  /** Types a command on a terminal, whose lines keep their escape sequences. */
  onTerminal(command: string): Service {
    const { env, ...options } = this.#options;
    const line = `stty columns ${TERMINAL.columns} rows ${TERMINAL.rows} && exec ${command}`;
    const args = ["--quiet", "--command", line, "/dev/null"];
    return new Service(command, "script", args, {
      ...options,
      env: { ...env, TERM: "xterm-256color", SHELL: "/bin/sh" },
    });
  }

  /** Types a command, which must succeed. */
  async type(command: string): Promise<Result> {
    const result = await run("/bin/sh", ["-c", command], this.#options, SHELL_MS);
    if (result.status !== 0) throw new Error(`$ ${command}\n${result.stdout}${result.stderr}`);
    return result;
  }
}
