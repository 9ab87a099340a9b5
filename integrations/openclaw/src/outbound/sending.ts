/**
 * Sends the messages of one send of the gateway: a file, and the texts that its text becomes. Each has a token of its
 * own (see tokens.ts), so that a repeated send completes what is missing and sends nothing twice.
 */
import { type Agent, AgentError, type SendResponse } from "@openclaw-agent/client";
import { createChannelPartialDeliveryError } from "openclaw/plugin-sdk/channel-inbound";
import {
  createMessageReceiptFromOutboundResults,
  createReplyToFanout,
  type MessageReceipt,
  type MessageReceiptPartKind,
  recordOutboundMessageIdentity,
} from "openclaw/plugin-sdk/channel-outbound";
import { CHANNEL_ID } from "../config/settings.js";
import { explain, isQuoteGone, sendError } from "./failures.js";
import { type FormatRequest, textFormat, toMessages } from "./formatting.js";
import { FileUnavailableError, type MediaRequest, type PreparedFile, prepareFile, uploadFile } from "./media.js";
import { type MentionedText, mayMention, resolveMentions } from "./mentions.js";
import { knownMessageRef, type MessageRefInit, rememberMessage } from "./messages.js";
import type { Outlet } from "./outlet.js";
import { sendTarget, targetKind } from "./targets.js";
import { messageToken, type Slot } from "./tokens.js";

/** Longest time that the agent keeps a message while it has no connection: a late reply is better than a lost one. */
const KEEP_FOR = { seconds: 24n * 60n * 60n };

/** How long to wait for an agent that restarts. After that the gateway's queue repeats the send. */
const RETRY_FOR_MS = 30_000;

type SendInit = Exclude<Parameters<Agent["send"]>[0], { $typeName: string }>;
type ContentInit = Exclude<Extract<SendInit["payload"], { case: "content" }>["value"], { $typeName: string }>;
type ReplyToMode = Parameters<typeof createReplyToFanout>[0]["replyToMode"];

/** What to send, where, and under which tokens. */
export interface Draft {
  to: string;
  /** Markdown, already without what is not for the recipient. */
  text?: string;
  file?: MediaRequest;
  /** If the file cannot be sent, send the text with a warning instead of nothing. */
  warnsOfFile?: boolean;
  /** Base of the tokens. */
  token: string;
  format?: FormatRequest;
  /** WhatsApp's id of the message to quote. */
  replyToId?: string | null | undefined;
  replyToIdSource?: "explicit" | "implicit" | undefined;
  replyToMode?: ReplyToMode | undefined;
}

/** What the gateway wants to know, and may prevent, while a send goes on. */
export interface Progress {
  signal?: AbortSignal | undefined;
  /** Called before each message. */
  onDispatch?: (() => Promise<void>) | undefined;
  /** Throws if the send is not wanted any more. Called immediately before each message. */
  assertCurrent?: (() => void) | undefined;
  /** Called after each message, if there are several. */
  onSent?: ((sent: Sent) => Promise<void> | void) | undefined;
}

/** One message that the agent has accepted, and sends even if it is not connected yet. */
export interface Sent {
  messageId: string;
  /** Canonical id of the chat. */
  chat: string;
  kind: MessageReceiptPartKind;
  replyToId?: string | undefined;
}

/**
 * Sends a draft. Returns its messages in order; none if nothing of it is visible. Throws an error for the gateway's
 * queue.
 */
export async function sendDraft(outlet: Outlet, draft: Draft, progress: Progress = {}): Promise<Sent[]> {
  const sent: Sent[] = [];
  try {
    const to = sendTarget(draft.to);
    const parts = await planParts(outlet, draft);
    const quote = createReplyToFanout(draft);
    for (const part of parts) {
      const message = await sendPart(outlet, { ...draft, to, replyToId: quote() }, part, progress);
      sent.push(message);
      if (parts.length > 1) await progress.onSent?.(message);
    }
    return sent;
  } catch (error) {
    if (progress.signal?.aborted && sent.length === 0) throw error;
    if (sent.length === 0) throw sendError(error);
    throw createChannelPartialDeliveryError(new Error(explain(error), { cause: error }), {
      messageIds: sent.map(({ messageId }) => messageId),
      receipt: receiptOf(sent),
      visibleReplySent: true,
    });
  }
}

/** The receipt of a send, as the gateway stores it. */
export function receiptOf(sent: readonly Sent[]): MessageReceipt {
  const receipt = createMessageReceiptFromOutboundResults({
    kind: sent[0]?.kind ?? "unknown",
    results: sent.map(({ messageId, chat }) => ({ channel: CHANNEL_ID, messageId, toJid: chat })),
  });
  return {
    ...receipt,
    parts: receipt.parts.map((part, at) => ({
      ...part,
      kind: sent[at]?.kind ?? part.kind,
      ...(sent[at]?.replyToId ? { replyToId: sent[at].replyToId } : {}),
    })),
  };
}

interface Part {
  slot: Slot;
  kind: MessageReceiptPartKind;
  file?: PreparedFile;
  text: string;
}

/** A file has the first text as its caption, unless its kind has none; the others follow as messages. */
async function planParts(outlet: Outlet, draft: Draft): Promise<Part[]> {
  const format = textFormat(outlet.cfg, outlet.accountId, draft.format);
  const toParts = (text: string) =>
    toMessages(text, format).map((message, at): Part => ({ slot: { text: at }, kind: "text", text: message }));
  const { text = "" } = draft;
  if (!draft.file) return toParts(text);
  const file = await prepareFile(outlet, draft.file).catch((error: unknown) => {
    if (!draft.warnsOfFile || !(error instanceof FileUnavailableError)) throw error;
    return undefined;
  });
  if (!file) return toParts(text ? `${text}\n⚠️ Media failed.` : "⚠️ Media unavailable.");
  const texts = toParts(text);
  const caption = file.hasCaption ? (texts.shift()?.text ?? "") : "";
  return [{ slot: "file", kind: file.isVoice ? "voice" : "media", file, text: caption }, ...texts];
}

type Addressed = Draft & { to: string; replyToId: string | undefined };

async function sendPart(outlet: Outlet, draft: Addressed, part: Part, progress: Progress): Promise<Sent> {
  const { text, mentions } = await withMentions(outlet, draft.to, part.text);
  const replyTo = draft.replyToId ? await knownMessageRef(outlet, draft.to, draft.replyToId) : undefined;
  const request = async (): Promise<SendInit> => ({
    to: draft.to,
    payload: { case: "content", value: { ...(await contentOf(outlet, part, text)), mentions } },
    clientToken: messageToken(draft.token, part.slot),
  });
  const { response, quoted } = await sendQuoting(outlet, request, replyTo, progress);
  const sent: Sent = { messageId: response.messageId, chat: response.chat, kind: part.kind };
  if (quoted) sent.replyToId = draft.replyToId;
  return sent;
}

/** Sends with a quote; without it, if the agent does not have the quoted message any more. */
async function sendQuoting(
  outlet: Outlet,
  request: () => Promise<SendInit>,
  replyTo: MessageRefInit | undefined,
  progress: Progress,
): Promise<{ response: SendResponse; quoted: boolean }> {
  try {
    const init = await request();
    return {
      response: await dispatch(outlet, replyTo ? { ...init, replyTo } : init, progress),
      quoted: Boolean(replyTo),
    };
  } catch (error) {
    if (!replyTo || !isQuoteGone(error)) throw error;
    return { response: await dispatch(outlet, await request(), progress), quoted: false };
  }
}

/** Hands one message to the agent, which queues it if it must. `init` has a token. */
export async function dispatch(outlet: Outlet, init: SendInit, progress: Progress = {}): Promise<SendResponse> {
  progress.signal?.throwIfAborted();
  await progress.onDispatch?.();
  progress.assertCurrent?.();
  const { signal } = progress;
  const request = { ...init, queue: true, keepFor: KEEP_FOR };
  const response = await outlet.link.client.send(request, { retryForMs: RETRY_FOR_MS, ...(signal ? { signal } : {}) });
  remember(outlet, init.to ?? "", response);
  return response;
}

/** So that the gateway does not take its own message for input, and finds it to react to, edit or delete it. */
function remember({ accountId }: Outlet, to: string, { messageId, chat }: SendResponse): void {
  rememberMessage(accountId, { id: messageId, chat, fromMe: true });
  for (const conversationId of new Set([chat, to].filter(Boolean)))
    recordOutboundMessageIdentity({ channel: CHANNEL_ID, accountId, conversationId, messageId });
}

async function contentOf(outlet: Outlet, { file }: Part, text: string): Promise<ContentInit> {
  if (!file) return { kind: { case: "text", value: { body: text } } };
  const mediaId = await uploadFile(outlet, file);
  return { kind: { case: "media", value: { mediaId, caption: text } } };
}

/** Resolves mentions in groups. A text is sent without them if the agent does not know the group. */
export async function withMentions({ link }: Outlet, to: string, text: string): Promise<MentionedText> {
  if (targetKind(to) !== "group" || !mayMention(text)) return { text, mentions: [] };
  try {
    const { group } = await link.client.rpc.groups.getGroup({ group: to });
    return resolveMentions(text, group?.participants.map(({ contact }) => contact ?? {}) ?? []);
  } catch (error) {
    if (!AgentError.is(error)) throw error;
    return { text, mentions: [] };
  }
}
