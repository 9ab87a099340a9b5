import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { normalizeGroupActivation } from "openclaw/plugin-sdk/reply-runtime";
import { DEFAULT_ACCOUNT_ID, normalizeAccountId, resolveThreadSessionKeys } from "openclaw/plugin-sdk/routing";
import { getSessionEntry, patchSessionEntry, resolveStorePath } from "openclaw/plugin-sdk/session-store-runtime";
import { channelSettings } from "../config/settings.js";

/** When the account answers in a group: to every message, or when it is mentioned. */
export type Activation = "always" | "mention";

/** The session of a group, for an account other than the default one: the same group may be in several accounts. */
export function groupSessionKey(sessionKey: string, accountId: string): string {
  const id = normalizeAccountId(accountId);
  if (id === DEFAULT_ACCOUNT_ID || !sessionKey.includes(":group:")) return sessionKey;
  return resolveThreadSessionKeys({ baseSessionKey: sessionKey, threadId: threadIdOf(id) }).sessionKey;
}

/** The key that the group's session had before accounts had their own. Undefined for the default account. */
export function sharedSessionKey(sessionKey: string, accountId: string): string | undefined {
  const id = normalizeAccountId(accountId);
  const suffix = `:thread:${threadIdOf(id)}`;
  if (id === DEFAULT_ACCOUNT_ID || !sessionKey.includes(":group:") || !sessionKey.endsWith(suffix)) return undefined;
  return sessionKey.slice(0, -suffix.length);
}

function threadIdOf(accountId: string): string {
  return `whatsapp-account-${accountId}`;
}

/** What `/activation` has set for the session, else what the configuration says. */
export async function activationOf(params: {
  cfg: OpenClawConfig;
  accountId: string;
  agentId: string;
  sessionKey: string;
  requireMention: boolean;
}): Promise<Activation> {
  const { cfg, accountId, agentId, sessionKey } = params;
  const store = { storePath: resolveStorePath(cfg.session?.store, { agentId }), agentId };
  const own = getSessionEntry({ ...store, sessionKey });
  const sharedKey = sharedSessionKey(sessionKey, accountId);
  const shared = sharedKey ? getSessionEntry({ ...store, sessionKey: sharedKey }) : undefined;
  const isDefault = normalizeAccountId(accountId) === DEFAULT_ACCOUNT_ID;
  // An entry with nothing but an activation was left by another account, when they shared the session.
  const inherited = isDefault && hasNamedAccounts(cfg) && isActivationOnly(own);
  const activation = (inherited ? undefined : own?.groupActivation) ?? shared?.groupActivation;
  if (activation !== undefined && own && own.groupActivation === undefined)
    await patchSessionEntry({
      ...store,
      sessionKey,
      replaceEntry: true,
      update: (entry) => (entry.groupActivation === undefined ? { ...entry, groupActivation: activation } : null),
    });
  return normalizeGroupActivation(activation) ?? (params.requireMention ? "mention" : "always");
}

function hasNamedAccounts(cfg: OpenClawConfig): boolean {
  return Object.keys(channelSettings(cfg)?.accounts ?? {}).some((id) => normalizeAccountId(id) !== DEFAULT_ACCOUNT_ID);
}

function isActivationOnly(entry: ReturnType<typeof getSessionEntry>): boolean {
  return (
    entry?.groupActivation !== undefined && typeof entry.sessionId !== "string" && typeof entry.updatedAt !== "number"
  );
}
