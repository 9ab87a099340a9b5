import { createHash } from "node:crypto";
import { AgentError } from "@openclaw-agent/client";
import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { resolveIdentityNamePrefix } from "openclaw/plugin-sdk/agent-runtime";
import type { StatusReactionController } from "openclaw/plugin-sdk/channel-feedback";
import type { ChannelInboundTurnPlan } from "openclaw/plugin-sdk/channel-inbound";
import {
  createChannelMessageReplyPipeline,
  resolveChannelMessageSourceReplyDeliveryMode,
  resolveChannelStreamingBlockEnabled,
} from "openclaw/plugin-sdk/channel-outbound";
import { getAgentScopedMediaLocalRoots } from "openclaw/plugin-sdk/media-runtime";
import { questionGatewayRuntime } from "openclaw/plugin-sdk/question-gateway-runtime";
import { resolveSendableOutboundReplyParts } from "openclaw/plugin-sdk/reply-payload";
import { CHANNEL_ID, channelSettings } from "../config/settings.js";
import { deliverReply, startTyping } from "../outbound/index.js";
import type { TurnContext } from "./context.js";
import type { InboundMessage } from "./facts.js";
import { HeldMedia } from "./held-media.js";
import type { Scope } from "./scope.js";

/** The status code of gRPC. */
const ALREADY_EXISTS = 6;

type Plan = ChannelInboundTurnPlan;
type Delivery = Plan["delivery"];
type Payload = Parameters<Delivery["deliver"]>[0];
type Info = Parameters<NonNullable<Delivery["onDelivered"]>>[1];
type Result = NonNullable<Awaited<ReturnType<Delivery["deliver"]>>>;

export interface ReplyRequest {
  scope: Scope;
  cfg: OpenClawConfig;
  message: InboundMessage;
  agentId: string;
  context: TurnContext;
  isSelfChat: boolean;
  /** The message is a command, which the gateway answers by itself. */
  isCommand: boolean;
  status: StatusReactionController | null;
}

/** How the answer of a turn is delivered: the parts of the turn's plan that are about replies. */
export interface ReplyPlan {
  plan: Pick<Plan, "delivery" | "dispatcherOptions" | "replyOptions" | "afterRecord">;
  /** Whether something was delivered. */
  delivered(): boolean;
}

export function replyPlan(request: ReplyRequest): ReplyPlan {
  const { scope, cfg, message, agentId, status } = request;
  const { onModelSelected, ...pipeline } = createChannelMessageReplyPipeline({
    cfg,
    agentId,
    channel: CHANNEL_ID,
    accountId: scope.accountId,
  });
  const replies = new Replies(request);
  const typing = typingOf(scope, cfg, message);
  return {
    delivered: () => replies.delivered,
    plan: {
      afterRecord: () => void status?.setThinking(),
      dispatcherOptions: {
        ...pipeline,
        responsePrefix: responsePrefix(request, pipeline.responsePrefix),
        onReplyStart: typing.start,
        onIdle: typing.stop,
        onCleanup: typing.stop,
        onSettled: () => replies.settle(),
      },
      delivery: replies.delivery(),
      replyOptions: {
        ...replyPolicy(request),
        onModelSelected,
        onAgentRunStart: () => replies.noteRun(),
        ...statusOptions(status),
      },
    },
  };
}

/** What a turn delivers. Texts and final files go through the gateway's durable queue, which the agent's tokens complete. */
class Replies {
  delivered = false;
  readonly #request: ReplyRequest;
  readonly #held: HeldMedia<Payload, Result>;
  #direct = 0;
  /** An agent answers, and the gateway has recorded that it does. */
  #running = false;

  constructor(request: ReplyRequest) {
    this.#request = request;
    this.#held = new HeldMedia((payload) => this.#deliverDirectly(payload), { visibleReplySent: false });
  }

  delivery(): Delivery {
    return {
      observeMessageSent: true,
      preparePayload: (payload, info) => this.#prepare(payload, info),
      durable: (payload, info) => this.#durable(payload, info),
      deliver: (payload, info) => this.#deliver(payload, info),
      onDelivered: (payload, _info, result) => this.#noteDelivered(payload, result ?? undefined),
      onError: (error, info) =>
        this.#request.scope.log.error(
          `reply to event ${this.#request.message.seq} failed (${info.kind}): ${error instanceof Error ? error.name : "error"}`,
        ),
    };
  }

  noteRun(): void {
    this.#running = true;
  }

  /** Sends what is still held, at the end of the turn. */
  async settle(): Promise<Result> {
    if ((await this.#held.release()) > 0) this.delivered = true;
    return { visibleReplySent: this.delivered };
  }

  async #prepare(payload: Payload, info: Info): Promise<Payload | null> {
    const shown = deliverable(payload, info);
    if (!shown) return null;
    const parts = resolveSendableOutboundReplyParts(shown);
    if (!parts.hasMedia && !parts.text.trim()) return shown;
    if (!isHeld(shown, info)) await this.#held.release(parts.hasMedia ? new Set(parts.mediaUrls) : undefined);
    return shown;
  }

  #durable(payload: Payload, info: Info) {
    const parts = resolveSendableOutboundReplyParts(payload);
    if (isHeld(payload, info) || (!parts.hasMedia && !parts.text.trim()) || this.#answersCommand) return false as const;
    const { scope, cfg, message } = this.#request;
    const { text } = scope.runtime.channel;
    return {
      to: message.conversationId,
      replyToId: this.#replyToId(payload, info),
      formatting: {
        textLimit: text.resolveTextChunkLimit(cfg, CHANNEL_ID),
        tableMode: text.resolveMarkdownTableMode({ cfg, channel: CHANNEL_ID, accountId: scope.accountId }),
        chunkMode: text.resolveChunkMode(cfg, CHANNEL_ID, scope.accountId),
      },
    };
  }

  /**
   * The gateway keeps no record of a command that it has answered. After a crash between the answer and the end of the turn the
   * command arrives again, so its answer has a token that names the event: it is sent once, though it may read differently.
   */
  get #answersCommand(): boolean {
    return this.#request.isCommand && !this.#running;
  }

  /** A final answer to a message that replies to something quotes that message, so that the thread can be followed. */
  #replyToId(payload: Payload, info: Info): string | null {
    if (payload.replyToId === null) return null;
    const explicit = payload.replyToId?.trim();
    if (explicit) return explicit;
    const { context, message } = this.#request;
    const threaded = Boolean(context.ReplyToId?.trim() || context.ReplyToIdFull?.trim());
    return info.kind === "final" && threaded ? message.id : null;
  }

  async #deliver(payload: Payload, info: Parameters<Delivery["deliver"]>[1]): Promise<Result> {
    const parts = resolveSendableOutboundReplyParts(payload);
    if (!parts.hasMedia && !parts.text.trim()) return { visibleReplySent: false };
    if (isHeld(payload, info))
      return { visibleReplySent: false, finalization: this.#held.hold(payload, parts.mediaUrls) };
    return this.#deliverDirectly(payload);
  }

  async #deliverDirectly(payload: Payload): Promise<Result> {
    const { scope, cfg, message, agentId } = this.#request;
    this.#direct += 1;
    const token = `in-${message.seq}-${this.#direct}`;
    try {
      const sent = await deliverReply({
        cfg,
        account: scope.account(),
        to: message.conversationId,
        payload,
        token: this.#answersCommand ? token : `${token}-${digest(payload)}`,
        replyToId: payload.replyToId ?? null,
        mediaLocalRoots: getAgentScopedMediaLocalRoots(cfg, agentId),
        signal: scope.signal,
      });
      if (sent.messageIds.length > 0) this.delivered = true;
      return { ...sent, visibleReplySent: sent.messageIds.length > 0 };
    } catch (error) {
      if (!this.#answersCommand || !wasAnswered(error)) throw error;
      scope.log.debug(`command of event ${message.seq} was answered before`);
      this.delivered = true;
      return { visibleReplySent: true };
    }
  }

  #noteDelivered(payload: Payload, result: Result | undefined): void {
    if (result?.visibleReplySent === false) return;
    this.delivered = true;
    this.#held.supersede(resolveSendableOutboundReplyParts(payload).mediaUrls);
  }
}

/**
 * What of a payload the chat gets: no reasoning, no notices, of tools only the files and the questions of `ask_user`, errors only as
 * the last word.
 */
export function deliverable(payload: Payload, info: { kind: string }): Payload | null {
  if (payload.isReasoning === true || payload.isCompactionNotice === true) return null;
  if (payload.isError === true && info.kind !== "final") return null;
  if (info.kind !== "tool" || questionGatewayRuntime.readAskUserQuestionId(payload)) return payload;
  return resolveSendableOutboundReplyParts(payload).hasMedia ? { ...payload, text: undefined } : null;
}

function isHeld(payload: Payload, info: { kind: string }): boolean {
  const parts = resolveSendableOutboundReplyParts(payload);
  return info.kind !== "final" && parts.hasMedia && !parts.text.trim();
}

/** Whether the token of an answer was used for another text: that of the same command, before a crash. */
function wasAnswered(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (AgentError.is(cause) && cause.code === ALREADY_EXISTS) return true;
  return false;
}

/** The same payload has the same token after a restart; another one needs another. */
function digest({ text, mediaUrl, mediaUrls }: Payload): string {
  return createHash("sha256")
    .update(JSON.stringify([text, mediaUrl, mediaUrls]))
    .digest("hex")
    .slice(0, 12);
}

function typingOf(scope: Scope, cfg: OpenClawConfig, message: InboundMessage) {
  let stopTyping: (() => void) | undefined;
  return {
    // Called again and again while the turn lasts; one stream is enough.
    start: () => {
      stopTyping ??= startTyping({ cfg, account: scope.account(), to: message.conversationId });
    },
    stop: () => {
      stopTyping?.();
      stopTyping = undefined;
    },
  };
}

function responsePrefix(
  { cfg, agentId, isSelfChat }: ReplyRequest,
  fromPipeline: string | undefined,
): string | undefined {
  if (fromPipeline !== undefined) return fromPipeline;
  const configured = cfg.messages?.responsePrefix;
  if (configured === "auto") return resolveIdentityNamePrefix(cfg, agentId);
  // In the chat with oneself, both sides are the same person: the prefix tells them apart.
  return configured ?? (isSelfChat ? resolveIdentityNamePrefix(cfg, agentId) : undefined);
}

function replyPolicy({ cfg, context }: ReplyRequest): Plan["replyOptions"] {
  const isGroup = context.ChatType === "group";
  const mode = isGroup ? resolveChannelMessageSourceReplyDeliveryMode({ cfg, ctx: context }) : undefined;
  const toolOnly = mode === "message_tool_only";
  const blocks = resolveChannelStreamingBlockEnabled(channelSettings(cfg));
  return {
    suppressTyping: toolOnly && context.WasMentioned !== true,
    disableBlockStreaming: toolOnly ? true : typeof blocks === "boolean" ? !blocks : undefined,
    ...(mode ? { sourceReplyDeliveryMode: mode } : {}),
  };
}

function statusOptions(status: StatusReactionController | null): Plan["replyOptions"] {
  if (!status) return {};
  return {
    onToolStart: async ({ name }) => {
      if (name?.trim()) await status.setTool(name.trim());
      return false;
    },
    onCompactionStart: async () => {
      await status.setCompacting();
      return false;
    },
    onCompactionEnd: async () => {
      status.cancelPending();
      await status.setThinking();
      return false;
    },
  };
}
