import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { type ResolvedAgentRoute, resolveInboundLastRouteSessionKey } from "openclaw/plugin-sdk/routing";
import { resolvePinnedMainDmOwnerFromAllowlist } from "openclaw/plugin-sdk/security-runtime";
import { resolveStorePath, updateLastRoute } from "openclaw/plugin-sdk/session-store-runtime";
import { CHANNEL_ID } from "../config/settings.js";
import { normalizeTarget } from "../outbound/targets.js";
import type { TurnContext } from "./context.js";
import type { InboundMessage } from "./facts.js";
import type { Policy } from "./policy.js";
import type { Scope } from "./scope.js";

type RouteContext = Parameters<typeof updateLastRoute>[0]["ctx"];

/** Notes where a session was last spoken to, which is where its heartbeats and its scheduled answers go. */
export function noteRoute(params: {
  scope: Scope;
  cfg: OpenClawConfig;
  agentId: string;
  sessionKey: string;
  accountId: string;
  to: string;
  ctx: RouteContext;
}): void {
  const { scope, cfg, agentId, sessionKey, accountId, to, ctx } = params;
  const update = updateLastRoute({
    storePath: resolveStorePath(cfg.session?.store, { agentId }),
    sessionKey,
    deliveryContext: { channel: CHANNEL_ID, to, accountId },
    ctx,
  });
  scope.background(update.catch((error) => scope.log.warn(`last route not noted: ${(error as Error).name}`)));
}

/** Notes the route of the main session, which all direct chats share, unless it is pinned to its owner. */
export function mainRouteUpdate(params: {
  scope: Scope;
  cfg: OpenClawConfig;
  message: InboundMessage;
  route: ResolvedAgentRoute;
  policy: Policy;
  context: TurnContext;
}): void {
  const { scope, cfg, message, route, policy, context } = params;
  if (message.kind === "group") return;
  const { sessionKey, mainSessionKey, agentId, accountId } = route;
  if (resolveInboundLastRouteSessionKey({ route, sessionKey }) !== mainSessionKey) return;
  const pinned = resolvePinnedMainDmOwnerFromAllowlist({
    dmScope: cfg.session?.dmScope,
    allowFrom: policy.allowFrom,
    normalizeEntry: (entry) => normalizeTarget(entry) ?? undefined,
  });
  const to = message.conversationId;
  if (pinned && pinned !== to) return;
  noteRoute({ scope, cfg, agentId, sessionKey: mainSessionKey, accountId, to, ctx: context });
}
