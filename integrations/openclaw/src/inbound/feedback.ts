import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { resolveAgentIdentity } from "openclaw/plugin-sdk/agent-runtime";
import {
  type AckReactionHandle,
  createAckReactionHandle,
  createStatusReactionController,
  type StatusReactionController,
  shouldAckReaction,
} from "openclaw/plugin-sdk/channel-feedback";
import { resolveReactionLevel } from "openclaw/plugin-sdk/status-helpers";
import { markRead, sendReaction } from "../outbound/index.js";
import { activationOf } from "./activation.js";
import type { InboundMessage } from "./facts.js";
import { personId } from "./person.js";
import { groupAdmission, resolvePolicy } from "./policy.js";
import type { Scope } from "./scope.js";

const DEFAULT_EMOJI = "👀";

/** The turn that a reaction is about. */
export interface FeedbackRequest {
  scope: Scope;
  cfg: OpenClawConfig;
  message: InboundMessage;
  agentId: string;
  sessionKey: string;
  wasMentioned: boolean;
}

/** Reacts to a message as a receipt, if the configuration says so. Null if not. */
export async function sendAckReaction(request: FeedbackRequest): Promise<AckReactionHandle | null> {
  const emoji = await ackEmoji(request);
  if (!emoji) return null;
  return createAckReactionHandle({
    ackReactionValue: emoji,
    send: () => react(request, emoji),
    remove: () => react(request, ""),
    onSendError: (error) => request.scope.log.warn(`ack reaction failed: ${nameOf(error)}`),
  });
}

/** Shows the steps of a turn as reactions, if the configuration says so. Null if not. */
export async function statusReactions(request: FeedbackRequest): Promise<StatusReactionController | null> {
  if (request.cfg.messages?.statusReactions?.enabled !== true) return null;
  const emoji = await ackEmoji(request);
  if (!emoji) return null;
  return createStatusReactionController({
    enabled: true,
    adapter: { setReaction: (next) => react(request, next), clearReaction: () => react(request, "") },
    initialEmoji: emoji,
    onError: (error) => request.scope.log.debug(`status reaction failed: ${nameOf(error)}`),
  });
}

/** The emoji of the receipt, or "" if the message gets none. */
async function ackEmoji({ scope, cfg, message, agentId, sessionKey, wasMentioned }: FeedbackRequest): Promise<string> {
  const { settings } = scope.account();
  const level = resolveReactionLevel({
    value: settings.reactionLevel,
    defaultLevel: "minimal",
    invalidFallback: "minimal",
  });
  const ackScope = cfg.messages?.ackReactionScope ?? "group-mentions";
  if (level.level === "off" || ackScope === "off" || ackScope === "none" || !cfg.messages?.ackReaction) return "";
  const isGroup = message.kind === "group";
  const requireMention = isGroup
    ? groupAdmission(resolvePolicy(cfg, scope.account(), scope.self), message.conversationId).requireMention
    : false;
  const activation = isGroup
    ? await activationOf({ cfg, accountId: scope.accountId, agentId, sessionKey, requireMention })
    : "always";
  const eligible = shouldAckReaction({
    scope: ackScope,
    isDirect: !isGroup,
    isGroup,
    isMentionableGroup: isGroup,
    canDetectMention: isGroup,
    effectiveWasMentioned: wasMentioned,
    shouldBypassMention: isGroup && activation === "always",
  });
  if (!eligible) return "";
  return cfg.messages.ackReaction.trim() || resolveAgentIdentity(cfg, agentId)?.emoji?.trim() || DEFAULT_EMOJI;
}

async function react({ scope, cfg, message }: FeedbackRequest, emoji: string): Promise<void> {
  const { sender, fromMe } = message;
  await sendReaction({
    cfg,
    account: scope.account(),
    chat: message.chat,
    messageId: message.id,
    emoji,
    sender: fromMe ? undefined : personId(sender),
    fromMe,
  });
}

/** Sends the read receipts of messages that a turn has taken, unless they are off or the account is a personal one. */
export function sendReadReceipts(scope: Scope, cfg: OpenClawConfig, messages: readonly InboundMessage[]): void {
  const account = scope.account();
  const policy = resolvePolicy(cfg, account, scope.self);
  if (account.settings.sendReadReceipts === false || policy.isSelfChat) return;
  const unread = messages.filter((message) => !message.fromMe).map(({ seq }) => ({ seq }));
  if (unread.length === 0) return;
  scope.background(
    markRead({ cfg, account, messages: unread }).catch((error) =>
      scope.log.debug(`read receipt failed: ${nameOf(error)}`),
    ),
  );
}

function nameOf(error: unknown): string {
  const reason = (error as { reason?: unknown } | undefined)?.reason;
  return typeof reason === "string" ? reason : error instanceof Error ? error.name : "unknown error";
}
