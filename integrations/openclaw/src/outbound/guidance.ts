/** What the assistant is told about WhatsApp, and how freely it reacts. */
import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { createActionGate } from "openclaw/plugin-sdk/channel-actions";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import { resolveReactionLevel } from "openclaw/plugin-sdk/status-helpers";
import { type Account, resolveAccount } from "../config/account.js";
import { channelSettings } from "../config/settings.js";

type Level = ReturnType<typeof resolveReactionLevel>;

/** How freely the assistant reacts on an account. */
export function reactionLevel(cfg: OpenClawConfig, accountId?: string | null): Level {
  return resolveReactionLevel({
    value: resolveAccount(cfg, accountId).settings.reactionLevel,
    defaultLevel: "minimal",
    invalidFallback: "minimal",
  });
}

/** Whether the assistant may react: `actions.reactions`, and the reaction level. */
export function canReact(cfg: OpenClawConfig, accountId?: string | null): boolean {
  const settings = channelSettings(cfg);
  if (!settings || !createActionGate(settings.actions)("reactions")) return false;
  return reactionLevel(cfg, accountId).agentReactionsEnabled;
}

/** Guidance in the assistant's prompt. */
export const agentPrompt: NonNullable<ChannelPlugin<Account>["agentPrompt"]> = {
  reactionGuidance: ({ cfg, accountId }) => {
    if (!canReact(cfg, accountId)) return undefined;
    const level = reactionLevel(cfg, accountId).agentReactionGuidance;
    return level ? { level, channelLabel: "WhatsApp" } : undefined;
  },
};
