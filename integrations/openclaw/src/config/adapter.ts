/** The gateway's adapters around an account's settings: accounts, who may write, groups. */
import { randomUUID } from "node:crypto";
import { describeAccountSnapshot } from "openclaw/plugin-sdk/account-helpers";
import { normalizeE164 } from "openclaw/plugin-sdk/account-resolution";
import { buildDmGroupAccountAllowlistAdapter } from "openclaw/plugin-sdk/allowlist-config-edit";
import {
  createScopedChannelConfigAdapter,
  createScopedDmSecurityResolver,
} from "openclaw/plugin-sdk/channel-config-helpers";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import {
  buildChannelGroupsScopeTree,
  resolveScopeRequireMention,
  resolveScopeToolsPolicy,
} from "openclaw/plugin-sdk/channel-policy";
import { PAIRING_APPROVED_MESSAGE } from "openclaw/plugin-sdk/channel-status";
import { agentOf } from "../agents.js";
import { normalizeAllowEntry, sendTarget } from "../outbound/targets.js";
import { type Account, listAccountIds, resolveAccount, resolveDefaultAccountId } from "./account.js";
import { CHANNEL_ID } from "./settings.js";

type Plugin = ChannelPlugin<Account>;
type Config = Plugin["config"];
type LinkCheck = NonNullable<Config["isLinked"]>;

/** How long the start of an account waits for the agent. */
const LINK_CHECK_TIMEOUT_MS = 3_000;

const isConfigured = (account: Account) => account.agent.kind !== "missing";

const notConfigured = ({ agent }: Account) =>
  agent.kind === "missing" ? `${agent.problem}: ${agent.fix}` : "not configured";

const normalizeEntries = (entries: readonly (string | number)[]) => [
  ...new Set(entries.flatMap((entry) => normalizeAllowEntry(String(entry).trim()) ?? [])),
];

/**
 * "linked", or nothing.
 *
 * The gateway does not start an account that is "not-linked", or whose state is "unknown" because the agent is away, and
 * never tries again. Ours waits for the agent and for a phone, whoever links it. Without an answer the gateway shows what
 * the account's snapshot says.
 */
const isLinked = async (account: Account) => {
  if (!isConfigured(account)) return undefined;
  const self = await agentOf(account)
    .status({ timeoutMs: LINK_CHECK_TIMEOUT_MS })
    .catch(() => undefined);
  return self?.link?.phone ? "linked" : undefined;
};

export const config: Config = {
  ...createScopedChannelConfigAdapter<Account>({
    sectionKey: CHANNEL_ID,
    listAccountIds,
    resolveAccount,
    defaultAccountId: resolveDefaultAccountId,
    clearBaseFields: ["agent"],
    allowTopLevel: false,
    resolveAllowFrom: ({ settings }) => settings.allowFrom,
    formatAllowFrom: normalizeEntries,
    resolveDefaultTo: ({ settings }) => settings.defaultTo,
  }),
  isEnabled: ({ enabled }) => enabled,
  disabledReason: () => "disabled",
  isConfigured,
  unconfiguredReason: notConfigured,
  isLinked: isLinked as unknown as LinkCheck,
  unlinkedReason: () => "not linked",
  describeAccount: (account) =>
    describeAccountSnapshot({
      account,
      configured: isConfigured(account),
      extra: { dmPolicy: account.settings.dmPolicy, allowFrom: account.settings.allowFrom },
    }),
};

/** Who may write directly. */
export const resolveDmPolicy = createScopedDmSecurityResolver<Account>({
  channelKey: CHANNEL_ID,
  resolvePolicy: ({ settings }) => settings.dmPolicy,
  resolveAllowFrom: ({ settings }) => settings.allowFrom,
  policyPathSuffix: "dmPolicy",
  normalizeEntry: (raw) => normalizeE164(raw),
  inheritSharedDefaultsFromDefaultAccount: true,
});

export const allowlist: Plugin["allowlist"] = buildDmGroupAccountAllowlistAdapter<Account>({
  channelId: CHANNEL_ID,
  resolveAccount: ({ cfg, accountId }) => resolveAccount(cfg, accountId),
  normalize: ({ values }) => normalizeEntries(values),
  resolveDmAllowFrom: ({ settings }) => settings.allowFrom,
  resolveGroupAllowFrom: ({ settings }) => settings.groupAllowFrom,
  resolveDmPolicy: ({ settings }) => settings.dmPolicy,
  resolveGroupPolicy: ({ settings }) => settings.groupPolicy,
});

export const pairing: NonNullable<Plugin["pairing"]> = {
  idLabel: "whatsappSenderId",
  normalizeAllowEntry: (entry) => normalizeAllowEntry(entry) ?? "",
  notifyApproval: async ({ cfg, id, accountId }) => {
    const { client } = agentOf(resolveAccount(cfg, accountId));
    const text = { kind: { case: "text" as const, value: { body: PAIRING_APPROVED_MESSAGE } } };
    const payload = { case: "content" as const, value: text };
    await client.send({ to: sendTarget(id), payload, clientToken: `pairing-${randomUUID()}` });
  },
};

type GroupScope = Parameters<NonNullable<NonNullable<Plugin["groups"]>["resolveToolPolicy"]>>[0];

const groupScope = (params: GroupScope) => ({
  tree: buildChannelGroupsScopeTree(params.cfg, CHANNEL_ID, params.accountId),
  path: params.groupId ? [params.groupId] : [],
});

export const groups: Plugin["groups"] = {
  resolveRequireMention: (params) => resolveScopeRequireMention(groupScope(params)),
  resolveToolPolicy: (params) =>
    resolveScopeToolsPolicy({ ...params, ...groupScope(params), messageProvider: CHANNEL_ID }),
};

export const mentions: Plugin["mentions"] = {
  /** The account's own number, with or without "@": it addresses the assistant, and says nothing. */
  stripRegexes: ({ ctx }) => {
    const self = (ctx.To ?? "").replace(/^whatsapp:/i, "");
    if (!self) return [];
    const escaped = self.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return [new RegExp(escaped, "g"), new RegExp(`@${escaped}`, "g")];
  },
};

export const commands: Plugin["commands"] = {
  enforceOwnerForCommands: true,
  preferSenderE164ForCommands: true,
  skipWhenConfigEmpty: true,
};
