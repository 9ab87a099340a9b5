/** The gateway's adapters around the link: start, login, logout. */
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import { renderQrPngDataUrl, renderQrTerminal } from "openclaw/plugin-sdk/media-runtime";
import { getRuntimeConfig } from "openclaw/plugin-sdk/runtime-config-snapshot";
import { agentOf } from "../agents.js";
import { type Account, resolveAccount } from "../config/account.js";
import { formatRefusal, refusalsOf } from "../config/refused.js";
import { monitorAccount } from "../inbound/monitor.js";
import { describe, Logins, needsReplace } from "./login.js";
import { loginOnTerminal, PHONE_VARIABLE } from "./terminal.js";

type Gateway = NonNullable<ChannelPlugin<Account>["gateway"]>;
type Auth = NonNullable<ChannelPlugin<Account>["auth"]>;

const START_TIMEOUT_MS = 30_000;
const WAIT_TIMEOUT_MS = 120_000;
const MAX_TIMEOUT_MS = 600_000;

/** The logins of this gateway; the agent's tool `whatsapp_login` uses them as well. */
export const logins = new Logins((payload) => renderQrPngDataUrl(payload));

/** Starts a QR login of an account. */
export async function startLogin(params: { accountId?: string; force?: boolean; timeoutMs?: number }) {
  const account = resolveAccount(getRuntimeConfig(), params.accountId);
  const timeoutMs = bounded(params.timeoutMs, START_TIMEOUT_MS);
  try {
    return await logins.start(account.id, agentOf(account), { force: params.force === true, timeoutMs });
  } catch (error) {
    return { message: `Linking failed: ${describe(error)}` };
  }
}

/** Waits for the result of a QR login. */
export async function waitForLogin(params: { accountId?: string; timeoutMs?: number; currentQrDataUrl?: string }) {
  const account = resolveAccount(getRuntimeConfig(), params.accountId);
  const shown = params.currentQrDataUrl;
  const options = { timeoutMs: bounded(params.timeoutMs, WAIT_TIMEOUT_MS), ...(shown ? { shown } : {}) };
  return await logins.wait(account.id, agentOf(account), options);
}

function bounded(timeoutMs: number | undefined, fallback: number): number {
  if (timeoutMs === undefined || !Number.isFinite(timeoutMs)) return fallback;
  return Math.min(Math.max(timeoutMs, 1_000), MAX_TIMEOUT_MS);
}

export const gateway: Gateway = {
  startAccount: async (ctx) => {
    for (const refusal of refusalsOf(ctx.cfg, ctx.accountId))
      ctx.log?.warn?.(`[${ctx.accountId}] ${formatRefusal(refusal)}`);
    await monitorAccount(ctx);
  },
  loginWithQrStart: startLogin,
  loginWithQrWait: waitForLogin,
  logoutAccount: async ({ account, runtime }) => {
    logins.stop(account.id);
    const link = agentOf(account);
    if (!needsReplace(await link.status({ fresh: true }))) return { cleared: false, loggedOut: false };
    const { confirmed } = await link.client.rpc.agent.unpair({});
    link.forgetStatus();
    if (!confirmed)
      runtime.log(
        "WhatsApp has not confirmed the removal: remove the device on the phone (WhatsApp → Settings → Linked devices).",
      );
    return { cleared: true, loggedOut: true, confirmed };
  },
};

export const auth: Auth = {
  login: async ({ cfg, accountId, runtime }) => {
    const account = resolveAccount(cfg, accountId);
    const phone = process.env[PHONE_VARIABLE]?.trim();
    await loginOnTerminal(
      agentOf(account),
      {
        log: (line) => runtime.log(line),
        show: (text) => void process.stdout.write(text),
        draw: (payload) => renderQrTerminal(payload, { small: true }),
        interactive: process.stdout.isTTY === true,
      },
      phone || undefined,
    );
  },
};
