import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import {
  buildMentionRegexes,
  implicitMentionKindWhen,
  resolveInboundMentionDecision,
} from "openclaw/plugin-sdk/channel-inbound";
import { resolveChannelGroups, resolveChannelGroupsConfigPath } from "openclaw/plugin-sdk/channel-policy";
import { hasControlCommand } from "openclaw/plugin-sdk/command-detection";
import { createDedupeCache } from "openclaw/plugin-sdk/dedupe-runtime";
import { formatAudioTranscriptForAgent } from "openclaw/plugin-sdk/media-understanding-runtime";
import { parseActivationCommand } from "openclaw/plugin-sdk/reply-runtime";
import { CHANNEL_ID } from "../config/settings.js";
import { activationOf } from "./activation.js";
import type { InboundMessage } from "./facts.js";
import { historyLimit } from "./history.js";
import { isMentioned, withoutMentions } from "./mentions.js";
import { groupAdmission, isOwner, isSelf, type Policy, resolvePolicy } from "./policy.js";
import type { Scope } from "./scope.js";

/** What the gate of a group lets through. */
export type Gate =
  | { open: true; wasMentioned: boolean; requireMention: boolean }
  /** `needsTranscript`: what was said in the voice message decides. */
  | { open: false; needsTranscript?: boolean };

/** Each group is warned about once: a busy group would fill the log. */
const warned = createDedupeCache({ ttlMs: 0, maxSize: 100 });

export interface GateRequest {
  scope: Scope;
  cfg: OpenClawConfig;
  message: InboundMessage;
  agentId: string;
  sessionKey: string;
  historyKey: string;
  /** What was said in a voice message without text. */
  transcript?: string;
  /** There may be a transcript later: do not decide against the message yet. */
  mayTranscribe?: boolean;
}

/** Decides whether a message of a group is for the account, and keeps it as context if it is not. */
export async function gate(request: GateRequest): Promise<Gate> {
  const { scope, cfg, message } = request;
  const { self } = scope;
  const policy = resolvePolicy(cfg, scope.account(), self);
  const group = groupAdmission(policy, message.conversationId);
  if (!group.listed) return refuseUnlisted(request);
  scope.histories.noteMember(request.historyKey, message.sender);

  const text = request.transcript ?? message.commandBody;
  const patterns = buildMentionRegexes(cfg, request.agentId, {
    provider: CHANNEL_ID,
    conversationId: message.conversationId,
    providerPolicy: policy.settings.mentionPatterns,
  });
  const command = withoutMentions(text, patterns, self);
  const owner = isOwner(policy, self, message.sender);
  if (parseActivationCommand(command).hasCommand && !owner) return keepAsContext(request, policy);

  const decision = await decide(request, policy, { text, patterns, requireMention: group.requireMention });
  const bypass = owner && hasControlCommand(command, cfg);
  if (bypass || !decision.skip)
    return { open: true, wasMentioned: decision.wasMentioned || bypass, requireMention: decision.requireMention };
  if (request.mayTranscribe) return { open: false, needsTranscript: true };
  warnUnmentioned(request);
  return keepAsContext(request, policy);
}

async function decide(
  request: GateRequest,
  policy: Policy,
  facts: { text: string; patterns: RegExp[]; requireMention: boolean },
): Promise<{ wasMentioned: boolean; requireMention: boolean; skip: boolean }> {
  const { scope, cfg, message } = request;
  const { self } = scope;
  const activation = await activationOf({
    cfg,
    accountId: scope.accountId,
    agentId: request.agentId,
    sessionKey: request.sessionKey,
    requireMention: facts.requireMention,
  });
  const requireMention = activation !== "always";
  // On a personal number, the owner's reply to an own message is not one to the assistant.
  const ownReply = policy.settings.selfChatMode === true && isSelf(self, message.sender);
  const repliesToSelf = !ownReply && isSelf(self, message.quote?.sender);
  const decision = resolveInboundMentionDecision({
    facts: {
      canDetectMention: true,
      wasMentioned: isMentioned({ text: facts.text, mentions: message.mentions, self, patterns: facts.patterns }),
      implicitMentionKinds: implicitMentionKindWhen("quoted_bot", repliesToSelf),
    },
    policy: {
      isGroup: true,
      requireMention,
      allowTextCommands: false,
      hasControlCommand: false,
      commandAuthorized: false,
    },
  });
  return { wasMentioned: decision.effectiveWasMentioned, requireMention, skip: requireMention && decision.shouldSkip };
}

function keepAsContext(request: GateRequest, policy: Policy): Gate {
  const { scope, cfg, message, transcript } = request;
  const body = transcript === undefined ? undefined : formatAudioTranscriptForAgent(transcript);
  const limit = groupHistoryLimit(cfg, policy);
  scope.histories.record(request.historyKey, message, limit, body);
  return { open: false };
}

/** `historyLimit` of the account, else the gateway's for groups. */
export function groupHistoryLimit(cfg: OpenClawConfig, policy: Policy): number {
  return historyLimit(policy.settings.historyLimit ?? cfg.messages?.groupChat?.historyLimit);
}

function refuseUnlisted(request: GateRequest): Gate {
  const path = groupsPath(request);
  warnOnce(
    request,
    "not listed",
    `group ${request.message.conversationId} is not in ${path}: add it there, or "*" for all groups`,
  );
  return { open: false };
}

function warnUnmentioned(request: GateRequest): void {
  const { conversationId } = request.message;
  warnOnce(
    request,
    "no mention",
    `group ${conversationId}: messages without a mention are only kept as context; ` +
      `send /activation always there, or set ${groupsPath(request)}[${JSON.stringify(conversationId)}].requireMention to false`,
  );
}

function groupsPath({ scope, cfg }: GateRequest): string {
  const { accountId } = scope;
  const groups = resolveChannelGroups(cfg, CHANNEL_ID, accountId);
  return resolveChannelGroupsConfigPath({ cfg, channel: CHANNEL_ID, accountId, groups });
}

function warnOnce({ scope, message }: GateRequest, reason: string, text: string): void {
  if (!warned.check(JSON.stringify([scope.accountId, message.conversationId, reason]))) scope.log.warn(text);
}
