/**
 * The gateway's outbound and durable message adapters: every reply and every message of the `message` tool passes here.
 */
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import {
  type ChannelMessageSendMediaContext,
  type ChannelMessageSendPayloadContext,
  type ChannelMessageSendResult,
  type ChannelMessageSendTextContext,
  createMessageReceiptFromOutboundResults,
  defineChannelMessageAdapter,
} from "openclaw/plugin-sdk/channel-outbound";
import { renderMessagePresentationFallbackText } from "openclaw/plugin-sdk/interactive-runtime";
import type { ReplyPayload } from "openclaw/plugin-sdk/reply-chunking";
import { resolveOutboundMediaUrls } from "openclaw/plugin-sdk/reply-payload";
import type { Account } from "../config/account.js";
import { CHANNEL_ID } from "../config/settings.js";
import { sendError } from "./failures.js";
import { textFormat, visibleText } from "./formatting.js";
import { type Outlet, outletOf } from "./outlet.js";
import { MAX_POLL_OPTIONS, sendPoll } from "./polls.js";
import { promptOf, rememberPrompt } from "./prompts.js";
import { reconcile } from "./reconcile.js";
import { resolveTarget } from "./route.js";
import { type Draft, type Progress, receiptOf, type Sent, sendDraft } from "./sending.js";
import { sendToken } from "./tokens.js";

type OutboundAdapter = NonNullable<ChannelPlugin<Account>["outbound"]>;
type OutboundContext = Parameters<NonNullable<OutboundAdapter["sendText"]>>[0];
type DeliveryResult = Awaited<ReturnType<NonNullable<OutboundAdapter["sendText"]>>>;
/** What both adapters' contexts have, with what only one of them may have. */
type SendContext = Omit<ChannelMessageSendTextContext, "onDeliveryResult"> &
  Partial<Omit<ChannelMessageSendMediaContext, keyof ChannelMessageSendTextContext>> & {
    formatting?: OutboundContext["formatting"];
  };

/** The parts of a context that every send of it has. */
function draftOf(ctx: SendContext): Omit<Draft, "text" | "file" | "token"> {
  return {
    to: ctx.to,
    replyToId: ctx.replyToId,
    replyToIdSource: ctx.replyToIdSource,
    replyToMode: ctx.replyToMode,
    ...(ctx.formatting ? { format: ctx.formatting } : {}),
    // A reply is worth more than its file, and only the inbound side, which sends replies, names the mode of tables.
    // The tool gets the error instead, so that the assistant can try again.
    warnsOfFile: ctx.formatting?.tableMode !== undefined,
  };
}

/** Without an agent nothing is sent; once one is configured, the gateway's queue repeats the send. */
function outletFor({ cfg, accountId }: Pick<SendContext, "cfg" | "accountId">): Outlet {
  try {
    return outletOf(cfg, accountId);
  } catch (error) {
    throw sendError(error);
  }
}

function progressOf(ctx: SendContext, onSent?: Progress["onSent"]): Progress {
  return {
    signal: ctx.signal,
    onDispatch: ctx.onPlatformSendDispatch,
    assertCurrent: ctx.assertDirectAdapterHandoff,
    onSent,
  };
}

async function sendText(ctx: SendContext, onSent?: Progress["onSent"]): Promise<Sent[]> {
  const draft = { ...draftOf(ctx), text: visibleText(ctx.text), token: sendToken(ctx) };
  return await sendDraft(outletFor(ctx), draft, progressOf(ctx, onSent));
}

async function sendMedia(ctx: SendContext, onSent?: Progress["onSent"]): Promise<Sent[]> {
  const source = ctx.mediaUrl?.trim();
  if (!source) return await sendText(ctx, onSent);
  const file = {
    source,
    asDocument: ctx.forceDocument,
    gif: ctx.gifPlayback,
    access: ctx.mediaAccess,
    localRoots: ctx.mediaLocalRoots,
    readFile: ctx.mediaReadFile,
  };
  const draft = { ...draftOf(ctx), text: visibleText(ctx.text), file, token: sendToken(ctx) };
  return await sendDraft(outletFor(ctx), draft, progressOf(ctx, onSent));
}

/** A payload is its files, the first with the text as caption, or its text. */
async function sendPayload(ctx: SendContext & { payload: ReplyPayload }, onSent?: Progress["onSent"]): Promise<Sent[]> {
  const { payload } = ctx;
  const text = payload.text ?? "";
  const [first, ...others] = resolveOutboundMediaUrls(payload);
  if (!first && !visibleText(text)) {
    if (payload.presentation || payload.interactive || payload.channelData)
      throw new Error("WhatsApp has no buttons or cards: the payload needs a text or a file");
    return [];
  }
  const base = ctx.deliveryPartIndex ?? 0;
  if (!first) return await sendText({ ...ctx, text }, onSent);
  const sent = await sendMedia({ ...ctx, text, mediaUrl: first, deliveryPartIndex: base }, onSent);
  for (const [at, mediaUrl] of others.entries()) {
    await onSent?.(sent.at(-1) as Sent);
    sent.push(...(await sendMedia({ ...ctx, text: "", mediaUrl, deliveryPartIndex: base + at + 1 }, onSent)));
  }
  return sent;
}

function toDeliveryResult(sent: readonly Sent[]): DeliveryResult {
  const [first] = sent;
  if (!first) return { channel: CHANNEL_ID, messageId: "" };
  return { channel: CHANNEL_ID, messageId: first.messageId, toJid: first.chat, receipt: receiptOf(sent) };
}

/** The outbound adapter has its own result, and reports progress in it. */
function outboundSend<TContext extends OutboundContext>(
  send: (ctx: TContext, onSent?: Progress["onSent"]) => Promise<Sent[]>,
): (ctx: TContext) => Promise<DeliveryResult> {
  return async (ctx) => {
    const { onDeliveryResult } = ctx;
    const onSent = onDeliveryResult && ((sent: Sent) => onDeliveryResult(toDeliveryResult([sent])));
    return toDeliveryResult(await send(ctx, onSent));
  };
}

/** The outbound adapter. */
export const outbound: OutboundAdapter = {
  deliveryMode: "gateway",
  // Texts are split here and not by the gateway: the limit holds for the converted text.
  chunker: null,
  textChunkLimit: 4_000,
  pollMaxOptions: MAX_POLL_OPTIONS,
  sendTextOnlyErrorPayloads: true,
  deliveryCapabilities: {
    durableFinal: {
      text: true,
      media: true,
      poll: true,
      payload: true,
      replyTo: true,
      nativeQuote: true,
      messageSendingHooks: true,
      reconcileUnknownSend: true,
    },
  },
  resolveTarget,
  sanitizeText: ({ text }) => visibleText(text),
  normalizePayload: ({ payload }) => ({ ...payload, text: visibleText(payload.text) }),
  renderPresentation: ({ payload, presentation }) => promptOf({ ...payload, presentation }),
  afterDeliverPayload: rememberPrompt,
  sendText: outboundSend(sendText),
  sendMedia: outboundSend(sendMedia),
  sendPayload: outboundSend(sendPayload as (ctx: OutboundContext, onSent?: Progress["onSent"]) => Promise<Sent[]>),
  sendPoll: async ({ cfg, to, poll, accountId, onPlatformSendDispatch, assertDirectAdapterHandoff }) => {
    const progress = { onDispatch: onPlatformSendDispatch, assertCurrent: assertDirectAdapterHandoff };
    const sent = await sendPoll(outletFor({ cfg, accountId }), { to, poll, token: sendToken({}) }, progress);
    return { messageId: sent.messageId, toJid: sent.chat, receipt: receiptOf([sent]) };
  },
};

function toMessageResult(sent: readonly Sent[]): ChannelMessageSendResult {
  const [first] = sent;
  if (!first) return { outcome: "not_sent", receipt: createMessageReceiptFromOutboundResults({ results: [] }) };
  return { messageId: first.messageId, receipt: receiptOf(sent) };
}

/** As `outboundSend`, for the durable message adapter. */
function messageSend<TContext extends ChannelMessageSendTextContext>(
  send: (ctx: TContext, onSent?: Progress["onSent"]) => Promise<Sent[]>,
): (ctx: TContext) => Promise<ChannelMessageSendResult> {
  return async (ctx) => {
    const { onDeliveryResult } = ctx;
    const onSent = onDeliveryResult && ((sent: Sent) => onDeliveryResult(toMessageResult([sent])));
    return toMessageResult(await send(ctx, onSent));
  };
}

/** The durable message adapter. A send whose outcome is unknown is repeated with its tokens: see reconcile.ts. */
export const message = defineChannelMessageAdapter({
  id: CHANNEL_ID,
  durableFinal: {
    capabilities: {
      text: true,
      media: true,
      payload: true,
      poll: true,
      replyTo: true,
      nativeQuote: true,
      messageSendingHooks: true,
      reconcileUnknownSend: true,
    },
    automaticUnknownSendReconciliation: true,
    reconcileUnknownSendKinds: { text: true, media: true, payload: true },
    reconcileUnknownSend: (ctx) => reconcile(ctx, sendPayload),
  },
  send: {
    text: messageSend<ChannelMessageSendTextContext>(sendText),
    media: messageSend<ChannelMessageSendMediaContext>(sendMedia),
    payload: messageSend<ChannelMessageSendPayloadContext>(sendPayload),
    poll: async (ctx) => {
      const progress = {
        signal: ctx.signal,
        onDispatch: ctx.onPlatformSendDispatch,
        assertCurrent: ctx.assertDirectAdapterHandoff,
      };
      const draft = { to: ctx.to, poll: ctx.poll, replyToId: ctx.replyToId, token: sendToken(ctx) };
      return toMessageResult([await sendPoll(outletFor(ctx), draft, progress)]);
    },
  },
});

/** A reply that does not pass the gateway's durable queue: see `deliverReply`. */
export interface Reply {
  outlet: Outlet;
  to: string;
  payload: ReplyPayload;
  /** Base of the tokens: the same for a repeated reply, and for no other. */
  token: string;
  replyToId?: string | null;
  replyToIdSource?: "explicit" | "implicit";
  replyToMode?: Draft["replyToMode"];
  mediaLocalRoots?: readonly string[];
  signal?: AbortSignal;
}

/**
 * Sends a reply whose token the caller chooses, for instance from the event that it replies to. A question or an
 * approval in it can be answered by a reaction, as in replies that pass the gateway's queue.
 */
export async function deliverReply(
  reply: Reply,
): Promise<{ messageIds: string[]; receipt: ReturnType<typeof receiptOf> }> {
  const { outlet, token, payload: given, ...rest } = reply;
  const { cfg, accountId } = outlet;
  const formatting = { tableMode: textFormat(cfg, accountId).tableMode };
  const payload = promptOf(given) ?? asText(given);
  const sent = await sendPayload({ ...rest, payload, formatting, cfg, accountId, text: "", deliveryQueueId: token });
  const target = { channel: CHANNEL_ID, to: reply.to, accountId };
  await rememberPrompt({ cfg, target, payload, results: [toDeliveryResult(sent)] });
  return { messageIds: sent.map(({ messageId }) => messageId), receipt: receiptOf(sent) };
}

/** Controls that WhatsApp does not have, as a text that names them. */
function asText(payload: ReplyPayload): ReplyPayload {
  const { presentation, text } = payload;
  return presentation ? { ...payload, text: renderMessagePresentationFallbackText({ presentation, text }) } : payload;
}
