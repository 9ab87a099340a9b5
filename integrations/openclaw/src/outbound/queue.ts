/** The gateway's queue of deliveries that did not succeed at once. */
import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { drainPendingDeliveries } from "openclaw/plugin-sdk/delivery-queue-runtime";
import { normalizeAccountId } from "openclaw/plugin-sdk/routing";
import { CHANNEL_ID } from "../config/settings.js";

type Log = Parameters<typeof drainPendingDeliveries>[0]["log"];

/** Repeats the deliveries of an account that are due; after a reconnection also those that wait for their next turn. */
export async function drainDeliveries(
  { cfg, accountId, log }: { cfg: OpenClawConfig; accountId: string; log: Log },
  { reconnected = false }: { reconnected?: boolean } = {},
): Promise<void> {
  const account = normalizeAccountId(accountId);
  await drainPendingDeliveries({
    drainKey: `${CHANNEL_ID}:${account}`,
    logLabel: `WhatsApp ${reconnected ? "reconnect" : "periodic"} drain`,
    cfg,
    log,
    selectEntry: (entry) => ({
      match: entry.channel === CHANNEL_ID && normalizeAccountId(entry.accountId) === account,
      bypassBackoff: reconnected,
    }),
  });
}
