/** `openclaw doctor`: what keeps this channel from working, with what to do. Changes nothing. */
import { accessSync, constants } from "node:fs";
import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import { type Account, listAccountIds, resolveAccount } from "../config/account.js";
import { CHANNEL_ID, channelSettings, PLUGIN_ID } from "../config/settings.js";
import type { Issue } from "./state.js";
import { issueLines, lookAt, refusalLines } from "./status.js";

/** Warnings about the whole channel. */
export async function collectPreviewWarnings({ cfg }: { cfg: OpenClawConfig }): Promise<string[]> {
  if (!channelSettings(cfg)) return [];
  const accounts = listAccountIds(cfg)
    .map((id) => resolveAccount(cfg, id))
    .filter(({ enabled }) => enabled);
  const perAccount = await Promise.all(accounts.map(async (account) => issueLines(account, await issuesOf(account))));
  return [...refusalLines(cfg), ...sharedAgents(accounts), ...officialPlugin(cfg), ...perAccount.flat()];
}

async function issuesOf(account: Account): Promise<Issue[]> {
  const unreadable = unreadableKeys(account);
  return unreadable ? [unreadable] : (await lookAt(account)).issues;
}

/** A key file that is missing or that this user may not read. */
function unreadableKeys({ agent }: Account): Issue | undefined {
  if (agent.kind !== "tls") return undefined;
  for (const path of [agent.ca, agent.cert, agent.key]) {
    try {
      accessSync(path, constants.R_OK);
    } catch {
      const fix = "run `openclawctl context export --pem DIR` on an enrolled machine, and let this user read the files";
      return { kind: "config", message: `The key file ${path} cannot be read.`, fix };
    }
  }
  return undefined;
}

/** Two accounts on one agent would both answer each message. */
function sharedAgents(accounts: Account[]): string[] {
  const byAgent = Map.groupBy(
    accounts.filter(({ agent }) => agent.kind !== "missing"),
    ({ agent }) => (agent.kind === "tls" ? agent.address : agent.kind === "socket" ? agent.path : ""),
  );
  return [...byAgent].flatMap(([where, users]) =>
    users.length < 2
      ? []
      : [
          `WhatsApp: the accounts ${users.map(({ id }) => id).join(" and ")} use the same agent (${where}), and would both answer. To fix it, give each an agent of its own.`,
        ],
  );
}

/** Both plugins own the channel: the gateway then keeps both, and only one of them can have the session. */
function officialPlugin(cfg: OpenClawConfig): string[] {
  const allowed = cfg.plugins?.allow?.includes(CHANNEL_ID) === true;
  const enabled = cfg.plugins?.entries?.[CHANNEL_ID]?.enabled === true;
  if (!allowed && !enabled) return [];
  return [
    `WhatsApp: the official plugin "${CHANNEL_ID}" is enabled next to "${PLUGIN_ID}", and both own this channel. To fix it, run \`openclaw plugins disable ${CHANNEL_ID}\`; its uninstallation would remove channels.${CHANNEL_ID} as well.`,
  ];
}

export const doctor: NonNullable<ChannelPlugin<Account>["doctor"]> = {
  dmAllowFromMode: "topOnly",
  groupModel: "sender",
  groupAllowFromFallbackToAllowFrom: true,
  collectPreviewWarnings,
};
