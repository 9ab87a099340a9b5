import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import type { ChannelGatewayContext } from "openclaw/plugin-sdk/channel-contract";
import type { PluginRuntime } from "openclaw/plugin-sdk/channel-core";
import type { Link, Self } from "../agents.js";
import type { Account } from "../config/account.js";
import type { GroupNames } from "./groups.js";
import type { GroupHistories } from "./history.js";

/** A logger of the gateway. Never given message text or whole numbers. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** What everything that handles the events of one account shares. */
export interface Scope {
  readonly accountId: string;
  readonly runtime: PluginRuntime;
  readonly channelRuntime: ChannelGatewayContext<Account>["channelRuntime"];
  readonly link: Link;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly groups: GroupNames;
  readonly histories: GroupHistories;
  /** The linked account, as last reported by the agent. */
  self: Self;
  /** When the agent was last connected to, in ms. */
  connectedAt: number;
  /** The account's settings now: a change of the configuration need not restart the account. */
  account(): Account;
  /** The gateway's configuration now, with the account's settings at the channel's root. */
  cfg(): OpenClawConfig;
  /** Notes that a message was admitted. */
  noteInbound(): void;
  /** Runs something that no one waits for, but that a stop does. */
  background(task: Promise<unknown>): void;
}
