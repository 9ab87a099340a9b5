/**
 * Finds the message that an id of the gateway means. The gateway keeps only WhatsApp's id; the agent names a message by
 * the seq of its event, or by chat, id and author. The inbound side fills the memory; what it does not have is looked
 * up in the agent's events, so that nothing is lost with a restart.
 */
import { type Event, EventKind } from "@openclaw-agent/client";
import type { Link } from "../agents.js";
import { normalizeTarget, personOf, targetKind } from "./targets.js";

/** A person, by number, by LID, or both; an absent or empty one is not known. */
export interface Person {
  phone?: string | undefined;
  lid?: string | undefined;
}

/** A message that was seen. */
export interface SeenMessage {
  /** WhatsApp's id. */
  id: string;
  /** The agent's canonical id of the chat, `Origin.chat`. */
  chat: string;
  /** The seq of its event. Absent for a message that was sent: the agent finds it by chat and id. */
  seq?: bigint | undefined;
  sender?: Person | undefined;
  fromMe: boolean;
}

/** What `Send` and `MarkRead` take to name a message. */
export type MessageRefInit =
  | { by: { case: "seq"; value: bigint } }
  | { by: { case: "key"; value: { chat: string; id: string; sender?: { phone: string; lid: string } } } };

/** The newest messages of an account that are remembered. Older ones are looked up in the agent's events. */
const MAX_MESSAGES = 5_000;
/** Pages of events that are searched for an older message. */
const MAX_PAGES = 4;
const PAGE_SIZE = 500;

const seenByAccount = new Map<string, Map<string, SeenMessage[]>>();

/** Remembers a message of an account. */
export function rememberMessage(accountId: string, message: SeenMessage): void {
  const seen = seenByAccount.get(accountId) ?? new Map<string, SeenMessage[]>();
  seenByAccount.set(accountId, seen);
  const others = (seen.get(message.id) ?? []).filter((other) => other.chat !== message.chat);
  seen.delete(message.id);
  seen.set(message.id, [...others, message]);
  const oldest = seen.size > MAX_MESSAGES ? seen.keys().next().value : undefined;
  if (oldest !== undefined) seen.delete(oldest);
}

/** Forgets the messages of an account, for instance when another phone is linked. */
export function forgetMessages(accountId: string): void {
  seenByAccount.delete(accountId);
}

/** A remembered message. Ids are unique within a chat: if several chats have one, `target` decides. */
export function seenMessage(accountId: string, target: string, id: string): SeenMessage | undefined {
  const candidates = seenByAccount.get(accountId)?.get(id) ?? [];
  const inChat = candidates.filter((message) => isInChat(message, target));
  return inChat[0] ?? (candidates.length === 1 && mayBeSameChat(candidates[0], target) ? candidates[0] : undefined);
}

/** What is known about a message, for those that the memory does not have. */
export interface MessageHint {
  /** Whether the account itself wrote it. */
  fromMe?: boolean | undefined;
  /** Its author, as number, LID or JID. */
  sender?: string | undefined;
}

/** An account, with the connection to its agent. */
export interface MessageSource {
  accountId: string;
  link: Link;
}

/** The reference by which the agent finds a message: its event, else its key, with the author as far as it is known. */
export async function messageRef(
  source: MessageSource,
  target: string,
  id: string,
  hint: MessageHint = {},
): Promise<MessageRefInit> {
  const known = await knownMessageRef(source, target, id);
  if (known) return known;
  const sender = hintedSender(target, hint);
  return { by: { case: "key", value: { chat: target, id, ...(sender ? { sender } : {}) } } };
}

/** The reference of a message that the memory or the agent has; undefined for any other, which cannot be quoted. */
export async function knownMessageRef(
  { accountId, link }: MessageSource,
  target: string,
  id: string,
): Promise<MessageRefInit | undefined> {
  const seen = seenMessage(accountId, target, id) ?? (await fetchMessage(accountId, link, target, id));
  if (!seen) return undefined;
  if (seen.seq !== undefined) return { by: { case: "seq", value: seen.seq } };
  const sender = seen.fromMe ? undefined : contactOf(seen.sender);
  return { by: { case: "key", value: { chat: seen.chat, id, ...(sender ? { sender } : {}) } } };
}

/** Searches the chat's events for a message. Undefined if the agent has none, or cannot be asked. */
async function fetchMessage(
  accountId: string,
  link: Link,
  target: string,
  id: string,
): Promise<SeenMessage | undefined> {
  const filter = { chats: [target], kinds: [EventKind.MESSAGE, EventKind.OUTCOME] };
  let pageToken = "";
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const request = { filter, pageSize: PAGE_SIZE, pageToken };
    const answer = await link.client.rpc.agent.listEvents(request).catch(() => undefined);
    const found = answer?.events.map(messageOf).find((message) => message?.id === id);
    if (found) {
      rememberMessage(accountId, found);
      return found;
    }
    if (!answer?.nextPageToken) return undefined;
    pageToken = answer.nextPageToken;
  }
  return undefined;
}

function messageOf({ seq, kind }: Event): SeenMessage | undefined {
  if (kind.case === "message") {
    const { origin } = kind.value;
    return origin && { id: origin.id, chat: origin.chat, seq, sender: origin.sender, fromMe: origin.fromMe ?? false };
  }
  if (kind.case === "outcome") {
    const { messageId, chat } = kind.value;
    return { id: messageId, chat, seq, fromMe: true };
  }
  return undefined;
}

function hintedSender(target: string, { fromMe, sender }: MessageHint): { phone: string; lid: string } | undefined {
  if (fromMe) return undefined;
  if (sender) return personOf(sender) ?? undefined;
  // In a direct chat the other person is the only other author.
  return fromMe === false || targetKind(target) === "direct" ? (personOf(target) ?? undefined) : undefined;
}

function contactOf(person: Person | undefined): { phone: string; lid: string } | undefined {
  return person && { phone: person.phone ?? "", lid: person.lid ?? "" };
}

function isInChat(message: SeenMessage, target: string): boolean {
  if (normalizeTarget(message.chat) === target) return true;
  if (targetKind(target) !== "direct" || targetKind(message.chat) !== "direct" || message.fromMe) return false;
  return message.sender?.phone === target || message.sender?.lid === target;
}

/** A direct chat has two names, and not both need be known: an id that only one chat has is that chat's. */
function mayBeSameChat(message: SeenMessage | undefined, target: string): boolean {
  return message !== undefined && targetKind(message.chat) === "direct" && targetKind(target) === "direct";
}
