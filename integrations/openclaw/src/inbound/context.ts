import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import type { PluginRuntime } from "openclaw/plugin-sdk/channel-core";
import { toInboundMediaFacts, toLocationContext } from "openclaw/plugin-sdk/channel-inbound";
import { buildInboundHistoryFromEntries } from "openclaw/plugin-sdk/reply-history";
import { CHANNEL_ID } from "../config/settings.js";
import type { IngressAccess } from "./access.js";
import type { InboundMessage } from "./facts.js";
import type { GroupHistoryEntry } from "./history.js";
import type { VisibleQuote } from "./line.js";
import { personId } from "./person.js";
import type { Scope } from "./scope.js";

type ContextParams = Parameters<PluginRuntime["channel"]["inbound"]["buildContext"]>[0];
/** The turn's context, as the gateway finalizes it. */
export type TurnContext = ReturnType<PluginRuntime["channel"]["inbound"]["buildContext"]>;

export interface ContextRequest {
  scope: Scope;
  cfg: OpenClawConfig;
  message: InboundMessage;
  ingress: IngressAccess;
  route: { agentId: string; accountId: string; sessionKey: string; dmScope?: ContextParams["route"]["dmScope"] };
  /** The line with its history. */
  body: string;
  /** What the assistant reads as the message itself. */
  bodyForAgent: string;
  quote: VisibleQuote | undefined;
  history: readonly GroupHistoryEntry[] | undefined;
  historyLimit: number;
  members: string | undefined;
  systemPrompt: string | undefined;
  command: NonNullable<ContextParams["command"]>;
  mention: { wasMentioned: boolean; requireMention: boolean } | undefined;
  transcript: string | undefined;
  replyThreading: { implicitCurrentMessage: "allow" | "deny" } | undefined;
}

/** Hands the facts of a message to the gateway, which makes the turn's context of them. */
export function buildTurnContext(request: ContextRequest): TurnContext {
  const { scope, message, route, command, mention } = request;
  const isGroup = message.kind === "group";
  const self = scope.self.phone ?? "me";
  return scope.runtime.channel.inbound.buildContext({
    channel: CHANNEL_ID,
    channelIngress: request.ingress,
    messageId: message.id,
    timestamp: message.timestamp,
    from: message.conversationId,
    sender: { id: personId(message.sender), name: message.sender.name, isSelf: message.fromMe },
    conversation: { kind: message.kind, id: message.conversationId, label: message.conversationId },
    route: {
      agentId: route.agentId,
      dmScope: route.dmScope,
      accountId: route.accountId,
      routeSessionKey: route.sessionKey,
    },
    reply: { to: self, originatingTo: message.conversationId, replyToId: request.quote?.id },
    message: {
      body: request.body,
      bodyForAgent: request.bodyForAgent,
      inboundHistory: isGroup ? inboundHistory(request.history ?? []) : undefined,
      rawBody: message.commandBody,
      commandBody: command.body ?? message.commandBody,
    },
    sessionTranscript: { historyLimit: isGroup ? request.historyLimit : 0 },
    access: accessFacts(request, isGroup),
    command,
    media: mediaFacts(message, request.transcript !== undefined),
    supplemental: {
      quote: request.quote && { id: request.quote.id, body: request.quote.body, sender: request.quote.sender },
      groupSystemPrompt: request.systemPrompt,
      channelStructuredContext: structuredContext(message),
    },
    extra: {
      Transcript: request.transcript,
      GroupSubject: message.groupName,
      GroupMembers: request.members,
      SenderE164: message.sender.phone,
      ReplyThreading: request.replyThreading,
      WasMentioned: mention?.wasMentioned,
      // Other plugins get messages only if the operator has opted in: see hooks.ts.
      SuppressMessageReceivedHooks: true,
      ...(message.location ? toLocationContext(message.location) : {}),
    },
  });
}

function accessFacts({ mention, command }: ContextRequest, isGroup: boolean): ContextParams["access"] {
  return {
    ...(mention ? { mentions: { canDetectMention: isGroup, ...mention } } : {}),
    ...(command.authorized === undefined ? {} : { commands: { authorized: command.authorized } }),
  };
}

function inboundHistory(entries: readonly GroupHistoryEntry[]) {
  return buildInboundHistoryFromEntries({
    entries: entries.map(({ sender, body, timestamp, messageId, media }) => ({
      sender,
      body,
      timestamp,
      messageId,
      media,
    })),
    limit: Math.max(entries.length, 1),
  });
}

function mediaFacts(message: InboundMessage, transcribed: boolean): ContextParams["media"] {
  const media = message.media ?? (message.fileIsQuoted ? message.quote?.media : undefined);
  if (!media) return undefined;
  const { contentType, fileName, durationMs, width, height } = media;
  const path = message.file?.path;
  return toInboundMediaFacts([
    { path, url: path, contentType, fileName, kind: media.kind, durationMs, width, height, transcribed },
  ]);
}

/** What the text says only as a placeholder. Written by people: the gateway marks it as untrusted. */
function structuredContext(message: InboundMessage) {
  const entries = [];
  if (message.media) {
    const { contentType, kind } = message.media;
    entries.push({ label: "WhatsApp media", source: CHANNEL_ID, type: "media", payload: { contentType, kind } });
  }
  if (message.contacts)
    entries.push({
      label: "WhatsApp contact",
      source: CHANNEL_ID,
      type: message.contacts.kind,
      payload: message.contacts,
    });
  return entries.length > 0 ? entries : undefined;
}
