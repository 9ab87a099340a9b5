/** The agent as it is operated: `openclaw-agent`, built for the simulator, and `openclawctl`. */

import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary } from "./binaries.ts";
import type { Json } from "./json.ts";
import { must, type Result, run, Service } from "./process.ts";
import type { Simulator } from "./simulator.ts";
import { until } from "./wait.ts";

const CTL = binary("OPENCLAW_CTL_BINARY", "openclawctl");
const ENROLL_CODE = /enter this code: ([A-Z0-9-]+)/;

/** An event as `openclawctl watch --json` prints it. */
export type Event = Record<string, Json>;

export class Agent {
  readonly name: string;
  readonly folder: string;
  readonly socket: string;
  /** Address of the API over TLS. */
  readonly address: string;
  readonly events: Event[] = [];
  #simulator: Simulator;
  #service: Service | undefined;
  #watch: Service | undefined;

  private constructor(name: string, folder: string, address: string, simulator: Simulator) {
    this.name = name;
    this.folder = folder;
    this.socket = join(folder, "agent.sock");
    this.address = address;
    this.#simulator = simulator;
  }

  /** Starts an agent without an account. */
  static async start(name: string, simulator: Simulator): Promise<Agent> {
    const folder = await mkdtemp(join(tmpdir(), "openclaw-e2e-"));
    const agent = new Agent(name, folder, `127.0.0.1:${await sparePort()}`, simulator);
    await agent.restart();
    return agent;
  }

  /** Starts the process again, on the same volume. */
  async restart(): Promise<void> {
    const flags = {
      socket: this.socket,
      listen: this.address,
      http: "127.0.0.1:0",
      "auth-dir": join(this.folder, "volume"),
    };
    const args = Object.entries({ ...flags, "whatsapp-url": this.#simulator.listen }).flatMap(([flag, value]) => [
      `--${flag}`,
      value,
    ]);
    // Without the delays of production, between two messages and before it reports that it is ready.
    const env = { OPENCLAW_SEND_RATE: "0", OPENCLAW_READY_AFTER: "0", HOME: this.folder };
    const program = binary("OPENCLAW_AGENT_BINARY", "openclaw-agent");
    this.#service = new Service(this.name, program, [...args, "--create-key-file"], { env, cwd: this.folder });
    await this.#service.line(/openclaw-agent started/);
  }

  /** Runs `openclawctl` to its end. */
  async ctl(...args: string[]): Promise<Result> {
    return run(CTL, args, this.client);
  }

  /** The environment in which `openclawctl` reaches this agent. */
  get client(): { env: NodeJS.ProcessEnv; cwd: string } {
    return {
      env: { HOME: this.folder, PATH: process.env.PATH, OPENCLAW_AGENT: `unix:${this.socket}` },
      cwd: this.folder,
    };
  }

  /** Runs `openclawctl`, which must succeed. */
  async must(...args: string[]): Promise<string> {
    return must(CTL, args, this.client);
  }

  /** Links it to the phone of `account` by QR code. */
  async link(account: string): Promise<void> {
    const pair = new Service(`pair ${this.name}`, CTL, ["pair", "--format", "raw"], this.client);
    await this.#simulator.post("/phone/scan", { qr: await pair.line(/^2@|linked_devices#/), account });
    await until("the end of pairing", () => pair.ended);
    await this.connected();
  }

  /** Waits for its connection to WhatsApp. */
  async connected(): Promise<void> {
    await until(`${this.name} connected`, async () => {
      const { status, stdout } = await this.ctl("status", "--json");
      return status === 0 && JSON.parse(stdout).link.state === "connected";
    });
  }

  /** The code in its log, with which the first client enrolls. */
  async enrollmentCode(): Promise<string> {
    return ENROLL_CODE.exec((await this.#service?.line(ENROLL_CODE)) ?? "")?.[1] ?? "";
  }

  /** Enrolls a client over TLS. Returns the folder of its PEM files. */
  async enroll(name: string): Promise<string> {
    const env = { HOME: this.folder, PATH: process.env.PATH, OPENCLAW_ENROLL_CODE: await this.enrollmentCode() };
    await must(CTL, ["enroll", this.address, "--name", name], { env, cwd: this.folder });
    const keys = join(this.folder, "keys");
    await must(CTL, ["context", "export", "--pem", keys], { env: { HOME: this.folder }, cwd: this.folder });
    return keys;
  }

  /** Follows its events, and who types in these chats. */
  watch(...chats: string[]): void {
    const presence = chats.flatMap((chat) => ["--presence", chat]);
    const args = ["watch", "--from-start", "--json", ...presence];
    const read = (line: string) => line.startsWith("{") && this.events.push(JSON.parse(line));
    this.#watch = new Service(`watch ${this.name}`, CTL, args, { ...this.client, read });
  }

  /** The last lines of its log. */
  tail(): string {
    return this.#service?.tail(30) ?? "";
  }

  /** A crash. */
  async kill(): Promise<void> {
    await this.#service?.stop("SIGKILL");
  }

  /** Stops it, and removes its folder. */
  async dispose(): Promise<void> {
    await this.#watch?.stop();
    await this.#service?.stop();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/**
 * A loopback port that nothing listens on. It is below those that Linux gives to programs that ask for any port
 * (`ip_local_port_range`, by default from 32768), so that none of them takes it before its owner listens.
 */
export async function sparePort(): Promise<number> {
  for (;;) {
    const port = randomInt(12_000, 32_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (free) {
      await new Promise((resolve) => server.close(resolve));
      return port;
    }
  }
}
