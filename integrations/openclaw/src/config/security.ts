/** Warnings about who may write, and the repair that `openclaw security audit --fix` offers. */
import { DEFAULT_ACCOUNT_ID, type OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import { readChannelAllowFromStore } from "openclaw/plugin-sdk/channel-pairing";
import {
  collectOpenGroupPolicyRouteAllowlistWarnings,
  createAllowlistProviderGroupPolicyWarningCollector,
  createConditionalWarningCollector,
} from "openclaw/plugin-sdk/channel-policy";
import type { Account } from "./account.js";
import { resolveDmPolicy } from "./adapter.js";
import { CHANNEL_ID, channelSettings } from "./settings.js";

type Security = NonNullable<ChannelPlugin<Account>["security"]>;

interface Context {
  account: Account;
  accountId?: string | null;
  cfg: OpenClawConfig;
}

const GROUP_FIELDS = ["groupPolicy", "groupAllowFrom", "groups"] as const;

/** Where the groups of an account are configured: its own entry, else the default account's, else the root. */
export function groupBasePath(cfg: OpenClawConfig, accountId: string | null | undefined): string {
  const accounts = channelSettings(cfg)?.accounts ?? {};
  const wanted = (accountId?.trim() || DEFAULT_ACCOUNT_ID).toLowerCase();
  for (const id of [wanted, DEFAULT_ACCOUNT_ID]) {
    const [key, entry] = Object.entries(accounts).find(([name]) => name.trim().toLowerCase() === id) ?? [];
    if (entry && GROUP_FIELDS.some((field) => entry[field] !== undefined))
      return `channels.${CHANNEL_ID}.accounts.${key}`;
  }
  return `channels.${CHANNEL_ID}`;
}

const openGroups = createAllowlistProviderGroupPolicyWarningCollector<Context>({
  providerConfigPresent: (cfg) => channelSettings(cfg) !== undefined,
  resolveGroupPolicy: ({ account }) => account.settings.groupPolicy,
  collect: ({ account, accountId, cfg, groupPolicy }) => {
    const base = groupBasePath(cfg, accountId);
    const paths = { groupPolicyPath: `${base}.groupPolicy`, groupAllowFromPath: `${base}.groupAllowFrom` };
    const surface = "WhatsApp groups";
    return collectOpenGroupPolicyRouteAllowlistWarnings({
      groupPolicy,
      routeAllowlistConfigured: Object.keys(account.settings.groups ?? {}).length > 0,
      restrictSenders: { surface, openScope: "any member in allowed groups", ...paths },
      noRouteAllowlist: { surface, routeAllowlistPath: `${base}.groups`, routeScope: "group", ...paths },
    });
  },
});

/** Groups that are open to everyone get the people who have paired as their senders. */
async function applyConfigFixes({ cfg, env }: { cfg: OpenClawConfig; env: NodeJS.ProcessEnv }) {
  const paired = await readChannelAllowFromStore(CHANNEL_ID, env, DEFAULT_ACCOUNT_ID).catch(() => []);
  const entries = [...new Set(paired.map((entry) => entry.trim()).filter(Boolean))];
  const changes: string[] = [];
  const fixed = structuredClone(cfg);
  const root = channelSettings(fixed);
  if (!root || entries.length === 0) return { config: cfg, changes };
  const close = (
    path: string,
    section: { groupPolicy?: string; allowFrom?: unknown[]; groupAllowFrom?: string[] } | undefined,
  ) => {
    if (section?.groupPolicy !== "open" || section.allowFrom?.length || section.groupAllowFrom?.length) return;
    section.groupAllowFrom = entries;
    changes.push(`${path}.groupAllowFrom=pairing-store`);
  };
  close(`channels.${CHANNEL_ID}`, root);
  for (const [id, account] of Object.entries(root.accounts ?? {}))
    close(`channels.${CHANNEL_ID}.accounts.${id}`, account);
  return { config: changes.length > 0 ? fixed : cfg, changes };
}

export const security: Security = {
  applyConfigFixes,
  resolveDmPolicy,
  collectWarnings: createConditionalWarningCollector.findings<Context>({
    collectWarnings: openGroups,
    checkId: `channels.${CHANNEL_ID}.groups.open`,
    severity: "warn",
    title: "WhatsApp security warning",
  }),
};
