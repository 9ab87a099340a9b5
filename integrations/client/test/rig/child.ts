import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const running = new Set<ChildProcess>();
// An aborted test file stops no processes by itself.
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** The path of a program of the project: that of the variable, else the one that `cargo build` makes. */
export function program(variable: string, name: string): string {
  return process.env[variable] ?? fileURLToPath(new URL(`../../../../target/debug/${name}`, import.meta.url));
}

/** Starts a program, which ends with this process. */
export function start(
  file: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string },
) {
  const child = spawn(file, args, { cwd: options.cwd, env: options.env, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(options.input ?? "");
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

/** Runs a program to its end. Returns its output. */
export async function run(
  file: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string },
) {
  const child = start(file, args, options);
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (data) => stdout.push(data));
  child.stderr.on("data", (data) => stderr.push(data));
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const [status] = await once(child, "close");
  clearTimeout(timer);
  if (status !== 0) throw new Error(`${file} ${args[0]} ended with ${status}: ${Buffer.concat(stderr)}`);
  return Buffer.concat(stdout).toString();
}

/** Ends a program with `signal`, and waits until it has ended. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (!running.has(child)) return;
  child.kill(signal);
  if (running.has(child)) await once(child, "close");
}
