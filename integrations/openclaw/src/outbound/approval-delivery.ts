/** Sends the gateway's own approval prompts, and what became of them. */

import { DEFAULT_ACCOUNT_ID } from "openclaw/plugin-sdk/account-id";
import {
  buildChannelApprovalExpiredText,
  buildChannelApprovalResolvedText,
  createChannelApprovalNativeRuntimeAdapter,
  resolvePreparedApprovalAccountId,
} from "openclaw/plugin-sdk/approval-handler-runtime";
import { buildChannelApprovalNativeTargetKey } from "openclaw/plugin-sdk/approval-native-runtime";
import { buildApprovalReactionPendingContent } from "openclaw/plugin-sdk/approval-reaction-runtime";
import { resolveDefaultAccountId } from "../config/account.js";
import { bindApproval, unbindApproval } from "./approvals.js";
import { outletOf } from "./outlet.js";
import { sendDraft } from "./sending.js";
import { normalizeTarget } from "./targets.js";
import { partToken } from "./tokens.js";

interface Entry {
  accountId: string;
  to: string;
  messageId: string;
}

/** The native delivery of approvals. */
export const approvalDelivery = createChannelApprovalNativeRuntimeAdapter({
  eventKinds: ["exec", "plugin", "system-agent"],
  availability: {
    isConfigured: ({ context }) => Boolean(context),
    shouldHandle: ({ context }) => Boolean(context),
  },
  presentation: {
    buildPendingPayload: ({ request, nowMs, view }) => buildApprovalReactionPendingContent({ request, view, nowMs }),
    buildResolvedResult: ({ request, resolved, view }) => ({
      kind: "update",
      payload: { text: buildChannelApprovalResolvedText({ request, resolved, view }), requestId: request.id },
    }),
    buildExpiredResult: ({ request, view }) => ({
      kind: "update",
      payload: { text: buildChannelApprovalExpiredText({ request, view }), requestId: request.id },
    }),
  },
  transport: {
    prepareTarget: ({ cfg, plannedTarget, accountId }) => {
      const to = normalizeTarget(plannedTarget.target.to);
      if (!to) return null;
      const account = resolvePreparedApprovalAccountId({
        contextAccountId: accountId,
        fallbackAccountId: cfg ? resolveDefaultAccountId(cfg) : DEFAULT_ACCOUNT_ID,
      });
      return {
        dedupeKey: `${account}:${buildChannelApprovalNativeTargetKey({ to })}`,
        target: { to, accountId: account },
      };
    },
    deliverPending: async ({ cfg, preparedTarget, pendingPayload, request }): Promise<Entry | null> => {
      const { to, accountId } = preparedTarget;
      const token = partToken(`oc-approval-${request.id}-${to}`, 0);
      const draft = { to, text: pendingPayload.reactionPayload.text ?? "", token };
      const [sent] = await sendDraft(outletOf(cfg, accountId), draft);
      return sent ? { accountId, to, messageId: sent.messageId } : null;
    },
    updateEntry: async ({ cfg, entry: shown, payload }) => {
      const entry = shown as Entry;
      const token = partToken(`oc-approval-${payload.requestId}-${entry.to}`, 1);
      const draft = { to: entry.to, text: payload.text, token, replyToId: entry.messageId };
      await sendDraft(outletOf(cfg, entry.accountId), draft);
    },
  },
  interactions: {
    bindPending: async ({ entry, request, view, pendingPayload }) => {
      // The kind "system-agent" is answered by text: reactions resolve the other two.
      if (view.approvalKind === "system-agent") return null;
      const { allowedDecisions } = pendingPayload.reactionPayload;
      const binding = { approvalId: request.id, approvalKind: view.approvalKind, allowedDecisions };
      await bindApproval(entry as Entry, binding, Math.max(1, view.expiresAtMs - Date.now()));
      return true;
    },
    unbindPending: ({ entry }) => unbindApproval(entry as Entry),
    cancelDelivered: ({ entry }) => unbindApproval(entry as Entry),
  },
});
