import type { ChannelGatewayContext } from "openclaw/plugin-sdk/channel-contract";
import type { Account } from "../config/account.js";

export async function monitorAccount(_ctx: ChannelGatewayContext<Account>): Promise<void> {
  throw new Error("not written yet");
}
