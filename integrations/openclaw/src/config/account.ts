import {
  createAccountListHelpers,
  DEFAULT_ACCOUNT_ID,
  normalizeAccountId,
  type OpenClawConfig,
  resolveAccountEntry,
  resolveMergedAccountConfig,
} from "openclaw/plugin-sdk/account-core";
import { type Endpoint, resolveEndpoint } from "./endpoint.js";
import { type AgentSettings, CHANNEL_ID, type ChannelSettings, channelSettings, type Settings } from "./settings.js";

/** Consumer name of a gateway that does not set another: several gateways on one agent need different ones. */
export const DEFAULT_CONSUMER = "openclaw-gateway";

/** One account of the channel, which is one agent. */
export interface Account {
  id: string;
  /** The same: the gateway's helpers look for it under this name. */
  accountId: string;
  enabled: boolean;
  name?: string;
  /** Where the agent is. */
  agent: Endpoint;
  /** Name of the gateway's position in the agent's events. */
  consumer: string;
  /** The official keys, merged as the official channel merges them: root, then `accounts.default`, then the account. */
  settings: Settings;
}

const accountList = createAccountListHelpers(CHANNEL_ID, { implicitDefaultAccount: { channelKeys: ["agent"] } });

/** Ids of all accounts, also of disabled ones. */
export const listAccountIds: (cfg: OpenClawConfig) => string[] = accountList.listAccountIds;

/** The account that is meant when none is named. */
export const resolveDefaultAccountId: (cfg: OpenClawConfig) => string = accountList.resolveDefaultAccountId;

/** Resolves an account, also one that is not configured: see `agent.kind`. */
export function resolveAccount(cfg: OpenClawConfig, accountId?: string | null): Account {
  const id = accountId?.trim() || resolveDefaultAccountId(cfg);
  const root = channelSettings(cfg);
  const settings = mergeSettings(root, id);
  const own = ownEntry(root, id);
  const isDefault = normalizeAccountId(id) === DEFAULT_ACCOUNT_ID;
  // `agent` is not inherited between accounts: see resolveEndpoint.
  const agent = isDefault ? mergeAgent(root?.agent, own?.agent) : own?.agent;
  const base = agentPath(root, id);
  const account: Account = {
    id,
    accountId: id,
    enabled: settings.enabled !== false,
    agent: resolveEndpoint({ settings: agent, path: base, isDefault }),
    consumer: agent?.consumer?.trim() || root?.agent?.consumer?.trim() || DEFAULT_CONSUMER,
    settings: { ...settings, agent },
  };
  if (settings.name?.trim()) account.name = settings.name.trim();
  return account;
}

/** The path of an account's `agent` in the configuration, for messages. */
export function agentPath(root: ChannelSettings | undefined, id: string): string {
  const isDefault = normalizeAccountId(id) === DEFAULT_ACCOUNT_ID;
  const nested = !isDefault || ownEntry(root, id)?.agent !== undefined;
  return nested ? `channels.${CHANNEL_ID}.accounts.${id}.agent` : `channels.${CHANNEL_ID}.agent`;
}

/** An account that names its own agent takes nothing of the root's but the consumer. */
function mergeAgent(root: AgentSettings | undefined, own: AgentSettings | undefined): AgentSettings | undefined {
  if (own?.socket || own?.address) return { consumer: root?.consumer, ...own };
  return root || own ? { ...root, ...own } : undefined;
}

function ownEntry(root: ChannelSettings | undefined, id: string): Settings | undefined {
  return resolveAccountEntry(root?.accounts, id);
}

function mergeSettings(root: ChannelSettings | undefined, accountId: string): Settings {
  const shared = accountId === DEFAULT_ACCOUNT_ID ? undefined : sharedDefaults(root);
  return resolveMergedAccountConfig<Settings>({
    channelConfig: { ...(root as Settings | undefined), ...shared } as Settings,
    accounts: root?.accounts,
    accountId,
    omitKeys: ["defaultAccount"],
  });
}

/** `accounts.default` is inherited by the other accounts, but for what identifies it. */
function sharedDefaults(root: ChannelSettings | undefined): Partial<Settings> | undefined {
  const entry = resolveAccountEntry(root?.accounts, DEFAULT_ACCOUNT_ID);
  if (!entry) return undefined;
  const {
    enabled: _enabled,
    name: _name,
    authDir: _authDir,
    selfChatMode: _selfChatMode,
    agent: _agent,
    ...shared
  } = entry;
  return shared;
}
