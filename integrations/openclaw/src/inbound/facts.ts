import type { Content, Event, Message, Origin, Quoted } from "@openclaw-agent/client";
import { ChatKind, QuoteCheck } from "@openclaw-agent/client";
import {
  type ContactFacts,
  contactsOf,
  type LocationFacts,
  locationOf,
  type MediaFacts,
  mediaOf,
  textOf,
} from "./content.js";
import { chatNames, type Person, personId, personOf } from "./person.js";

/** The message that a reply quotes, as far as it is known. */
export interface QuoteFacts {
  id?: string;
  body: string;
  sender: Person;
  media?: MediaFacts;
  /** False if the agent's events contradict the quote: its text and author are made up, or from before an edit. */
  credible: boolean;
}

/** A file of a message, after its download. */
export interface SavedFile {
  path: string;
  contentType?: string;
  fileName?: string;
}

/** A message to the gateway: what the agent reports, without its wire types. */
export interface InboundMessage {
  seq: bigint;
  id: string;
  /** The chat's id at the agent. */
  chat: string;
  kind: "direct" | "group";
  /** The chat's id at the gateway: a person's number, their LID if it is unknown, or the group's JID. */
  conversationId: string;
  /** The other party of a direct chat. */
  peer?: Person;
  sender: Person;
  fromMe: boolean;
  /** WhatsApp's time, in ms. */
  timestamp?: number;
  /** What the agent reads: text or caption, with what could not be downloaded. */
  body: string;
  /** What commands and mentions are read from: text or caption alone. */
  commandBody: string;
  media?: MediaFacts;
  file?: SavedFile;
  /** True if `file` is that of the quoted message. */
  fileIsQuoted?: boolean;
  location?: LocationFacts;
  contacts?: ContactFacts;
  quote?: QuoteFacts;
  mentions: Person[];
  /** True if the account, or everyone, is mentioned. */
  mentionsAccount: boolean;
  groupName?: string;
  groupMembers?: string[];
  /** True if several messages were joined. */
  batched?: boolean;
}

/** Where an event comes from. Absent for events without a chat. */
export function originOf(event: Event): Origin | undefined {
  const value = event.kind.value;
  return value && "origin" in value ? value.origin : undefined;
}

/** Every name of the chat of an event, for what was stored under another one. */
export function chatNamesOf(event: Event): string[] {
  const origin = originOf(event);
  if (!origin) return [];
  return origin.chatKind === ChatKind.GROUP ? [origin.chat] : chatNames(personOf(event.chatWith), origin.chat);
}

/** Translates a message. Undefined for what is no message to the gateway: status updates, channels, votes, pins, … */
export function messageOf(event: Event, message: Message): InboundMessage | undefined {
  const { origin, content } = message;
  if (!origin?.id || !content) return undefined;
  const kind = kindOf(origin.chatKind);
  if (!kind) return undefined;
  const text = textOf(content);
  const media = mediaOf(content);
  const location = locationOf(content);
  if (!text && !media && !location) return undefined;
  const sender = personOf(origin.sender, origin.pushName);
  const peer = kind === "direct" ? personOf(event.chatWith) : undefined;
  const facts: InboundMessage = {
    seq: event.seq,
    id: origin.id,
    chat: origin.chat,
    kind,
    conversationId: kind === "group" ? origin.chat : (personId(peer) ?? origin.chat),
    sender,
    fromMe: origin.fromMe === true,
    body: text,
    commandBody: text,
    mentions: content.mentions.map((contact) => personOf(contact)),
    mentionsAccount: message.mentionsAccount,
  };
  return Object.assign(facts, optionalFacts({ origin, content, peer, media, location, quoted: message.quoted }));
}

function optionalFacts(params: {
  origin: Origin;
  content: Content;
  peer: Person | undefined;
  media: MediaFacts | undefined;
  location: LocationFacts | undefined;
  quoted: Quoted | undefined;
}): Partial<InboundMessage> {
  const { origin, content, peer, media, location, quoted } = params;
  const facts: Partial<InboundMessage> = {};
  if (peer) facts.peer = peer;
  if (origin.sentAt) facts.timestamp = Number(origin.sentAt.seconds) * 1_000;
  if (media) facts.media = media;
  if (location) facts.location = location;
  const contacts = contactsOf(content);
  if (contacts) facts.contacts = contacts;
  const quote = quoted && quoteOf(quoted);
  if (quote) facts.quote = quote;
  if (origin.chatName) facts.groupName = origin.chatName;
  return facts;
}

function kindOf(kind: ChatKind): "direct" | "group" | undefined {
  if (kind === ChatKind.PERSON) return "direct";
  if (kind === ChatKind.GROUP) return "group";
  return undefined;
}

function quoteOf(quoted: Quoted): QuoteFacts | undefined {
  if (!quoted.id && !quoted.text && !quoted.media) return undefined;
  const quote: QuoteFacts = {
    body: quoted.text.trim(),
    sender: personOf(quoted.sender),
    credible: quoted.check !== QuoteCheck.DIFFERENT,
  };
  if (quoted.id) quote.id = quoted.id;
  const media = quoted.media && mediaOf({ kind: { case: "media", value: quoted.media } });
  if (media) quote.media = media;
  if (!quote.body && !quote.media) quote.body = "[quoted message unavailable]";
  return quote;
}
