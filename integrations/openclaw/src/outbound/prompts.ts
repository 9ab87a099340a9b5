/**
 * Prompts that are answered by a reaction: approvals (👍 ♾️ 👎) and questions (1️⃣ to 4️⃣). A prompt is an ordinary
 * message; which one it is becomes known with its id, when it was sent.
 */

import {
  buildApprovalReactionDeliveredBindingMarker,
  readApprovalReactionDeliveredBinding,
  readApprovalReactionPresentationBinding,
} from "openclaw/plugin-sdk/approval-reaction-runtime";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import {
  createQuestionReactionTargetStore,
  questionGatewayRuntime,
} from "openclaw/plugin-sdk/question-gateway-runtime";
import type { ReplyPayload } from "openclaw/plugin-sdk/reply-chunking";
import { type Account, resolveAccount } from "../config/account.js";
import { CHANNEL_ID } from "../config/settings.js";
import { bindApproval, resolveApproval } from "./approvals.js";
import type { Outlet } from "./outlet.js";

type Outbound = NonNullable<ChannelPlugin<Account>["outbound"]>;
type AfterDeliver = NonNullable<Outbound["afterDeliverPayload"]>;

/** Where a payload carries its approval from its rendering to its delivery. */
const BINDING_KEY = "openclawAgentApprovalV1";

/** A prompt that was sent. Its id is enough: the account chose it, so no other chat has it. */
interface PromptId {
  accountId: string;
  messageId: string;
}

const questions = createQuestionReactionTargetStore<PromptId>({
  channel: CHANNEL_ID,
  channelDisplayName: "WhatsApp",
  buildKey: ({ accountId, messageId }) => (accountId && messageId ? `${accountId}:${messageId}` : undefined),
  registerChannelDelivery: questionGatewayRuntime.registerChannelDelivery,
  resolveReaction: questionGatewayRuntime.resolveReaction,
});

/**
 * The payload of a question or an approval, with its reactions in the text. Null for any other: it has no controls, or
 * only such as are answered by text.
 */
export function promptOf(payload: ReplyPayload): ReplyPayload | null {
  const { presentation } = payload;
  if (!presentation) return null;
  const question = questionGatewayRuntime.prepareReactionPayloadForDelivery({ payload, presentation });
  if (question) return question;
  const binding = readApprovalReactionPresentationBinding({ payload, presentation });
  if (!binding) return null;
  const marker = buildApprovalReactionDeliveredBindingMarker(binding);
  return { ...payload, channelData: { ...payload.channelData, [BINDING_KEY]: marker } };
}

/** Remembers which messages are prompts. */
export const rememberPrompt: AfterDeliver = async ({ cfg, target, payload, results }) => {
  if (target.channel.toLowerCase() !== CHANNEL_ID) return;
  const accountId = resolveAccount(cfg, target.accountId).id;
  const ids = new Set(
    results.flatMap((result) => result.receipt?.platformMessageIds ?? [result.messageId]).filter(Boolean),
  );
  const question = questionGatewayRuntime.readReactionBinding(payload);
  const approval = readApprovalReactionDeliveredBinding({ payload, channelDataKey: BINDING_KEY });
  for (const messageId of ids) {
    if (question) questions.register(question, { accountId, messageId });
    if (approval) await bindApproval({ accountId, messageId }, approval);
  }
};

/** A reaction that arrived. */
export interface ArrivedReaction {
  outlet: Pick<Outlet, "cfg" | "accountId">;
  /** The message that it is for. */
  messageId: string;
  emoji: string;
  /** Who reacted: +E164 if known, else the LID. */
  senderId: string;
  /** Whether the sender may write to the assistant here. Approvals have approvers of their own instead. */
  admitted: boolean;
  log?: ((message: string) => void) | undefined;
}

/** Resolves the prompt that a reaction answers. False: the reaction is none of this module. */
export async function resolveReaction(reaction: ArrivedReaction): Promise<boolean> {
  const { outlet, messageId, emoji, senderId, admitted, log } = reaction;
  if (!emoji || !messageId || !senderId) return false;
  if (await resolveApproval(reaction)) return true;
  const optionIndex = questionGatewayRuntime.resolveReactionIndex(emoji);
  if (optionIndex === undefined || !admitted) return false;
  return await questions.resolve({
    identities: [{ accountId: outlet.accountId, messageId }],
    optionIndex,
    cfg: outlet.cfg,
    senderId,
    ...(log ? { logDebug: log } : {}),
  });
}
