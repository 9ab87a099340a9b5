/**
 * Repairs of old configurations, for `openclaw doctor --fix`. The gateway loads this file by its name.
 *
 * The official channel's plugin has the same repairs: without them a configuration that only that plugin could repair would
 * be refused once it is replaced.
 */
import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { defineChannelAliasMigration } from "openclaw/plugin-sdk/runtime-doctor-migrations";
import { hasRetiredKey, moveAckReaction, RETIRED_KEYS, removeRetiredKeys } from "./config/retired.js";
import { CHANNEL_ID } from "./config/settings.js";

const streaming = defineChannelAliasMigration({
  channelId: CHANNEL_ID,
  streaming: { defaultMode: "partial", deliveryOnly: true },
  accountStreamingInheritsDefaultAccount: true,
});

const RUN = 'Run "openclaw doctor --fix".';

function rulesFor(key: string, problem: string) {
  const some = (value: unknown) =>
    typeof value === "object" && value !== null && Object.values(value).some((account) => hasRetiredKey(account, key));
  return [
    { path: ["channels", CHANNEL_ID, key], message: `channels.${CHANNEL_ID}.${key} ${problem} ${RUN}` },
    {
      path: ["channels", CHANNEL_ID, "accounts"],
      message: `channels.${CHANNEL_ID}.accounts.<id>.${key} ${problem} ${RUN}`,
      match: some,
    },
  ];
}

/** Settings that have another place now. */
export const legacyConfigRules = [
  ...streaming.legacyConfigRules,
  ...rulesFor("ackReaction", "moved to messages.ackReaction and messages.ackReactionScope."),
  ...RETIRED_KEYS.flatMap((key) => rulesFor(key, "is retired and has no effect.")),
];

/** Returns the repaired configuration, with a line for each change. */
export function normalizeCompatibilityConfig({ cfg }: { cfg: OpenClawConfig }): {
  config: OpenClawConfig;
  changes: string[];
} {
  const changes: string[] = [];
  const moved = moveAckReaction(structuredClone(cfg), changes);
  return streaming.normalizeChannelConfig({ cfg: removeRetiredKeys(moved, changes), changes });
}
