import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { end, program, run, start } from "./child.ts";
import type { Simulator } from "./simulator.ts";
import { until } from "./until.ts";

export const ACCOUNT = "+15550100001";
export const PEER = "+15550100002";

/** The program openclaw-agent, with a folder of its own. */
export class AgentProcess {
  readonly folder: string;
  readonly #simulator: Simulator;
  readonly #extra: string[];
  #process: ChildProcess | undefined;
  #log: string[] = [];

  private constructor(folder: string, simulator: Simulator, extra: string[]) {
    this.folder = folder;
    this.#simulator = simulator;
    this.#extra = extra;
  }

  /** Starts an agent without an account. */
  static async start(simulator: Simulator, extra: string[] = []): Promise<AgentProcess> {
    const agent = new AgentProcess(await mkdtemp(join(tmpdir(), "agent-client-")), simulator, extra);
    await agent.run();
    return agent;
  }

  /** Starts an agent that is linked to ACCOUNT. */
  static async linked(simulator: Simulator, extra: string[] = []): Promise<AgentProcess> {
    const agent = await AgentProcess.start(simulator, extra);
    const pair = start(program("OPENCLAW_CTL_BINARY", "openclawctl"), ["pair", "--format", "raw"], {
      env: agent.#env(),
    });
    pair.stderr.resume();
    const [qr] = await once(createInterface({ input: pair.stdout }), "line", { signal: AbortSignal.timeout(20_000) });
    await simulator.post("/phone/scan", { qr, account: ACCOUNT });
    await until("the link", () => pair.exitCode !== null);
    return agent;
  }

  /** Starts the process, also again after `kill`. */
  async run(): Promise<void> {
    this.#log = [];
    const args = ["--socket", this.socket, "--http", "127.0.0.1:0", "--whatsapp-url", this.#simulator.listen];
    args.push("--auth-dir", join(this.folder, "volume"), "--create-key-file", ...this.#extra);
    const env = { OPENCLAW_SEND_RATE: "0", OPENCLAW_READY_AFTER: "0" };
    const child = start(program("OPENCLAW_AGENT_BINARY", "openclaw-agent"), args, { cwd: this.folder, env });
    for (const input of [child.stdout, child.stderr])
      createInterface({ input }).on("line", (line) => this.#log.push(line));
    this.#process = child;
    await until("the agent", () => {
      if (child.exitCode !== null) throw new Error(`the agent ended: ${this.log}`);
      return this.log.includes("openclaw-agent started");
    });
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#process) await end(this.#process, signal);
  }

  get socket(): string {
    return join(this.folder, "agent.sock");
  }

  get log(): string {
    return this.#log.join("\n");
  }

  /** Runs `openclawctl` against it. */
  ctl(args: string[], input?: string): Promise<string> {
    return run(program("OPENCLAW_CTL_BINARY", "openclawctl"), args, { env: this.#env(), cwd: this.folder, input });
  }

  #env(): NodeJS.ProcessEnv {
    return { HOME: this.folder, OPENCLAW_AGENT: `unix:${this.socket}` };
  }

  async dispose(): Promise<void> {
    await this.kill("SIGTERM");
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}
