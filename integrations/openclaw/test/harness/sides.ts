/** The two channels that are compared: the official one and ours, in gateways that are otherwise the same. */

import { Agent } from "./agent.ts";
import { WORKSPACE } from "./binaries.ts";
import { type Config, Gateway } from "./gateway.ts";
import { Model } from "./model.ts";
import { ACCOUNT, DEVICE, listed, Rig, type Side, WATCHMAN, WORK } from "./rig.ts";
import { Simulator } from "./simulator.ts";

const OFFICIAL = "npm:@openclaw/whatsapp@2026.9.6";
const PLAIN_HTTP = new URL("plain-http.mjs", import.meta.url).href;
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

function shared(config: Config): void {
  config.agents.defaults.heartbeat = { every: "12h", target: "whatsapp", to: WATCHMAN };
  config.channels = { whatsapp: settings() };
  config.messages = {
    ackReaction: ACK,
    ackReactionScope: "all",
    statusReactions: { enabled: true },
    inbound: { debounceMs: 0 },
  };
  const hears = { type: "cli", command: "/bin/echo", args: [TRANSCRIPT], capabilities: ["audio"] };
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
  await gateway.configure((config) => {
    shared(config);
    config.plugins.allow = ["whatsapp"];
  });
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
  await gateway.install(packed());
  await gateway.configure((config) => {
    shared(config);
    config.plugins.allow = ["openclaw-agent"];
    config.channels.whatsapp.agent = { socket: main.socket };
    config.channels.whatsapp.accounts.work.agent = { address: work.address, keys };
  });
  return Object.assign(new Rig("ours", simulator, model, gateway, device), { agents: { main, work } });
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
