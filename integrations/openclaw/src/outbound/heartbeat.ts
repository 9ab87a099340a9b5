/** The gateway's heartbeat: whether it can reach people on WhatsApp, and typing while it thinks. */
import { LinkState } from "@openclaw-agent/client";
import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import type { Account } from "../config/account.js";
import { channelSettings } from "../config/settings.js";
import { outletOf } from "./outlet.js";
import { clearHeartbeatTyping, heartbeatTyping } from "./presence.js";

const STATUS_TIMEOUT_MS = 5_000;

/** Reasons as on the official channel, and one more for an agent that cannot be asked. */
async function checkReady(cfg: OpenClawConfig, accountId?: string | null): Promise<{ ok: boolean; reason: string }> {
  if (channelSettings(cfg)?.enabled === false) return { ok: false, reason: "whatsapp-disabled" };
  try {
    const { link } = await outletOf(cfg, accountId).link.status({ timeoutMs: STATUS_TIMEOUT_MS });
    if (!link?.phone) return { ok: false, reason: "whatsapp-not-linked" };
    if (link.state !== LinkState.CONNECTED) return { ok: false, reason: "whatsapp-not-running" };
    return { ok: true, reason: "ok" };
  } catch {
    return { ok: false, reason: "whatsapp-agent-unreachable" };
  }
}

/** The heartbeat adapter. */
export const heartbeat: NonNullable<ChannelPlugin<Account>["heartbeat"]> = {
  checkReady: ({ cfg, accountId }) => checkReady(cfg, accountId),
  sendTyping: ({ cfg, to, accountId }) => heartbeatTyping(outletOf(cfg, accountId), to),
  clearTyping: ({ cfg, to, accountId }) => clearHeartbeatTyping(outletOf(cfg, accountId), to),
};
