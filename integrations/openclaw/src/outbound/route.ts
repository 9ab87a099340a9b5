/** Where a message goes, and which session it belongs to. */
import { buildChannelOutboundSessionRoute, type ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import { missingTargetError } from "openclaw/plugin-sdk/channel-feedback";
import { DEFAULT_ACCOUNT_ID, normalizeAccountId, resolveThreadSessionKeys } from "openclaw/plugin-sdk/routing";
import type { Account } from "../config/account.js";
import { CHANNEL_ID } from "../config/settings.js";
import { looksLikeTarget, normalizeTarget, sendTarget, targetKind } from "./targets.js";

type Plugin = ChannelPlugin<Account>;
type Messaging = NonNullable<Plugin["messaging"]>;
type ResolveTarget = NonNullable<NonNullable<Plugin["outbound"]>["resolveTarget"]>;

const TARGET_HINT = "<E.164|group JID|LID>";

/**
 * The target of a message of the `message` tool. In `allowFrom` people are listed who may write to the assistant; it
 * writes to others only in groups, unless the list is open.
 */
export const resolveTarget: ResolveTarget = ({ to, allowFrom }) => {
  const target = normalizeTarget(to ?? "");
  if (!target) return { ok: false, error: missingTargetError("WhatsApp", TARGET_HINT) };
  const error = sendFailure(target);
  if (error) return { ok: false, error };
  if (isAllowed(target, allowFrom ?? [])) return { ok: true, to: target };
  return {
    ok: false,
    error: new Error(`Target "${target}" is not listed in the configured WhatsApp allowFrom policy.`),
  };
};

/** Whether `allowFrom` lets the assistant write to a target. */
export function isAllowed(target: string, allowFrom: readonly (string | number)[]): boolean {
  if (targetKind(target) !== "direct") return true;
  const entries = allowFrom.map((entry) => String(entry).trim()).filter(Boolean);
  if (entries.includes("*")) return true;
  const people = entries.map(normalizeTarget).filter((entry) => entry !== null);
  return people.length === 0 || people.includes(target);
}

function sendFailure(target: string): Error | undefined {
  try {
    sendTarget(target);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** The messaging adapter. */
export const messaging: Messaging = {
  targetPrefixes: [CHANNEL_ID],
  normalizeTarget: (raw) => normalizeTarget(raw) ?? undefined,
  inferTargetChatType: ({ to }) => {
    const target = normalizeTarget(to);
    return target ? targetKind(target) : undefined;
  },
  targetResolver: { looksLikeId: looksLikeTarget, hint: TARGET_HINT },
  resolveOutboundSessionRoute: ({ cfg, agentId, accountId, target: raw }) => {
    const target = normalizeTarget(raw);
    if (!target) return null;
    const chatType = targetKind(target);
    const route = buildChannelOutboundSessionRoute({
      cfg,
      agentId,
      channel: CHANNEL_ID,
      accountId,
      recipientSessionExact: true,
      peer: { kind: chatType, id: target },
      chatType,
      from: target,
      to: target,
    });
    return chatType === "group" ? { ...route, sessionKey: groupSessionKey(route.sessionKey, accountId) } : route;
  },
};

/** A group's session on an account other than the default has the account as its thread, as on the official channel. */
export function groupSessionKey(sessionKey: string, accountId?: string | null): string {
  const account = normalizeAccountId(accountId ?? DEFAULT_ACCOUNT_ID);
  if (account === DEFAULT_ACCOUNT_ID || !sessionKey.includes(":group:")) return sessionKey;
  return resolveThreadSessionKeys({ baseSessionKey: sessionKey, threadId: `${CHANNEL_ID}-account-${account}` })
    .sessionKey;
}

/** Bindings of the configuration name a chat as users write it. */
export const bindings: NonNullable<Plugin["bindings"]> = {
  compileConfiguredBinding: ({ conversationId }) => {
    const target = normalizeTarget(conversationId);
    return target ? { conversationId: target } : null;
  },
  matchInboundConversation: ({ compiledBinding, conversationId }) => {
    const target = normalizeTarget(conversationId);
    return target === compiledBinding.conversationId ? { conversationId: target, matchPriority: 2 } : null;
  },
};
