import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import type { Account } from "../config/account.js";

type Plugin = ChannelPlugin<Account>;
export const outbound: NonNullable<Plugin["outbound"]> = { deliveryMode: "gateway" };
export const message: Plugin["message"] = undefined;
export const actions: Plugin["actions"] = undefined;
export const heartbeat: Plugin["heartbeat"] = undefined;
export const messaging: Plugin["messaging"] = {};
export const bindings: Plugin["bindings"] = undefined;
export const agentPrompt: Plugin["agentPrompt"] = undefined;
export const approvalCapability: Plugin["approvalCapability"] = undefined;
export const threading = undefined;
