import {
  type EnvelopeFormatOptions,
  filterChannelInboundQuoteContext,
  formatInboundEnvelope,
  formatMediaPlaceholderText,
  resolveInboundSupplementalSenderAllowed,
} from "openclaw/plugin-sdk/channel-inbound";
import { buildHistoryContextFromEntries } from "openclaw/plugin-sdk/reply-history";
import { filterSupplementalContextItems } from "openclaw/plugin-sdk/security-runtime";
import { normalizeTarget } from "../outbound/targets.js";
import type { InboundMessage } from "./facts.js";
import type { GroupHistoryEntry } from "./history.js";
import { type Person, personId } from "./person.js";
import type { Policy } from "./policy.js";

type Visibility = NonNullable<Parameters<typeof filterChannelInboundQuoteContext>[0]>;

/** The quoted message, as the assistant may see it. */
export interface VisibleQuote {
  id?: string;
  body: string;
  sender: string;
}

/** The quote of a message, unless its author's words are not to be shown (`contextVisibility`). */
export function visibleQuote(message: InboundMessage, policy: Policy, mode: Visibility): VisibleQuote | undefined {
  const { quote } = message;
  if (!quote) return undefined;
  const media = quote.media ? [{ contentType: quote.media.contentType, kind: quote.media.kind }] : [];
  const sender = personId(quote.sender) ?? "unknown sender";
  const visible = filterChannelInboundQuoteContext(mode, {
    id: quote.id,
    body: [quote.body, formatMediaPlaceholderText(media)].filter(Boolean).join("\n"),
    sender,
    senderAllowed: isContextAllowed(message.kind === "group", policy, quote.sender),
  });
  if (!visible) return undefined;
  // Without a check, anyone could put words into anyone's mouth.
  const note = quote.credible ? "" : " [the quoted text could not be confirmed]";
  return { ...(quote.id ? { id: quote.id } : {}), body: `${visible.body ?? ""}${note}`, sender };
}

/** The messages before a mention that the assistant may see. */
export function visibleHistory(entries: GroupHistoryEntry[], policy: Policy, mode: Visibility): GroupHistoryEntry[] {
  return filterSupplementalContextItems({
    items: entries,
    mode,
    kind: "history",
    isSenderAllowed: (entry) => isContextAllowed(true, policy, entry.author),
  }).items;
}

function isContextAllowed(isGroup: boolean, policy: Policy, person: Person): boolean {
  return resolveInboundSupplementalSenderAllowed({
    isGroup,
    groupPolicy: policy.groupPolicy,
    allowFrom: policy.groupAllowFrom,
    isSenderAllowed: (allowFrom) => isListed(allowFrom, person),
  });
}

function isListed(allowFrom: readonly string[], person: Person): boolean {
  if (allowFrom.includes("*")) return true;
  const ids = [person.phone, person.lid].filter((id) => id !== undefined);
  return allowFrom.some((entry) => ids.includes(normalizeTarget(entry) ?? ""));
}

/** The message as a line of a chat: time, chat, sender, text, and what it replies to. */
export function messageLine(params: {
  message: InboundMessage;
  body: string;
  quote: VisibleQuote | undefined;
  envelope: EnvelopeFormatOptions;
  previousTimestamp: number | undefined;
}): string {
  const { message, body, quote } = params;
  const replied = quote?.body
    ? `\n\n[Replying to ${quote.sender}${quote.id ? ` id:${quote.id}` : ""}]\n${quote.body}\n[/Replying]`
    : "";
  return formatInboundEnvelope({
    channel: "WhatsApp",
    from: message.conversationId,
    timestamp: message.timestamp,
    body: `${body}${replied}`,
    chatType: message.kind,
    sender: { name: message.sender.name, e164: message.sender.phone, id: personId(message.sender) },
    previousTimestamp: params.previousTimestamp,
    envelope: params.envelope,
    fromMe: message.fromMe,
  });
}

/** The line with the group's messages before it. */
export function withHistory(params: {
  line: string;
  group: string;
  history: readonly GroupHistoryEntry[];
  envelope: EnvelopeFormatOptions;
}): string {
  if (params.history.length === 0) return params.line;
  return buildHistoryContextFromEntries({
    entries: [...params.history],
    currentMessage: params.line,
    excludeLast: false,
    formatEntry: (entry) =>
      formatInboundEnvelope({
        channel: "WhatsApp",
        from: params.group,
        timestamp: entry.timestamp,
        body: [entry.body, formatMediaPlaceholderText(entry.media ?? [])].filter(Boolean).join("\n"),
        chatType: "group",
        senderLabel: entry.sender,
        envelope: params.envelope,
      }),
  });
}
