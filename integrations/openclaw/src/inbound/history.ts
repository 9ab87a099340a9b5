import { createChannelHistoryWindow, type HistoryEntry } from "openclaw/plugin-sdk/reply-history";
import { normalizeTarget } from "../outbound/targets.js";
import type { InboundMessage } from "./facts.js";
import { type Person, personId } from "./person.js";

const DEFAULT_LIMIT = 50;
/** The gateway's own bound of what it puts into a prompt. */
const MAX_LIMIT = 200;

/** A message of a group that the gateway was not asked about. */
export interface GroupHistoryEntry extends HistoryEntry {
  author: Person;
}

/** What was said in groups since the account was last asked something. Lost with the process, as in the official channel. */
export class GroupHistories {
  readonly #entries = new Map<string, GroupHistoryEntry[]>();
  readonly #names = new Map<string, Map<string, string>>();

  /** Notes a message that is not for the account. `body` replaces the message's, as for a transcript. */
  record(key: string, message: InboundMessage, limit: number, body?: string): void {
    const entry: GroupHistoryEntry = {
      sender: senderLabel(message.sender),
      body: body ?? message.body,
      messageId: message.id,
      author: message.sender,
    };
    if (message.timestamp !== undefined) entry.timestamp = message.timestamp;
    if (message.media)
      entry.media = [{ path: message.file?.path, contentType: message.media.contentType, kind: message.media.kind }];
    createChannelHistoryWindow({ historyMap: this.#entries }).record({ historyKey: key, limit, entry });
  }

  /** The messages since the last answer, oldest first. */
  pending(key: string): GroupHistoryEntry[] {
    return [...(this.#entries.get(key) ?? [])];
  }

  clear(key: string): void {
    this.#entries.set(key, []);
  }

  /** An edit replaces what a message said; a deletion (no body) removes it. In whichever group it is. */
  change(messageId: string, group: string, body: string | undefined): void {
    for (const [key, entries] of this.#entries) {
      if (!key.includes(group)) continue;
      const index = entries.findIndex((entry) => entry.messageId === messageId);
      const entry = entries[index];
      if (!entry) continue;
      if (body === undefined) entries.splice(index, 1);
      else entries[index] = { ...entry, body };
    }
  }

  /** Notes the name of a group's member, for the list of members. */
  noteMember(key: string, person: Person): void {
    const id = personId(person);
    if (!id || !person.name) return;
    const names = this.#names.get(key) ?? new Map<string, string>();
    names.set(id, person.name);
    this.#names.set(key, names);
  }

  /** The members of a group, with the names of those who have written. */
  members(key: string, ids: readonly string[] | undefined, fallback: string | undefined): string | undefined {
    const names = this.#names.get(key);
    const all = new Set([...(ids ?? []), ...(names?.keys() ?? [])].map((id) => normalizeTarget(id) ?? id));
    if (all.size === 0 && fallback) all.add(fallback);
    if (all.size === 0) return undefined;
    return [...all].map((id) => (names?.has(id) ? `${names.get(id)} (${id})` : id)).join(", ");
  }
}

/** How many messages of a group are kept: 0 for none. */
export function historyLimit(configured: number | undefined): number {
  const usable = typeof configured === "number" && Number.isFinite(configured) && configured < Number.MAX_SAFE_INTEGER;
  return Math.min(Math.max(0, Math.trunc(usable ? configured : DEFAULT_LIMIT)), MAX_LIMIT);
}

/** "Ann (+15550100123)" */
export function senderLabel(person: Person): string {
  const id = personId(person);
  if (person.name && person.phone) return `${person.name} (${person.phone})`;
  return person.name ?? id ?? "Unknown";
}
