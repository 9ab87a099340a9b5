import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";

/** The channel id is the official one: configuration, sessions and pairings of an existing gateway continue. */
export const CHANNEL_ID = "whatsapp";

/** Id of the plugin, which owns the channel. */
export const PLUGIN_ID = "openclaw-agent";

type OfficialRoot = NonNullable<NonNullable<OpenClawConfig["channels"]>["whatsapp"]>;
type OfficialAccount = NonNullable<NonNullable<OfficialRoot["accounts"]>[string]>;

/** Where the agent of an account is, as written in the configuration. */
export interface AgentSettings {
  /** Path of the agent's unix socket. */
  socket?: string;
  /** "host:port" of the agent's network listener. */
  address?: string;
  /** Folder of `openclawctl context export --pem`, or the paths of its three files. */
  keys?: string | { ca: string; cert: string; key: string };
  /** Name of the gateway's position in the agent's events. */
  consumer?: string;
}

/** Which message actions the assistant may use: the official ones, and those that only this channel has. */
type Actions = NonNullable<OfficialRoot["actions"]> & { edit?: boolean; unsend?: boolean };

/** The settings of one account: the official keys, and `agent`. */
export type Settings = OfficialAccount & { actions?: Actions; agent?: AgentSettings };

/** `channels.whatsapp`. */
export type ChannelSettings = Omit<OfficialRoot, "accounts" | "actions"> & {
  actions?: Actions;
  agent?: AgentSettings;
  accounts?: Record<string, Settings>;
};

/** Reads `channels.whatsapp`, which the gateway has validated with the manifest's schema. */
export function channelSettings(cfg: OpenClawConfig): ChannelSettings | undefined {
  return cfg.channels?.[CHANNEL_ID] as ChannelSettings | undefined;
}
