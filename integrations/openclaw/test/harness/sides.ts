/** The two channels that are compared: the official one and ours, in gateways that are otherwise the same. */

import { fileURLToPath } from "node:url";
import { Agent } from "./agent.ts";
import { WORKSPACE } from "./binaries.ts";
import { Bound } from "./bound.ts";
import { type Config, Gateway } from "./gateway.ts";
import { Model } from "./model.ts";
import { ACCOUNT, DEVICE, listed, Rig, type Side, WATCHMAN, WORK } from "./rig.ts";
import { Simulator } from "./simulator.ts";

const OFFICIAL = "npm:@openclaw/whatsapp@2026.9.6";
const PLAIN_HTTP = new URL("plain-http.mjs", import.meta.url).href;
const TEST_PLUGIN = fileURLToPath(new URL("plugin", import.meta.url));
export const ACK = "👀";
/** What the stub for speech recognition hears in every voice note. */
export const TRANSCRIPT = "the tide is high at noon";

/** The plugin as a user gets it; `integrations/run` packs it. */
export function packed(): string {
  return `npm-pack:${process.env.OPENCLAW_PLUGIN_TARBALL ?? `${WORKSPACE}openclaw/openclaw-agent-openclaw-0.1.0.tgz`}`;
}

/** The settings that both channels share, in the keys of the official one. */
export function settings(): Config {
  return {
    enabled: true,
    dmPolicy: "pairing",
    allowFrom: listed(),
    groupPolicy: "open",
    groups: { "*": { requireMention: true } },
    replyToMode: "first",
    accounts: { default: {}, work: { dmPolicy: "allowlist", allowFrom: listed(), replyToMode: "off" } },
  };
}

/** Configures a gateway: `more` has what only one of the channels needs. */
async function configure(rig: Rig, plugin: string, more: (config: Config) => void = () => {}): Promise<void> {
  const conversations = await Bound.create(rig);
  await rig.gateway.configure((config) => {
    shared(config, rig.gateway.workspace);
    config.plugins.allow = [plugin, "test-plugin"];
    conversations.configure(config);
    more(config);
  });
  rig.bound = conversations;
}

function shared(config: Config, workspace: string): void {
  config.agents.defaults.heartbeat = { agentId: "main", every: "12h", target: "whatsapp", to: WATCHMAN };
  config.agents.entries = { main: { workspace } };
  config.plugins.load = { paths: [TEST_PLUGIN] };
  config.approvals = { exec: { enabled: true, mode: "session" }, plugin: { enabled: true, mode: "session" } };
  config.channels = { whatsapp: settings() };
  config.messages = {
    ackReaction: ACK,
    ackReactionScope: "all",
    statusReactions: { enabled: true },
    inbound: { debounceMs: 0 },
  };
  const hears = { type: "cli", command: "/bin/echo", args: [TRANSCRIPT], capabilities: ["audio"] };
  config.tools.allow.push("ask_user", "exec", "open_gate");
  config.tools.exec = { host: "gateway", mode: "ask" };
  config.tools.media = { audio: { enabled: true, models: [hears] } };
}

/** The variables with which the official channel uses the simulator. */
function towards(simulator: Simulator): NodeJS.ProcessEnv {
  return {
    OPENCLAW_WHATSAPP_WEB_SOCKET_URL: simulator.listen,
    TEST_MEDIA_URL: simulator.media,
    NODE_OPTIONS: `--import=${PLAIN_HTTP}`,
  };
}

/** A gateway with the official channel: Baileys in the gateway's own process. */
export async function official(): Promise<Rig> {
  const simulator = await Simulator.start({ lenient: true });
  const model = await Model.start();
  const gateway = await Gateway.create("official", model.url, towards(simulator));
  const device = await linkedDevice(simulator);
  const rig = new Rig("official", simulator, model, gateway, device);
  await gateway.install(OFFICIAL);
  await configure(rig, "whatsapp");
  return rig;
}

/** A gateway with our channel, and an agent for each account: one by unix socket, one by mutual TLS. */
export async function ours(): Promise<Rig & { agents: { main: Agent; work: Agent } }> {
  const simulator = await Simulator.start();
  const model = await Model.start();
  const gateway = await Gateway.create("ours", model.url);
  const device = await linkedDevice(simulator);
  const [main, work] = await Promise.all([Agent.start("agent", simulator), Agent.start("agent of work", simulator)]);
  const keys = await work.enroll("gateway");
  const rig = new Rig("ours", simulator, model, gateway, device);
  await gateway.install(packed());
  await configure(rig, "openclaw-agent", (config) => {
    config.channels.whatsapp.agent = { socket: main.socket };
    config.channels.whatsapp.accounts.work.agent = { address: work.address, keys };
  });
  return Object.assign(rig, { agents: { main, work } });
}

async function linkedDevice(simulator: Simulator): Promise<Agent> {
  const device = await Agent.start("a person's device", simulator);
  await device.link(DEVICE);
  device.watch(ACCOUNT);
  return device;
}

/** Starts the gateway of a rig, and links both accounts. */
export async function startLinked(rig: Rig): Promise<void> {
  await rig.gateway.start();
  await rig.login(ACCOUNT);
  await rig.login(WORK, "work");
}

export const SIDES: Record<Side, () => Promise<Rig>> = { ours, official };
