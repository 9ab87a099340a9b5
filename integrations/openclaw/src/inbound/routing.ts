import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import type { AckReactionHandle, StatusReactionController } from "openclaw/plugin-sdk/channel-feedback";
import { resolveGroupThreadConfig } from "openclaw/plugin-sdk/channel-inbound";
import {
  ensureConfiguredBindingRouteReady,
  resolveConfiguredBindingRoute,
} from "openclaw/plugin-sdk/conversation-runtime";
import { transcribeFirstAudio } from "openclaw/plugin-sdk/media-runtime";
import { buildGroupHistoryKey, type ResolvedAgentRoute, resolveAgentRoute } from "openclaw/plugin-sdk/routing";
import { CHANNEL_ID } from "../config/settings.js";
import { groupSessionKey } from "./activation.js";
import { broadcast } from "./broadcast.js";
import type { TurnLifecycle } from "./debounce.js";
import type { InboundMessage } from "./facts.js";
import { sendAckReaction, statusReactions } from "./feedback.js";
import { gate } from "./gating.js";
import { noteRoute } from "./last-route.js";
import { personId } from "./person.js";
import type { Scope } from "./scope.js";
import { feedbackRequest, runTurn, type TurnRequest } from "./turn.js";

/** Finds who answers an admitted message, and runs the turn. Resolves when it has ended. False if the message needs none. */
export async function routeMessage(scope: Scope, message: InboundMessage, lifecycle: TurnLifecycle): Promise<boolean> {
  const cfg = scope.cfg();
  const base = resolveAgentRoute({
    cfg,
    channel: CHANNEL_ID,
    accountId: scope.accountId,
    peer: { kind: message.kind, id: message.conversationId },
  });
  const configured = resolveConfiguredBindingRoute({
    cfg,
    route: { ...base, sessionKey: groupSessionKey(base.sessionKey, base.accountId) },
    channel: CHANNEL_ID,
    accountId: base.accountId,
    conversationId: message.conversationId,
  });
  const arrival = new Arrival({
    scope,
    cfg,
    message,
    route: configured.route,
    historyKey: historyKey(message, configured.route),
    lifecycle,
  });
  if (message.kind === "group" && !(await arrival.passGate())) return false;
  if (!(await bindingReady(scope, cfg, configured.bindingResolution))) {
    await arrival.withdrawFeedback();
    return false;
  }
  if (message.kind === "group") noteGroupRoute(arrival.request);
  await arrival.transcribe();
  const shared = configured.bindingResolution === null || configured.bindingResolution === undefined;
  if (shared && resolveGroupThreadConfig({ cfg, channel: CHANNEL_ID, peerId: message.conversationId })) {
    await broadcast(arrival.request);
    return true;
  }
  await runTurn(arrival.request);
  return true;
}

function historyKey(message: InboundMessage, route: ResolvedAgentRoute): string {
  if (message.kind === "direct") return route.sessionKey;
  const { accountId } = route;
  return buildGroupHistoryKey({ channel: CHANNEL_ID, accountId, peerKind: "group", peerId: message.conversationId });
}

/** A conversation that is bound to a coding session waits for nothing else: without the session, nothing answers. */
async function bindingReady(
  scope: Scope,
  cfg: OpenClawConfig,
  bindingResolution: Parameters<typeof ensureConfiguredBindingRouteReady>[0]["bindingResolution"],
): Promise<boolean> {
  if (!bindingResolution) return true;
  const ready = await ensureConfiguredBindingRouteReady({ cfg, bindingResolution });
  if (!ready.ok) scope.log.warn(`configured ACP binding unavailable: ${ready.error}`);
  return ready.ok;
}

function noteGroupRoute({ scope, cfg, message, route }: TurnRequest): void {
  const { agentId, sessionKey, accountId } = route;
  const group = message.conversationId;
  noteRoute({
    scope,
    cfg,
    agentId,
    sessionKey,
    accountId,
    to: group,
    ctx: {
      From: group,
      To: scope.self.phone ?? "me",
      SessionKey: sessionKey,
      AccountId: accountId,
      ChatType: "group",
      ConversationLabel: group,
      GroupSubject: message.groupName,
      SenderName: message.sender.name,
      SenderId: personId(message.sender),
      SenderE164: message.sender.phone,
      Provider: CHANNEL_ID,
      Surface: CHANNEL_ID,
      OriginatingChannel: CHANNEL_ID,
      OriginatingTo: group,
    },
  });
}

/** A message before its turn. A voice message may have to be transcribed to know whether it is for the account. */
class Arrival {
  readonly request: TurnRequest;
  #ack: AckReactionHandle | null = null;
  #status: StatusReactionController | null = null;

  constructor(request: TurnRequest) {
    this.request = request;
  }

  /** Whether a message of a group is for the account. If not, it is kept as context. */
  async passGate(): Promise<boolean> {
    const { scope, cfg, message, route, historyKey } = this.request;
    const { agentId, sessionKey } = route;
    const facts = { scope, cfg, message, agentId, sessionKey, historyKey };
    let decision = await gate({ ...facts, mayTranscribe: this.#isSpeech() });
    if (!decision.open && decision.needsTranscript) {
      await this.transcribe();
      decision = await gate({ ...facts, transcript: this.request.transcript ?? undefined });
    }
    if (decision.open) {
      const { wasMentioned, requireMention } = decision;
      this.request.mention = { wasMentioned, requireMention };
      return true;
    }
    await this.withdrawFeedback();
    return false;
  }

  /** Transcribes a voice message without text, once. It takes a while, so the receipt is shown before. */
  async transcribe(): Promise<void> {
    if (this.request.transcript !== undefined || !this.#isSpeech()) return;
    await this.#beginFeedback();
    const { scope, cfg, message, route } = this.request;
    try {
      const transcript = await transcribeFirstAudio({
        ctx: {
          media: [{ path: message.file?.path, contentType: message.media?.contentType, kind: message.media?.kind }],
          From: message.conversationId,
          To: scope.self.phone ?? "me",
          Provider: CHANNEL_ID,
          Surface: CHANNEL_ID,
          OriginatingChannel: CHANNEL_ID,
          OriginatingTo: message.conversationId,
          AccountId: route.accountId,
        },
        cfg,
      });
      this.request.transcript = transcript ?? null;
    } catch (error) {
      scope.log.debug(`voice message ${message.seq} not transcribed: ${error instanceof Error ? error.name : "error"}`);
      this.request.transcript = null;
    }
  }

  /** Takes back what was shown of a message that is not answered after all. */
  async withdrawFeedback(): Promise<void> {
    try {
      this.#status?.cancelPending();
      await this.#status?.clear();
      if (this.#ack && (await this.#ack.ackReactionPromise)) await this.#ack.remove();
    } catch {
      this.request.scope.log.warn("a receipt could not be taken back");
    }
    this.#status = null;
    this.#ack = null;
  }

  #isSpeech(): boolean {
    const { media, file, body } = this.request.message;
    return media?.kind === "audio" && file !== undefined && !body.trim();
  }

  async #beginFeedback(): Promise<void> {
    const feedback = feedbackRequest(this.request);
    this.#status = await statusReactions(feedback);
    if (this.#status) await this.#status.setQueued();
    else this.#ack = await sendAckReaction(feedback);
    this.request.status = this.#status;
    this.request.ack = this.#ack;
    this.request.ackSent = this.#ack !== null;
  }
}
