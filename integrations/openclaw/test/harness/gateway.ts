/** The OpenClaw gateway: the unmodified program from npm, with a state folder of its own. */

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { sparePort } from "./agent.ts";
import { OPENCLAW } from "./binaries.ts";
import type { Json } from "./json.ts";
import { must, type Result, run, Service } from "./process.ts";
import { Rpc } from "./rpc.ts";
import { until } from "./wait.ts";

const TOKEN = "test-token";
const START_MS = 180_000;
const INSTALL_MS = 280_000;
/** How programs find others and the registry of npm; the rest of the environment stays outside. */
const KEPT_VARIABLES = /^(PATH|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|https?_proxy|no_proxy|npm_config_.*)$/i;
/** The model of a second agent, so that requests show which agent was asked. */
export const MATE = "mate";
const READY = /\[gateway\] ready/;

export type Config = Record<string, Json>;

export class Gateway {
  readonly name: string;
  readonly folder: string;
  readonly port: number;
  /** Every line of all its processes, for marks. */
  rpc!: Rpc;
  #env: NodeJS.ProcessEnv;
  #service: Service | undefined;

  private constructor(name: string, folder: string, port: number, env: NodeJS.ProcessEnv) {
    this.name = name;
    this.folder = folder;
    this.port = port;
    this.#env = env;
  }

  /** A gateway that is configured, but not started yet. `env` is added to what its processes see. */
  static async create(name: string, modelUrl: string, env: NodeJS.ProcessEnv = {}): Promise<Gateway> {
    const folder = await mkdtemp(join(tmpdir(), "openclaw-gateway-"));
    const gateway = new Gateway(name, folder, await sparePort(), env);
    await mkdir(gateway.workspace);
    await mkdir(gateway.state, { mode: 0o700 });
    await gateway.write(leastConfig(gateway, modelUrl));
    return gateway;
  }

  /** Where the model's files are; it may send those. */
  get workspace(): string {
    return join(this.folder, "workspace");
  }

  get state(): string {
    return join(this.folder, ".openclaw");
  }

  get #configPath(): string {
    return join(this.state, "openclaw.json");
  }

  /** Address of the channels in its Control UI, with what `openclaw dashboard` adds for the login. */
  get channelsPage(): string {
    return `http://127.0.0.1:${this.port}/channels#token=${TOKEN}`;
  }

  /** The environment of its commands. */
  get env(): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(([name]) => KEPT_VARIABLES.test(name));
    const own = { HOME: this.folder, OPENCLAW_STATE_DIR: this.state, OPENCLAW_CONFIG_PATH: this.#configPath };
    const npm = { npm_config_userconfig: join(homedir(), ".npmrc"), npm_config_cache: join(homedir(), ".npm") };
    return { ...npm, ...Object.fromEntries(kept), NO_COLOR: "1", OPENCLAW_NO_RESPAWN: "1", ...own, ...this.#env };
  }

  async read(): Promise<Config> {
    return JSON.parse(await readFile(this.#configPath, "utf8"));
  }

  async write(config: Config): Promise<void> {
    await writeFile(this.#configPath, JSON.stringify(config, null, 2), { mode: 0o600 });
  }

  /** Changes the configuration; a running gateway reloads it. */
  async configure(change: (config: Config) => void): Promise<void> {
    const config = await this.read();
    change(config);
    await this.write(config);
  }

  /** Starts it, and waits until it serves. */
  async start(): Promise<void> {
    const options = { env: this.env, cwd: this.folder };
    await this.adopt(new Service(`gateway ${this.name}`, process.execPath, [OPENCLAW, "gateway", "run"], options));
  }

  /** Waits until a process of it serves. */
  async adopt(service: Service): Promise<void> {
    this.#service = service;
    await service.line(READY, { ms: START_MS });
    this.rpc = await Rpc.connect(this.port, TOKEN);
  }

  /** Runs `openclaw` with these arguments to its end. */
  async cli(...args: string[]): Promise<Result> {
    return run(process.execPath, [OPENCLAW, ...args], { env: this.env, cwd: this.folder });
  }

  /** Runs `openclaw`, which must succeed. */
  async must(...args: string[]): Promise<string> {
    return must(process.execPath, [OPENCLAW, ...args], { env: this.env, cwd: this.folder });
  }

  /** Installs a plugin as a user does. */
  async install(spec: string): Promise<void> {
    const args = [OPENCLAW, "plugins", "install", spec, "--force", "--accept-capabilities"];
    await must(process.execPath, args, { env: this.env, cwd: this.folder }, INSTALL_MS);
  }

  /** The status of an account of the channel, as the gateway's own status shows it. */
  async account(accountId = "default"): Promise<Record<string, Json> | undefined> {
    const { channelAccounts } = await this.rpc.call("channels.status", { probe: false });
    return channelAccounts.whatsapp?.find((account: Json) => account.accountId === accountId);
  }

  /** Waits until the channel receives messages. */
  async connected(accountId = "default"): Promise<void> {
    await until(`${accountId} connected`, async () => (await this.account(accountId))?.connected === true);
  }

  /** A mark for `since`. */
  get mark(): number {
    return this.#service?.count ?? 0;
  }

  since(mark: number): string {
    return this.#service?.since(mark).join("\n") ?? "";
  }

  async line(pattern: RegExp, since = 0): Promise<string> {
    return (await this.#service?.line(pattern, { since })) ?? "";
  }

  tail(): string {
    return this.#service?.tail() ?? "(not started)";
  }

  /** Ends it; SIGKILL is a crash. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    this.rpc?.close();
    await this.#service?.stop(signal);
  }

  async dispose(): Promise<void> {
    await this.stop("SIGKILL");
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** The least configuration with which a gateway starts and answers without a real provider. */
function leastConfig(gateway: Gateway, modelUrl: string): Config {
  const cost = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
  const limits = { contextWindow: 200_000, maxTokens: 4096 };
  const model = { reasoning: false, input: ["text", "image"], cost, ...limits };
  const models = [
    { id: "echo", name: "Echo", ...model },
    { id: MATE, name: "Mate", ...model },
  ];
  const stub = { baseUrl: modelUrl, apiKey: "none", api: "openai-completions", models };
  return {
    gateway: { mode: "local", port: gateway.port, bind: "loopback", auth: { mode: "token", token: TOKEN } },
    agents: {
      defaults: { model: { primary: "stub/echo" }, workspace: gateway.workspace, heartbeat: { every: "0m" } },
    },
    models: { mode: "merge", providers: { stub }, catalogRefresh: { enabled: false } },
    // The message tool is the way of a model to react, to send polls and files; the others only make prompts longer.
    tools: { toolSearch: false, allow: ["message"] },
    // Each person has a session, so that no test sees another's messages.
    session: { dmScope: "per-account-channel-peer" },
    plugins: { slots: { memory: "none" } },
    browser: { enabled: false },
    discovery: { mdns: { mode: "off" } },
    update: { checkOnStart: false },
    logging: { file: join(gateway.folder, "gateway.log"), level: "debug" },
  };
}
