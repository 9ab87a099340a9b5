import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import type { PluginRuntime } from "openclaw/plugin-sdk/channel-core";
import { createChannelPairingChallengeIssuer } from "openclaw/plugin-sdk/channel-pairing";
import { upsertChannelPairingRequest } from "openclaw/plugin-sdk/conversation-runtime";
import { warnMissingProviderGroupPolicyFallbackOnce } from "openclaw/plugin-sdk/runtime-group-policy";
import type { Self } from "../agents.js";
import { CHANNEL_ID } from "../config/settings.js";
import { normalizeTarget } from "../outbound/targets.js";
import type { InboundMessage } from "./facts.js";
import { type Person, personId } from "./person.js";
import { isSelf, type Policy } from "./policy.js";

/** Messages that are older than the connection by more than this get no pairing code: the person does not wait for it. */
const PAIRING_REPLY_MAX_AGE_MS = 30_000;

type Ingress = PluginRuntime["channel"]["inbound"]["ingress"];
type IngressParams = Parameters<Ingress["resolveStable"]>[0];

/** The gateway's decision about a sender. */
export type IngressAccess = Awaited<ReturnType<Ingress["resolveStable"]>>;
/** What a decision is bound to, once the route is known. */
export type ContextBinding = NonNullable<IngressParams["contextBinding"]>;

/** Whom an access check is about. */
export interface AccessRequest {
  cfg: OpenClawConfig;
  accountId: string;
  policy: Policy;
  self: Self;
  kind: "direct" | "group";
  conversationId: string;
  /** The other party of a direct chat, the sender in a group. */
  person: Person;
  runtime: PluginRuntime;
}

/** Asks the gateway about a sender: allowlists, pairings, and with `command` whether they may use commands. */
export async function resolveAccess(
  request: AccessRequest,
  options: { contextBinding?: ContextBinding; command?: boolean } = {},
): Promise<IngressAccess> {
  const { policy, person, kind } = request;
  const ownChat = kind === "direct" && policy.settings.selfChatMode !== false && isSelf(request.self, person);
  const id = personId(person) ?? "";
  return request.runtime.channel.inbound.ingress.resolveStable({
    channelId: CHANNEL_ID,
    accountId: request.accountId,
    identity: {
      key: "whatsapp-sender-phone",
      kind: "phone",
      normalize: normalizeTarget,
      sensitivity: "pii",
      entryIdPrefix: "whatsapp-entry",
      aliases: [{ key: "lid", kind: "plugin:whatsapp-lid", normalize: lidOf, sensitivity: "pii" }],
    },
    cfg: request.cfg,
    useDefaultPairingStore: true,
    subject: { stableId: id, aliases: { lid: person.lid } },
    conversation: { kind, id: request.conversationId },
    contextBinding: options.contextBinding,
    dmPolicy: policy.dmPolicy,
    groupPolicy: policy.groupPolicy,
    policy: { groupAllowFromFallbackToAllowFrom: false },
    providerMissingFallbackApplied: policy.providerMissingFallbackApplied,
    allowFrom: ownChat && id ? [...policy.dmAllowFrom, id] : policy.dmAllowFrom,
    groupAllowFrom: policy.groupAllowFrom,
    command: options.command ? {} : undefined,
  });
}

function lidOf(value: string): string | null {
  const target = normalizeTarget(value);
  return target?.endsWith("@lid") ? target : null;
}

/** What becomes of a message before its content is read. */
export type Admission =
  | { admitted: true; access: IngressAccess }
  /** `reason` is for the log, and names nobody. */
  | { admitted: false; reason: string; pairing?: boolean };

/** Decides about a message. Sends nothing: see `challenge`. */
export async function admit(request: AccessRequest, fromMe: boolean): Promise<Admission> {
  const { policy, self, kind, person } = request;
  warnMissingProviderGroupPolicyFallbackOnce({
    providerMissingFallbackApplied: policy.providerMissingFallbackApplied,
    providerKey: CHANNEL_ID,
    accountId: request.accountId,
    log: (message) => request.runtime.logging.getChildLogger({ plugin: "openclaw-agent" }).warn(message),
  });
  const access = await resolveAccess(request);
  const { senderAccess } = access;
  if (kind === "group") {
    if (senderAccess.decision === "allow") return { admitted: true, access };
    return { admitted: false, reason: senderAccess.reasonCode };
  }
  // What the owner writes to others on the phone is not for the gateway, except in the chat with themselves.
  if (fromMe && (policy.settings.selfChatMode === false || !isSelf(self, person)))
    return { admitted: false, reason: "from_me" };
  if (senderAccess.decision === "allow") return { admitted: true, access };
  const pairing = senderAccess.decision === "pairing" && !isSelf(self, person);
  return { admitted: false, reason: senderAccess.reasonCode, pairing };
}

/** Sends a pairing code to a person who is not allowed yet, once. */
export async function challenge(params: {
  accountId: string;
  message: InboundMessage;
  connectedAt: number;
  reply(text: string): Promise<void>;
  log: { warn(message: string): void };
}): Promise<void> {
  const { accountId, message } = params;
  const senderId = personId(message.peer);
  if (!senderId) return;
  if (message.timestamp !== undefined && message.timestamp < params.connectedAt - PAIRING_REPLY_MAX_AGE_MS) return;
  const issue = createChannelPairingChallengeIssuer({
    channel: CHANNEL_ID,
    accountId,
    upsertPairingRequest: async ({ id, meta }) =>
      upsertChannelPairingRequest({ channel: CHANNEL_ID, id, accountId, meta }),
  });
  await issue({
    senderId,
    senderIdLine: `Your WhatsApp ${senderId.startsWith("+") ? "phone number" : "id"}: ${senderId}`,
    meta: { name: message.sender.name },
    sendPairingReply: params.reply,
    onReplyError: (error) => params.log.warn(`pairing reply failed: ${error instanceof Error ? error.name : "error"}`),
  });
}
