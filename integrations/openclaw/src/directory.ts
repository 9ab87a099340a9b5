/** People and groups: from the configuration, or live from the agent. */
import { ChatKind, type Contact } from "@openclaw-agent/client";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import { agentOf } from "./agents.js";
import { type Account, resolveAccount } from "./config/account.js";
import { normalizeTarget } from "./outbound/targets.js";

type Directory = NonNullable<ChannelPlugin<Account>["directory"]>;
type Entry = Awaited<ReturnType<NonNullable<Directory["listPeers"]>>>[number];

/** Chats that are read for live people: the agent lists the newest first. */
const MAX_CHATS = 2_000;

/** Number where it is known, because that is how a person is addressed and allowed. */
function personId(contact: Contact | undefined): string | undefined {
  return contact?.phone || contact?.lid || undefined;
}

/** Filters by id or name, and limits: as the official channel does. */
export function select(entries: Entry[], query: string | null | undefined, limit: number | null | undefined): Entry[] {
  const wanted = query?.trim().toLowerCase();
  const found = wanted
    ? entries.filter(({ id, name }) => `${id}\n${name ?? ""}`.toLowerCase().includes(wanted))
    : entries;
  return limit && limit > 0 ? found.slice(0, limit) : found;
}

function entry(kind: Entry["kind"], id: string, name: string | undefined): Entry {
  return { kind, id, ...(name ? { name } : {}) };
}

export const directory: Directory = {
  self: async ({ cfg, accountId }) => {
    const account = resolveAccount(cfg, accountId);
    const { phone, lid } = await agentOf(account).self();
    const id = phone ?? lid;
    return id ? { ...entry("user", id, account.name), raw: { e164: phone, lid } } : null;
  },
  listPeers: async ({ cfg, accountId, query, limit }) => {
    const { settings } = resolveAccount(cfg, accountId);
    const ids = (settings.allowFrom ?? []).flatMap((raw) => normalizeTarget(raw) ?? []);
    const people = [...new Set(ids)].filter((id) => !id.endsWith("@g.us"));
    return select(
      people.map((id) => entry("user", id, undefined)),
      query,
      limit,
    );
  },
  listPeersLive: async ({ cfg, accountId, query, limit }) => {
    const { chats } = agentOf(resolveAccount(cfg, accountId)).client.rpc;
    const people: Entry[] = [];
    let pageToken = "";
    do {
      const page = await chats.listChats({ pageSize: 500, pageToken, chatKinds: [ChatKind.PERSON] });
      for (const chat of page.chats) people.push(entry("user", personId(chat.contact) ?? chat.id, chat.name));
      pageToken = page.nextPageToken;
    } while (pageToken && people.length < MAX_CHATS);
    return select(people, query, limit);
  },
  listGroups: async ({ cfg, accountId, query, limit }) => {
    const ids = Object.keys(resolveAccount(cfg, accountId).settings.groups ?? {}).filter((id) => id !== "*");
    return select(
      ids.map((id) => entry("group", id, undefined)),
      query,
      limit,
    );
  },
  listGroupsLive: async ({ cfg, accountId, query, limit }) => {
    const { groups } = agentOf(resolveAccount(cfg, accountId)).client.rpc;
    const found: Entry[] = [];
    let pageToken = "";
    do {
      const page = await groups.listGroups({ pageToken });
      for (const group of page.groups) found.push(entry("group", group.id, group.name));
      pageToken = page.nextPageToken;
    } while (pageToken);
    return select(found, query, limit);
  },
  listGroupMembers: async ({ cfg, accountId, groupId, limit }) => {
    const { groups } = agentOf(resolveAccount(cfg, accountId)).client.rpc;
    const { group } = await groups.getGroup({ group: normalizeTarget(groupId) ?? groupId });
    const members = (group?.participants ?? []).flatMap(({ contact }) => {
      const id = personId(contact);
      return id ? [entry("user", id, undefined)] : [];
    });
    return select(members, null, limit);
  },
};
