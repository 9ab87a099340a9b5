import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { CHANNEL_ID } from "./settings.js";

/** Keys of older official versions that have no effect any more. */
export const RETIRED_KEYS: readonly string[] = ["exposeErrorText"];

type Section = Record<string, unknown>;

interface AckReaction {
  emoji?: string;
  direct?: boolean;
  group?: "always" | "mentions" | "never";
}

/** Whether an account's settings have `key`. */
export function hasRetiredKey(account: unknown, key: string): boolean {
  return isSection(account) && account[key] !== undefined;
}

/** Removes the retired keys from `cfg`. */
export function removeRetiredKeys(cfg: OpenClawConfig, changes: string[]): OpenClawConfig {
  for (const [path, section] of sections(cfg))
    for (const key of RETIRED_KEYS)
      if (section[key] !== undefined) {
        delete section[key];
        changes.push(`Removed ${path}.${key}, which has no effect any more.`);
      }
  return cfg;
}

/**
 * Moves `ackReaction` to the settings for all channels. What those already say wins: they may be meant for other channels.
 */
export function moveAckReaction(cfg: OpenClawConfig, changes: string[]): OpenClawConfig {
  for (const [path, section] of sections(cfg)) {
    const ack = section.ackReaction as AckReaction | undefined;
    if (!isSection(ack)) continue;
    cfg.messages ??= {};
    const { emoji, scope } = { emoji: ack.emoji, scope: scopeOf(ack) };
    if (emoji !== undefined) cfg.messages.ackReaction ??= emoji;
    if (scope) cfg.messages.ackReactionScope ??= scope;
    delete section.ackReaction;
    changes.push(`Moved ${path}.ackReaction to messages.ackReaction and messages.ackReactionScope.`);
    const differs =
      (scope && scope !== cfg.messages.ackReactionScope) || (emoji !== undefined && emoji !== cfg.messages.ackReaction);
    if (differs || !scope)
      changes.push(
        `${path}.ackReaction cannot be expressed exactly for all channels: review messages.ackReaction and messages.ackReactionScope.`,
      );
  }
  return cfg;
}

type Scope = NonNullable<NonNullable<OpenClawConfig["messages"]>["ackReactionScope"]>;

/** The scope for all channels; direct chats together with mentions in groups have none. */
function scopeOf({ direct = true, group = "mentions" }: AckReaction): Scope | undefined {
  if (direct) return group === "always" ? "all" : group === "never" ? "direct" : undefined;
  return group === "always" ? "group-all" : group === "mentions" ? "group-mentions" : "off";
}

function sections(cfg: OpenClawConfig): [string, Section][] {
  const root = cfg.channels?.[CHANNEL_ID] as unknown;
  if (!isSection(root)) return [];
  const base = `channels.${CHANNEL_ID}`;
  const accounts = isSection(root.accounts) ? Object.entries(root.accounts) : [];
  const nested = accounts.flatMap(([id, value]): [string, Section][] =>
    isSection(value) ? [[`${base}.accounts.${id}`, value]] : [],
  );
  return [[base, root], ...nested];
}

function isSection(value: unknown): value is Section & AckReaction {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
