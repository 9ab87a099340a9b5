/** What the actions of the `message` tool have in common: their chat, their message, and who may be written to. */
import {
  readStringOrNumberParam,
  readStringParam,
  resolveReactionMessageId,
  ToolAuthorizationError,
} from "openclaw/plugin-sdk/channel-actions";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import type { Account } from "../config/account.js";
import { CHANNEL_ID } from "../config/settings.js";
import { type Outlet, outletOf } from "./outlet.js";
import { isAllowed } from "./route.js";
import type { Progress } from "./sending.js";
import { normalizeTarget, targetKind } from "./targets.js";

export type ActionContext = Parameters<NonNullable<NonNullable<ChannelPlugin<Account>["actions"]>["handleAction"]>>[0];
export type ActionName = ActionContext["action"];

/** The chat that an action is about. */
export interface ActionTarget {
  outlet: Outlet;
  /** Canonical target. */
  to: string;
  /** Whether it is the chat of the turn that called the tool. */
  isCurrent: boolean;
}

/** Does an action; the result is shown to the assistant. */
export type Handler = (ctx: ActionContext, target: ActionTarget) => Promise<Record<string, unknown>>;

/**
 * The chat of an action: the one that is named, else the current one. A person who may not write to the assistant is
 * written to only in a turn of their own.
 */
export function actionTarget(ctx: ActionContext): ActionTarget {
  const outlet = outletOf(ctx.cfg, ctx.accountId);
  const current = currentTarget(ctx);
  const named = ["chatJid", "to", "channelId", "target"].map((key) => readStringParam(ctx.params, key)).find(Boolean);
  const to = named ? normalizeTarget(named) : current;
  if (!to)
    throw new Error('name the chat in "target": a number (+15550100123), a group\'s JID (…@g.us) or a LID (…@lid)');
  const isCurrent = to === current;
  if (!isCurrent && !isAllowed(to, outlet.account.settings.allowFrom ?? []))
    throw new ToolAuthorizationError(
      `WhatsApp ${ctx.action} blocked: the chat is not in the configured allowFrom list for account "${outlet.accountId}".`,
    );
  return { outlet, to, isCurrent };
}

function currentTarget({ toolContext }: ActionContext): string | null {
  if (toolContext?.currentChannelProvider !== CHANNEL_ID) return null;
  return normalizeTarget(toolContext.currentMessagingTarget ?? toolContext.currentChannelId ?? "");
}

/** The message of an action: the one that is named, else the one that the turn answers, if it is in this chat. */
export function actionMessage(
  ctx: ActionContext,
  { isCurrent }: ActionTarget,
): { messageId: string; isNamed: boolean } {
  const named = readStringOrNumberParam(ctx.params, "messageId") ?? readStringOrNumberParam(ctx.params, "message_id");
  const toolContext = isCurrent && ctx.toolContext ? ctx.toolContext : undefined;
  const messageId = resolveReactionMessageId({ args: ctx.params, ...(toolContext ? { toolContext } : {}) });
  if (messageId == null) throw new Error('name the message in "messageId"');
  return { messageId: String(messageId), isNamed: named != null };
}

/**
 * The author of an action's message, where it is known: in a group the one who wrote the message that the turn answers.
 */
export function actionSender(
  ctx: ActionContext,
  { to, isCurrent }: ActionTarget,
  isNamed: boolean,
): string | undefined {
  const named = readStringParam(ctx.params, "participant") ?? readStringParam(ctx.params, "targetAuthor");
  if (named) return named;
  if (isNamed || !isCurrent || targetKind(to) !== "group") return undefined;
  return ctx.requesterSenderId?.trim() || undefined;
}

export function actionProgress(ctx: ActionContext): Progress {
  return { onDispatch: ctx.onPlatformSendDispatch, assertCurrent: ctx.assertDirectAdapterHandoff };
}

/** The text of an action, under one of the names that the tool has for it. */
export function actionText(ctx: ActionContext): string {
  const names = ["message", "content", "caption", "text"];
  return (
    names.map((key) => readStringParam(ctx.params, key, { allowEmpty: true })).find((text) => text !== undefined) ?? ""
  );
}
