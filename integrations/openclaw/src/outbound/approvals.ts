/** Approvals of commands and plugin actions by 👍 (once), ♾️ (always) and 👎 (deny). */
import { createChannelApprovalAuth } from "openclaw/plugin-sdk/approval-auth-runtime";
import { createApproverRestrictedNativeApprovalCapabilityFromForwardingRoutes } from "openclaw/plugin-sdk/approval-delivery-runtime";
import { createLazyChannelApprovalNativeRuntimeAdapter } from "openclaw/plugin-sdk/approval-handler-adapter-runtime";
import {
  type ApprovalBinding,
  buildApprovalReactionPromptPayloadForRequest,
  createApprovalReactionTargetStore,
  readApprovalReactionTargetRecord,
  resolveTypedApprovalReactionTarget,
  settleApprovalReaction,
} from "openclaw/plugin-sdk/approval-reaction-runtime";
import { buildTypedApprovalPresentation } from "openclaw/plugin-sdk/approval-reply-runtime";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import { type Account, listAccountIds, resolveAccount, resolveDefaultAccountId } from "../config/account.js";
import { CHANNEL_ID } from "../config/settings.js";
import { openPromptStore } from "./prompt-store.js";
import type { ArrivedReaction } from "./prompts.js";
import { normalizeTarget, targetKind } from "./targets.js";

/** Approvals expire sooner; this bounds what is kept. */
const MAX_AGE_MS = 24 * 60 * 60 * 1_000;
const MAX_APPROVALS = 1_000;

const approvals = createApprovalReactionTargetStore({
  namespace: "approvals",
  maxEntries: MAX_APPROVALS,
  defaultTtlMs: MAX_AGE_MS,
  openStore: openPromptStore,
  readPersistedTarget: readApprovalReactionTargetRecord,
});

const auth = createChannelApprovalAuth({
  channelLabel: "WhatsApp",
  resolveInputs: ({ cfg, accountId }) => ({ allowFrom: resolveAccount(cfg, accountId).settings.allowFrom }),
  normalizeApprover: (value) => (String(value).trim() === "*" ? "*" : approverId(value)),
  normalizeSenderId: approverId,
  isWildcardAuthorized: ({ purpose, approvers }) => purpose === "action" && approvers.includes("*"),
});

/** A person; a group approves nothing. */
function approverId(value: string | number): string | undefined {
  const target = normalizeTarget(String(value));
  return target && targetKind(target) !== "group" ? target : undefined;
}

/** A prompt that was sent. */
export interface PromptMessage {
  accountId: string;
  messageId: string;
}

const keyOf = ({ accountId, messageId }: PromptMessage) => `${accountId}:${messageId}`;

/** Remembers that a message asks for an approval. */
export async function bindApproval(message: PromptMessage, binding: ApprovalBinding, ttlMs?: number): Promise<void> {
  await approvals.register(keyOf(message), binding, ttlMs ? { ttlMs } : {});
}

/** Forgets it: the approval was given, denied or withdrawn. */
export async function unbindApproval(message: PromptMessage): Promise<void> {
  await approvals.delete(keyOf(message));
}

/** Resolves the approval that a reaction is for. False if it is for none. */
export async function resolveApproval({ outlet, messageId, emoji, senderId, log }: ArrivedReaction): Promise<boolean> {
  const message = { accountId: outlet.accountId, messageId };
  const target = resolveTypedApprovalReactionTarget({
    target: await approvals.lookup(keyOf(message)),
    reactionKey: emoji,
  });
  if (!target) return false;
  await settleApprovalReaction({
    request: { cfg: outlet.cfg, ...target, channel: CHANNEL_ID, accountId: outlet.accountId, senderId },
    approvers: auth.resolveApprovers({ cfg: outlet.cfg, accountId: outlet.accountId }),
    authorizeActorAction: (input) => auth.approvalAuth.authorizeActorAction(input),
    loadResolver: async () => (await import("openclaw/plugin-sdk/approval-gateway-runtime")).resolveApprovalOverGateway,
    clearTarget: () => unbindApproval(message),
    onResolved: () => log?.(`approval ${target.approvalId} resolved by a reaction`),
    ...(log ? { logVerboseMessage: log } : {}),
  });
  return true;
}

function setupHint(accountId: string | null | undefined): string {
  const path =
    accountId && accountId !== "default" ? `channels.${CHANNEL_ID}.accounts.${accountId}` : `channels.${CHANNEL_ID}`;
  return `WhatsApp shows approvals for this account when \`approvals.exec.enabled\` is true and the route allows WhatsApp. Link WhatsApp, keep the gateway running, and list the approvers in \`${path}.allowFrom\`.`;
}

function pendingPayload(kind: "exec" | "plugin", { request, nowMs }: { request: { id: string }; nowMs: number }) {
  const payload = buildApprovalReactionPromptPayloadForRequest({ request, nowMs });
  const { allowedDecisions } = payload;
  const presentation = buildTypedApprovalPresentation({ approvalId: request.id, approvalKind: kind, allowedDecisions });
  return { ...payload, presentation };
}

const approversOf = (params: Parameters<typeof auth.resolveApprovers>[0]) => auth.resolveApprovers(params);

const native = createApproverRestrictedNativeApprovalCapabilityFromForwardingRoutes({
  channel: CHANNEL_ID,
  channelLabel: "WhatsApp",
  authorizeActorAction: (params) => auth.approvalAuth.authorizeActorAction(params),
  routing: {
    defaultForwardingMode: "session",
    isTransportEnabled: ({ cfg, accountId }) => resolveAccount(cfg, accountId).enabled,
    listAccountIds,
    resolveDefaultAccountId,
    normalizeTo: (to) => normalizeTarget(to) ?? undefined,
    resolveApprovers: approversOf,
    isOriginTargetAllowed: ({ cfg, accountId, target }) =>
      targetKind(target.to) !== "group" || approversOf({ cfg, accountId }).length > 0,
  },
  describeExecApprovalSetup: ({ accountId }) => setupHint(accountId),
  render: {
    exec: { buildPendingPayload: (params) => pendingPayload("exec", params) },
    plugin: { buildPendingPayload: (params) => pendingPayload("plugin", params) },
  },
  createNativeRuntime: (routing) =>
    createLazyChannelApprovalNativeRuntimeAdapter({
      capabilityBoundary: true,
      eventKinds: ["exec", "plugin", "system-agent"],
      isConfigured: ({ cfg, accountId, context }) =>
        Boolean(context) &&
        routing.canAnyApprovalPotentiallyRouteToChannel({ cfg, accountId, nativeSessionOnly: true }),
      shouldHandle: ({ cfg, accountId, context, approvalKind, request }) =>
        Boolean(context) && routing.shouldHandleApprovalRequest({ cfg, accountId, approvalKind, request }),
      load: async () => (await import("./approval-delivery.js")).approvalDelivery,
    }),
});

/** The approval capability of the channel. */
export const approvalCapability: NonNullable<ChannelPlugin<Account>["approvalCapability"]> = native.capability;
