/** Where an account's messages leave: its settings, and the connection to its agent. */
import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { agentOf, type Link } from "../agents.js";
import { type Account, resolveAccount } from "../config/account.js";

export interface Outlet {
  cfg: OpenClawConfig;
  accountId: string;
  account: Account;
  link: Link;
}

/** The outlet of an account. Throws NoAgentError if none is configured for it. */
export function outletOf(cfg: OpenClawConfig, accountId?: string | null): Outlet {
  const account = resolveAccount(cfg, accountId);
  return { cfg, accountId: account.id, account, link: agentOf(account) };
}
