/**
 * Answers the gateway's question what became of a send that was interrupted: by repeating it with the same tokens. A
 * message that the agent already has is not sent again, and one that it never got is sent now, so either way the answer
 * is "sent".
 */
import { AgentError } from "@openclaw-agent/client";
import { isChannelPartialDeliveryError } from "openclaw/plugin-sdk/channel-inbound";
import type {
  ChannelMessageUnknownSendContext,
  ChannelMessageUnknownSendReconciliationResult,
} from "openclaw/plugin-sdk/channel-outbound";
import type { ReplyPayload } from "openclaw/plugin-sdk/reply-chunking";
import { explain, isUnconfirmed, outcomeOf } from "./failures.js";
import { receiptOf, type Sent } from "./sending.js";

/** Repeats a payload. */
export type Repeat = (ctx: {
  cfg: ChannelMessageUnknownSendContext["cfg"];
  to: string;
  text: string;
  accountId?: string | null | undefined;
  payload: ReplyPayload;
  deliveryQueueId: string;
  replyToId?: string | null | undefined;
  replyToMode?: ChannelMessageUnknownSendContext["replyToMode"];
  replyToIdSource?: "explicit" | "implicit";
  audioAsVoice?: boolean;
}) => Promise<Sent[]>;

/** Finds out what became of an interrupted send. */
export async function reconcile(
  ctx: ChannelMessageUnknownSendContext,
  repeat: Repeat,
): Promise<ChannelMessageUnknownSendReconciliationResult> {
  const [payload] = ctx.payloads;
  if (!payload || ctx.payloads.length > 1) return { status: "unresolved", error: "the delivery is not one payload" };
  const replyToId =
    ctx.effectiveReplyToId !== undefined ? ctx.effectiveReplyToId : (payload.replyToId ?? ctx.replyToId);
  try {
    const sent = await repeat({
      cfg: ctx.cfg,
      to: ctx.to,
      text: payload.text ?? "",
      accountId: ctx.accountId,
      payload,
      deliveryQueueId: ctx.queueId,
      replyToId,
      ...(ctx.replyToMode ? { replyToMode: ctx.replyToMode, replyToIdSource: "implicit" as const } : {}),
      ...(payload.audioAsVoice ? { audioAsVoice: true } : {}),
    });
    if (sent.length === 0) return { status: "not_sent" };
    return { status: "sent", messageId: sent[0]?.messageId ?? "", receipt: receiptOf(sent) };
  } catch (error) {
    return verdict(error);
  }
}

/** What a failed repetition says about the first attempt. */
export function verdict(error: unknown): ChannelMessageUnknownSendReconciliationResult {
  const cause = agentErrorIn(error);
  if (!cause) return { status: "unresolved", error: explain(error), retryable: true };
  // The agent has the first attempt, with another content: a setting that shapes messages was changed meanwhile. What
  // it has, it sends; a repetition cannot confirm it.
  if (cause.reason === "TOKEN_REUSED") return { status: "unresolved", error: explain(cause) };
  if (cause.reason === "NOT_SENT" && isUnconfirmed(cause)) return { status: "unresolved", error: explain(cause) };
  if (outcomeOf(cause) === "rejected") {
    // A part of it was sent, and the rest never can be.
    if (isChannelPartialDeliveryError(error)) return { status: "unresolved", error: explain(cause) };
    // Nothing was sent, and the gateway's own repetition ends with the same refusal.
    return { status: "not_sent" };
  }
  return { status: "unresolved", error: explain(cause), retryable: true };
}

function agentErrorIn(error: unknown): AgentError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (AgentError.is(cause)) return cause;
  return undefined;
}
