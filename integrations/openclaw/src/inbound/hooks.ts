import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import {
  createInternalHookEvent,
  deriveInboundMessageHookContext,
  fireAndForgetBoundedHook,
  toInternalMessageReceivedContext,
  toPluginMessageContext,
  toPluginMessageReceivedEvent,
  triggerInternalHook,
} from "openclaw/plugin-sdk/hook-runtime";
import { getGlobalHookRunner } from "openclaw/plugin-sdk/plugin-runtime";
import { channelSettings } from "../config/settings.js";

const LIMITS = { maxConcurrency: 8, maxQueue: 128, timeoutMs: 2_000 };

/** Shows an incoming message to other plugins. Only if the operator has opted in: it has names, numbers and text. */
export function emitMessageReceived(params: {
  cfg: OpenClawConfig;
  accountId: string;
  sessionKey: string;
  ctx: Parameters<typeof deriveInboundMessageHookContext>[0];
}): void {
  const root = channelSettings(params.cfg);
  const own = root?.accounts?.[params.accountId]?.pluginHooks?.messageReceived;
  if (!(own ?? root?.pluginHooks?.messageReceived ?? false)) return;
  const canonical = deriveInboundMessageHookContext(params.ctx);
  const runner = getGlobalHookRunner();
  if (runner?.hasHooks("message_received"))
    fireAndForgetBoundedHook(
      () => runner.runMessageReceived(toPluginMessageReceivedEvent(canonical), toPluginMessageContext(canonical)),
      "whatsapp: message_received plugin hook failed",
      undefined,
      LIMITS,
    );
  const event = createInternalHookEvent(
    "message",
    "received",
    params.sessionKey,
    toInternalMessageReceivedContext(canonical),
  );
  fireAndForgetBoundedHook(
    () => triggerInternalHook(event),
    "whatsapp: message_received internal hook failed",
    undefined,
    LIMITS,
  );
}
