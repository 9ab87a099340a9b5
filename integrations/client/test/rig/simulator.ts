import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { end, program, start } from "./child.ts";

/** The simulator of WhatsApp, controlled as sim/README.md describes. */
export class Simulator {
  readonly listen: string;
  readonly #control: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, { listen, control }: { listen: string; control: string }) {
    this.#process = process;
    this.listen = listen;
    this.#control = control;
  }

  static async start(): Promise<Simulator> {
    const child = start(program("OPENCLAW_SIM", "openclaw-sim"), ["--log", "error"], {});
    child.stderr.resume();
    const [line] = await once(createInterface({ input: child.stdout }), "line", {
      signal: AbortSignal.timeout(10_000),
    });
    return new Simulator(child, JSON.parse(line));
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers are the simulator's JSON
  async post(path: string, body: object): Promise<any> {
    return this.#call(path, { method: "POST", body: JSON.stringify(body) });
  }

  // biome-ignore lint/suspicious/noExplicitAny: as for post
  async get(path: string, query: Record<string, string>): Promise<any> {
    return this.#call(`${path}?${new URLSearchParams(query)}`);
  }

  async #call(path: string, init?: RequestInit) {
    const response = await fetch(this.#control + path, init);
    const body = (await response.json()) as { error?: string };
    assert.ok(response.ok, `${path}: ${body.error}`);
    return body;
  }

  async stop(): Promise<void> {
    await end(this.#process, "SIGTERM");
  }
}
