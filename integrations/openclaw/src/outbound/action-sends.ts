/** Actions that send a message, other than `send` and `poll`: upload-file, sticker, reply. */

import { readBooleanParam } from "openclaw/plugin-sdk/boolean-param";
import { readStringParam } from "openclaw/plugin-sdk/channel-actions";
import { canonicalizeBase64, estimateBase64DecodedBytes } from "openclaw/plugin-sdk/media-runtime";
import {
  type ActionContext,
  type ActionName,
  type ActionTarget,
  actionMessage,
  actionProgress,
  actionText,
  type Handler,
} from "./action-context.js";
import { visibleText } from "./formatting.js";
import { type LoadedFile, type MediaRequest, mediaMaxBytes } from "./media.js";
import { type Draft, type Sent, sendDraft } from "./sending.js";
import { sendToken } from "./tokens.js";

const DATA_URL = /^data:([^;,]*)(?:;[^,]*)?;base64,(.*)$/is;

async function send(ctx: ActionContext, { outlet, to }: ActionTarget, draft: Omit<Draft, "to" | "token">) {
  const sent = await sendDraft(outlet, { ...draft, to, token: sendToken({}) }, actionProgress(ctx));
  return resultOf(sent);
}

function resultOf(sent: readonly Sent[]): Record<string, unknown> {
  const [first] = sent;
  if (!first) throw new Error("there is nothing visible to send");
  return { messageId: first.messageId, messageIds: sent.map(({ messageId }) => messageId), toJid: first.chat };
}

/** The file of an action: a place to load it from, or its bytes in base64. */
function fileOf(ctx: ActionContext, { outlet }: ActionTarget): MediaRequest {
  const { params } = ctx;
  const text = (key: string) => readStringParam(params, key, { trim: false });
  const place = ["media", "mediaUrl", "filePath", "path", "fileUrl"].map(text).find(Boolean);
  const encoded = text("buffer");
  if (!place && !encoded)
    throw new Error("WhatsApp upload-file requires media, mediaUrl, filePath, path, fileUrl, or buffer.");
  const contentType = readStringParam(params, "contentType") ?? readStringParam(params, "mimeType");
  const fileName = readStringParam(params, "filename") ?? readStringParam(params, "fileName");
  const voice = readBooleanParam(params, "asVoice") ?? readBooleanParam(params, "audioAsVoice");
  return {
    source: encoded ? decode(encoded, mediaMaxBytes(outlet.account)) : (place ?? ""),
    access: ctx.mediaAccess,
    localRoots: ctx.mediaLocalRoots,
    readFile: ctx.mediaReadFile,
    gif: readBooleanParam(params, "gifPlayback"),
    asDocument: readBooleanParam(params, "forceDocument") ?? readBooleanParam(params, "asDocument"),
    ...(contentType ? { contentType } : {}),
    ...(fileName ? { fileName } : {}),
    ...(voice === false ? { voice } : {}),
  };
}

function decode(encoded: string, maxBytes: number): LoadedFile {
  const [, contentType, body = encoded] = DATA_URL.exec(encoded.trim()) ?? [];
  if (estimateBase64DecodedBytes(body) > maxBytes)
    throw new Error(`the buffer is larger than channels.whatsapp.mediaMaxMb (${maxBytes} bytes)`);
  const canonical = canonicalizeBase64(body);
  if (!canonical) throw new Error("WhatsApp upload-file buffer must be valid base64 or a base64 data URL.");
  return { buffer: Buffer.from(canonical, "base64"), ...(contentType ? { contentType } : {}) };
}

export const SEND_ACTIONS: Partial<Record<ActionName, Handler>> = {
  "upload-file": (ctx, target) => send(ctx, target, { text: visibleText(actionText(ctx)), file: fileOf(ctx, target) }),
  sticker: (ctx, target) => send(ctx, target, { file: { ...fileOf(ctx, target), sticker: true } }),
  reply: async (ctx, target) => {
    const { messageId } = actionMessage(ctx, target);
    const text = visibleText(actionText(ctx));
    return await send(ctx, target, { text, replyToId: messageId, replyToIdSource: "explicit", replyToMode: "first" });
  },
};
