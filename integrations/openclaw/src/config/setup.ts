/** `openclaw channels add --channel whatsapp`, and the guided setup: where the agent is. */
import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { defineChannelSetupContract } from "openclaw/plugin-sdk/channel-setup";
import { createPatchedAccountSetupAdapter } from "openclaw/plugin-sdk/setup";
import { lookAt } from "../link/status.js";
import { resolveAccount } from "./account.js";
import { type AgentSettings, CHANNEL_ID } from "./settings.js";

/** The flags. `package.json` repeats them, so that `--help` needs no code of the plugin. */
export const SETUP_FIELDS = {
  agentSocket: {
    kind: "string",
    cli: { flags: "--agent-socket <path>", description: "Unix socket of the agent on this machine" },
  },
  agentAddress: {
    kind: "string",
    cli: { flags: "--agent-address <host:port>", description: "Agent on another machine" },
  },
  agentKeys: {
    kind: "string",
    cli: { flags: "--agent-keys <dir>", description: "Folder that `openclawctl context export --pem` has written" },
  },
  agentConsumer: {
    kind: "string",
    cli: { flags: "--agent-consumer <name>", description: "Name of this gateway's position in the events" },
  },
  authDir: {
    kind: "string",
    cli: { flags: "--auth-dir <path>", description: "Not used: see `openclawctl import baileys`" },
  },
} as const;

interface SetupInput {
  name?: string;
  agentSocket?: string;
  agentAddress?: string;
  agentKeys?: string;
  agentConsumer?: string;
  authDir?: string;
}

/** Why the flags cannot be used together. */
export function validateInput({ input }: { input: SetupInput }): string | null {
  if (input.authDir)
    return `--auth-dir is a session of Baileys, which the agent does not use in place. Stop the old gateway, run \`openclawctl import baileys ${input.authDir}\`, and add the channel without --auth-dir.`;
  if (input.agentSocket && input.agentAddress) return "Use either --agent-socket or --agent-address.";
  if (input.agentAddress && !input.agentKeys)
    return "--agent-address needs --agent-keys: the folder that `openclawctl context export --pem DIR` has written.";
  if (input.agentKeys && !input.agentAddress)
    return "--agent-keys needs --agent-address: the unix socket needs no keys.";
  return null;
}

/** The configuration that the flags stand for. */
export function agentSettings(input: SetupInput): AgentSettings | undefined {
  const settings: AgentSettings = {
    ...(input.agentSocket ? { socket: input.agentSocket } : {}),
    ...(input.agentAddress ? { address: input.agentAddress } : {}),
    ...(input.agentKeys ? { keys: input.agentKeys } : {}),
    ...(input.agentConsumer ? { consumer: input.agentConsumer } : {}),
  };
  return Object.keys(settings).length > 0 ? settings : undefined;
}

const patched = createPatchedAccountSetupAdapter({
  channelKey: CHANNEL_ID,
  alwaysUseAccounts: true,
  validateInput: validateInput as never,
  buildPatch: (input) => {
    const agent = agentSettings(input as SetupInput);
    return agent ? { agent } : {};
  },
});

/** Says whether the agent answers, and what is missing. */
async function reportAgent(cfg: OpenClawConfig, accountId: string, log: (line: string) => void): Promise<void> {
  const view = await lookAt(resolveAccount(cfg, accountId), { fresh: true });
  log(view.connected ? "The agent is connected to WhatsApp." : `The agent: ${view.state.replaceAll("_", " ")}.`);
  for (const { message, fix } of view.issues) log(fix ? `${message} Next: ${fix}.` : message);
}

export const setupContract = defineChannelSetupContract({
  fields: SETUP_FIELDS,
  legacyAdapter: {
    ...patched,
    singleAccountKeysToMove: ["agent"],
    afterAccountConfigWritten: async ({ cfg, accountId, runtime }) => {
      await reportAgent(cfg, accountId, (line) => runtime.log(line));
    },
  },
});
