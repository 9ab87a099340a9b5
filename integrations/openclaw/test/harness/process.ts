/** Child processes whose output is kept, so that a failure can show it, and which never outlive the tests. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { until } from "./wait.ts";

const KEPT_LINES = 2_000;
const TAIL_LINES = 60;
const COMMAND_MS = 120_000;

const running = new Set<ChildProcess>();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(1));
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface Options {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Is given each line as it is written. */
  read?: (line: string) => unknown;
}

export interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** A process that runs until it is stopped. */
export class Service {
  readonly name: string;
  readonly lines: string[] = [];
  /** How many lines have ever been written: a mark for `since`. */
  count = 0;
  #child: ChildProcess;
  #read: Options["read"];

  constructor(name: string, program: string, args: string[], { read, ...options }: Options = {}) {
    this.name = name;
    this.#read = read;
    this.#child = track(spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options }));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on("line", (line) => this.#keep(line));
    }
    this.#child.once("error", (error) => this.#keep(`does not start: ${error.message}`));
  }

  #keep(line: string): void {
    this.count += 1;
    this.#read?.(line);
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
  }

  get ended(): boolean {
    return !running.has(this.#child);
  }

  /** Waits for a line that matches; fails early if the process ends first. */
  async line(pattern: RegExp, { since = 0, ms }: { since?: number; ms?: number } = {}): Promise<string> {
    return until(
      `${this.name} prints ${pattern}`,
      () => {
        const found = this.since(since).find((line) => pattern.test(line));
        if (found === undefined && this.ended) throw new Error(`${this.name} ended:\n${this.tail()}`);
        return found;
      },
      ms,
    );
  }

  /** The kept lines after a mark. */
  since(mark: number): string[] {
    return this.lines.slice(Math.max(0, this.lines.length - (this.count - mark)));
  }

  /** The last lines that it wrote. */
  tail(lines = TAIL_LINES): string {
    return this.lines.slice(-lines).join("\n");
  }

  /** Ends it. SIGKILL is a crash. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (this.ended) return;
    const end = once(this.#child, "close");
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 20_000);
    await end;
    clearTimeout(timer);
  }
}

function track(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once("close", () => running.delete(child));
  child.once("error", () => running.delete(child));
  return child;
}

/** Runs a command to its end. */
export async function run(program: string, args: string[], options: Options = {}, ms = COMMAND_MS): Promise<Result> {
  const child = track(spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options }));
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (data) => {
    output.stdout += data;
  });
  child.stderr?.on("data", (data) => {
    output.stderr += data;
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), ms);
  const [status] = await once(child, "close");
  clearTimeout(timer);
  return { status, ...output };
}

/** Runs a command that must succeed. Returns what it printed. */
export async function must(program: string, args: string[], options: Options = {}, ms = COMMAND_MS): Promise<string> {
  const { status, stdout, stderr } = await run(program, args, options, ms);
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}
