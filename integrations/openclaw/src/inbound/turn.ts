import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import type { AckReactionHandle, StatusReactionController } from "openclaw/plugin-sdk/channel-feedback";
import {
  type hasVisibleInboundReplyDispatch,
  readAgentRunTerminalOutcome,
  resolveInboundSessionEnvelopeContext,
} from "openclaw/plugin-sdk/channel-inbound";
import { isControlCommandMessage, shouldComputeCommandAuthorized } from "openclaw/plugin-sdk/command-detection";
import { resolveChannelContextVisibilityMode } from "openclaw/plugin-sdk/config-runtime";
import { formatAudioTranscriptForAgent } from "openclaw/plugin-sdk/media-understanding-runtime";
import type { ResolvedAgentRoute } from "openclaw/plugin-sdk/routing";
import { CHANNEL_ID } from "../config/settings.js";
import { type AccessRequest, type IngressAccess, resolveAccess } from "./access.js";
import { buildTurnContext, type TurnContext } from "./context.js";
import type { TurnLifecycle } from "./debounce.js";
import type { InboundMessage } from "./facts.js";
import { type FeedbackRequest, sendAckReaction, statusReactions } from "./feedback.js";
import { groupHistoryLimit } from "./gating.js";
import type { GroupHistoryEntry } from "./history.js";
import { emitMessageReceived } from "./hooks.js";
import { mainRouteUpdate } from "./last-route.js";
import { messageLine, visibleHistory, visibleQuote, withHistory } from "./line.js";
import { type Person, personId } from "./person.js";
import { type Policy, resolvePolicy, systemPromptOf } from "./policy.js";
import { replyPlan } from "./replies.js";
import type { Scope } from "./scope.js";

/** A message that is for the account, with the agent that answers it. */
export interface TurnRequest {
  scope: Scope;
  cfg: OpenClawConfig;
  message: InboundMessage;
  route: ResolvedAgentRoute;
  historyKey: string;
  mention?: { wasMentioned: boolean; requireMention: boolean };
  /** What was said in a voice message. Null: the transcription failed, do not try again. */
  transcript?: string | null;
  lifecycle?: TurnLifecycle;
  /** The group's history, if it is not to be read and cleared here. */
  history?: readonly GroupHistoryEntry[];
  keepHistory?: boolean;
  /** Reactions that were begun before the turn. */
  ack?: AckReactionHandle | null;
  status?: StatusReactionController | null;
  /** The message has its receipt: send no other. */
  ackSent?: boolean;
}

/** Runs the turn of a message. Resolves once the gateway has dispatched it. True if something was answered. */
export async function runTurn(request: TurnRequest): Promise<boolean> {
  const { scope, cfg, message, route } = request;
  const policy = resolvePolicy(cfg, scope.account(), scope.self);
  const access = accessRequest(request, policy);
  const prepared = await prepareContext(request, policy, access);
  const { context } = prepared;
  const status = await beginFeedback(request);
  emitMessageReceived({ cfg, accountId: scope.accountId, sessionKey: route.sessionKey, ctx: context });
  mainRouteUpdate({ scope, cfg, message, route, policy, context });
  const reply = replyPlan({
    scope,
    cfg,
    message,
    agentId: route.agentId,
    context,
    isSelfChat: message.kind === "direct" && policy.isSelfChat,
    isCommand: isControlCommandMessage(message.commandBody, cfg),
    status,
  });
  const lifecycle = request.lifecycle && replyLifecycle(request.lifecycle);
  const result = await scope.runtime.channel.inbound.run({
    channel: CHANNEL_ID,
    accountId: route.accountId,
    raw: message,
    ...(lifecycle ? { turnAdoptionLifecycle: lifecycle } : {}),
    adapter: {
      ingest: () => ({
        id: message.id,
        timestamp: message.timestamp,
        rawText: message.commandBody,
        textForAgent: prepared.bodyForAgent,
        textForCommands: message.commandBody,
        raw: message,
      }),
      preflight: () => ({ admission: admissionOf(prepared.ingress) }),
      resolveTurn: () => ({
        cfg,
        channel: CHANNEL_ID,
        accountId: route.accountId,
        route: { agentId: route.agentId, sessionKey: route.sessionKey },
        ctxPayload: context,
        dispatchReplyFromConfig: scope.runtime.channel.reply.dispatchReplyFromConfig,
        record: {
          onRecordError: (error) => scope.log.warn(`session of event ${message.seq} not recorded: ${nameOf(error)}`),
          trackSessionMetaTask: (task) => scope.background(task),
        },
        ...reply.plan,
        replyOptions: { ...reply.plan.replyOptions, ...(lifecycle ? { turnAdoptionLifecycle: lifecycle } : {}) },
      }),
    },
  });
  const answered = result.dispatched ? await finish(status, result.dispatchResult, reply.delivered()) : false;
  if (result.dispatched && message.kind === "group" && !request.keepHistory) scope.histories.clear(request.historyKey);
  return answered;
}

function accessRequest({ scope, cfg, message, route }: TurnRequest, policy: Policy): AccessRequest {
  return {
    cfg,
    accountId: route.accountId,
    policy,
    self: scope.self,
    kind: message.kind,
    conversationId: message.conversationId,
    person: accessPerson(message),
    runtime: scope.runtime,
  };
}

/** Whom the allowlists are asked about. */
export function accessPerson(message: InboundMessage): Person {
  return message.kind === "group" ? message.sender : (message.peer ?? {});
}

interface Prepared {
  context: TurnContext;
  ingress: IngressAccess;
  bodyForAgent: string;
}

async function prepareContext(request: TurnRequest, policy: Policy, access: AccessRequest): Promise<Prepared> {
  const { scope, cfg, message, route, historyKey } = request;
  const { agentId, sessionKey } = route;
  const binding = { agentId, sessionKey, messageId: message.id, inboundEventKind: "user_request" as const };
  const ingress = await resolveAccess(access, { contextBinding: binding });
  const mode = resolveChannelContextVisibilityMode({ cfg, channel: CHANNEL_ID, accountId: scope.accountId });
  const { envelopeOptions, previousTimestamp } = resolveInboundSessionEnvelopeContext({ cfg, agentId, sessionKey });
  const transcript = request.transcript ?? undefined;
  const bodyForAgent = transcript === undefined ? message.body : formatAudioTranscriptForAgent(transcript);
  const quote = visibleQuote(message, policy, mode);
  const history =
    message.kind === "group"
      ? visibleHistory([...(request.history ?? scope.histories.pending(historyKey))], policy, mode)
      : undefined;
  const line = messageLine({ message, body: bodyForAgent, quote, envelope: envelopeOptions, previousTimestamp });
  const context = buildTurnContext({
    scope,
    cfg,
    message,
    ingress,
    route,
    body: withHistory({ line, group: message.conversationId, history: history ?? [], envelope: envelopeOptions }),
    bodyForAgent,
    quote,
    history,
    historyLimit: groupHistoryLimit(cfg, policy),
    members:
      message.kind === "group"
        ? scope.histories.members(historyKey, message.groupMembers, personId(message.sender))
        : undefined,
    systemPrompt: systemPrompt(message, policy),
    command: await commandFacts(request, access),
    mention: request.mention,
    transcript,
    replyThreading: batchedThreading(message, policy),
  });
  return { context, ingress, bodyForAgent };
}

function systemPrompt(message: InboundMessage, { settings }: Policy): string | undefined {
  const prompts = message.kind === "group" ? settings.groups : settings.direct;
  return systemPromptOf(prompts, message.conversationId);
}

/** With `replyToMode: batched`, only an answer to several messages quotes the last of them. */
function batchedThreading({ batched }: InboundMessage, { settings }: Policy) {
  if (settings.replyToMode !== "batched") return undefined;
  return { implicitCurrentMessage: batched ? ("allow" as const) : ("deny" as const) };
}

async function commandFacts({ cfg, message }: TurnRequest, access: AccessRequest) {
  const body = message.commandBody;
  const kind = isControlCommandMessage(body, cfg) ? ("text-slash" as const) : ("normal" as const);
  if (!shouldComputeCommandAuthorized(body, cfg)) return { kind, body };
  if (!personId(access.person)) return { kind, body, authorized: false };
  const { commandAccess } = await resolveAccess(access, { command: true });
  return { kind, body, authorized: commandAccess.authorized };
}

async function beginFeedback(request: TurnRequest): Promise<StatusReactionController | null> {
  if (request.status) return request.status;
  const feedback = feedbackRequest(request);
  const status = request.ackSent ? null : await statusReactions(feedback);
  if (status) void status.setQueued();
  else if (!request.ack && !request.ackSent) await sendAckReaction(feedback);
  return status;
}

/** The turn, as the reactions see it. */
export function feedbackRequest({ scope, cfg, message, route, mention }: TurnRequest): FeedbackRequest {
  const { agentId, sessionKey } = route;
  return { scope, cfg, message, agentId, sessionKey, wasMentioned: mention?.wasMentioned === true };
}

function admissionOf({ ingress }: IngressAccess) {
  const reason = ingress.reasonCode;
  if (ingress.admission === "dispatch") return { kind: "dispatch" as const, reason };
  if (ingress.admission === "observe") return { kind: "observeOnly" as const, reason };
  if (ingress.admission === "skip") return { kind: "handled" as const, reason };
  return { kind: "drop" as const, reason, recordHistory: false };
}

/** The lifecycle as the dispatcher takes it: one turn for each message, never joined with another one's. */
function replyLifecycle(lifecycle: TurnLifecycle) {
  const { onAdoptionFinalizing: _finalizing, onFailed: _failed, onCancelled: _cancelled, ...rest } = lifecycle;
  return { ...rest, admission: "exclusive" as const };
}

async function finish(
  status: StatusReactionController | null,
  result: Parameters<typeof hasVisibleInboundReplyDispatch>[0],
  delivered: boolean,
): Promise<boolean> {
  const observed = (result as { observedReplyDelivery?: boolean } | undefined)?.observedReplyDelivery === true;
  const answered = delivered || observed;
  if (!status) return answered;
  const failed = readAgentRunTerminalOutcome(result) === "failed" || !answered;
  // Later than the answer: the emoji of the outcome stays a moment, then the receipt is back.
  void (failed ? status.setError() : status.setDone()).then(() => status.restoreInitial()).catch(() => {});
  return answered;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown error";
}
