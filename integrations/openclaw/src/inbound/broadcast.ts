import { resolveGroupThreadConfig, runGroupThread } from "openclaw/plugin-sdk/channel-inbound";
import {
  buildAgentMainSessionKey,
  buildAgentSessionKey,
  DEFAULT_MAIN_KEY,
  deriveLastRoutePolicy,
  type ResolvedAgentRoute,
} from "openclaw/plugin-sdk/routing";
import { CHANNEL_ID } from "../config/settings.js";
import { groupSessionKey } from "./activation.js";
import { runTurn, type TurnRequest } from "./turn.js";

/** Has each agent of a `broadcast` entry answer a message. */
export async function broadcast(request: TurnRequest): Promise<void> {
  const { scope, cfg, message, route, historyKey } = request;
  const peerId = message.conversationId;
  const group = resolveGroupThreadConfig({ cfg, channel: CHANNEL_ID, peerId });
  if (!group) return;
  const isGroup = message.kind === "group";
  const history = isGroup ? scope.histories.pending(historyKey) : undefined;
  // Reactions are one for each message, and not one for each agent.
  const { status, ack: _ack, ...turn } = request;
  status?.cancelPending();
  await status?.clear();
  await runGroupThread({
    cfg,
    group,
    channel: CHANNEL_ID,
    accountId: route.accountId,
    peerId,
    messageId: message.id,
    text: [message.body, request.transcript].filter(Boolean).join("\n"),
    onError: (error, { agentId }) =>
      scope.log.error(`broadcast agent ${agentId} failed: ${error instanceof Error ? error.name : "error"}`),
    runTurn: async ({ agentId, round }) =>
      runTurn({
        ...turn,
        route: routeOf(request, agentId),
        ...(isGroup ? { history: round === 1 ? history : [] } : {}),
        keepHistory: true,
        ackSent: request.ackSent === true || round > 1,
      }),
  });
  if (isGroup) scope.histories.clear(historyKey);
}

function routeOf({ cfg, message, route }: TurnRequest, agentId: string): ResolvedAgentRoute {
  const sessionKey = buildAgentSessionKey({
    agentId,
    channel: CHANNEL_ID,
    accountId: route.accountId,
    peer: { kind: message.kind, id: message.conversationId },
    dmScope: cfg.session?.dmScope,
    identityLinks: cfg.session?.identityLinks,
  });
  const mainSessionKey = buildAgentMainSessionKey({ agentId, mainKey: DEFAULT_MAIN_KEY });
  return {
    ...route,
    agentId,
    sessionKey: groupSessionKey(sessionKey, route.accountId),
    mainSessionKey,
    lastRoutePolicy: deriveLastRoutePolicy({ sessionKey, mainSessionKey }),
  };
}
