import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { resolveDefaultAccountId } from "./account.js";
import { CHANNEL_ID, channelSettings } from "./settings.js";

/** A setting of the official channel that has no effect here. */
export interface Refusal {
  /** Where it is in the configuration. */
  path: string;
  /** The account that it belongs to. Undefined: all of them. */
  accountId?: string;
  /** Why it has no effect. */
  problem: string;
  /** What to do instead. */
  fix: string;
}

/** The schema's paths of all settings that `refusedSettings` may report; a test compares them with the official schema. */
export const REFUSED_PATHS: readonly string[] = ["accounts.*.authDir", "actions.calls"];

/** Finds the settings that have no effect, so that status and doctor can say so: they are accepted, and never ignored silently. */
export function refusedSettings(cfg: OpenClawConfig): Refusal[] {
  const root = channelSettings(cfg);
  const base = `channels.${CHANNEL_ID}`;
  const refusals: Refusal[] = [];
  for (const [accountId, account] of Object.entries(root?.accounts ?? {})) {
    if (!account?.authDir) continue;
    refusals.push({
      path: `${base}.accounts.${accountId}.authDir`,
      accountId,
      problem: "the session of Baileys in this folder is not used: the agent has a session of its own",
      fix: `stop every gateway that uses it, run \`openclawctl import baileys ${account.authDir}\`, then \`openclaw config unset ${base}.accounts.${accountId}.authDir\``,
    });
  }
  if (root?.actions?.calls === true)
    refusals.push({
      path: `${base}.actions.calls`,
      problem: "voice calls are not available through openclaw-agent",
      fix: `run \`openclaw config unset ${base}.actions.calls\``,
    });
  return refusals;
}

/** The refusals to report with one account: those of the whole channel go with the default account. */
export function refusalsOf(cfg: OpenClawConfig, accountId: string): Refusal[] {
  const isDefault = accountId === resolveDefaultAccountId(cfg);
  return refusedSettings(cfg).filter((refusal) => (refusal.accountId ? refusal.accountId === accountId : isDefault));
}

/** A refusal as one line. */
export function formatRefusal({ path, problem, fix }: Refusal): string {
  return `${path}: ${problem}. To fix it, ${fix}.`;
}
