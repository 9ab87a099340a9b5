/**
 * The part of an SDK module that this plugin uses, and for which the gateway's package has no types (2026.9.6). Its
 * code is in `dist/plugin-sdk/approval-reaction-runtime.js`.
 */
declare module "openclaw/plugin-sdk/approval-reaction-runtime" {
  type ReplyPayload = import("openclaw/plugin-sdk/reply-chunking").ReplyPayload;
  type OpenClawConfig = import("openclaw/plugin-sdk/account-core").OpenClawConfig;

  export type ApprovalDecision = "allow-once" | "allow-always" | "deny";

  export interface ApprovalBinding {
    approvalId: string;
    approvalKind: "exec" | "plugin";
    allowedDecisions: ApprovalDecision[];
  }

  export type ReactionPrompt = ReplyPayload & { allowedDecisions: ApprovalDecision[] };

  /** The prompt of an approval, with its reactions. */
  export function buildApprovalReactionPromptPayloadForRequest(params: {
    request: unknown;
    nowMs: number;
  }): ReactionPrompt;
  export function buildApprovalReactionPendingContent(params: { request: unknown; view: unknown; nowMs: number }): {
    reactionPayload: ReactionPrompt;
    manualFallbackPayload: ReplyPayload;
  };
  /** Reads the approval that a payload's controls are for; null if they contradict each other. */
  export function readApprovalReactionPresentationBinding(params: {
    payload: ReplyPayload;
    presentation?: unknown;
  }): ApprovalBinding | null;
  export function buildApprovalReactionDeliveredBindingMarker(binding: ApprovalBinding): Record<string, unknown>;
  export function readApprovalReactionDeliveredBinding(params: {
    payload: ReplyPayload;
    channelDataKey: string;
  }): ApprovalBinding | null;
  export function readApprovalReactionTargetRecord(target: unknown): ApprovalBinding | null;
  export function resolveTypedApprovalReactionTarget(params: { target: ApprovalBinding | null; reactionKey: string }): {
    approvalId: string;
    approvalKind: "exec" | "plugin";
    decision: ApprovalDecision;
  } | null;
  export function listApprovalReactionBindings(params: { allowedDecisions: readonly ApprovalDecision[] }): {
    decision: ApprovalDecision;
    emoji: string;
    label: string;
  }[];
  export function createApprovalReactionTargetStore(params: {
    namespace: string;
    maxEntries: number;
    defaultTtlMs: number;
    openStore?: (options: { namespace: string; maxEntries: number; defaultTtlMs: number }) => KeyedStore | undefined;
    logPersistentError?: (error: unknown) => void;
    readPersistedTarget?: (target: unknown) => ApprovalBinding | null;
  }): {
    register(key: string, target: ApprovalBinding, options?: { ttlMs?: number }): Promise<void>;
    lookup(key: string): Promise<ApprovalBinding | null>;
    delete(key: string): Promise<void>;
  };

  export interface KeyedStore {
    register(key: string, value: { version: number; target: unknown }, options: { ttlMs: number }): Promise<void>;
    lookup(key: string): Promise<{ version: number; target: unknown } | undefined>;
    delete(key: string): Promise<void>;
  }

  /** Resolves an approval on behalf of a sender, who must be an approver. */
  export function settleApprovalReaction(params: {
    request: {
      cfg: OpenClawConfig;
      approvalId: string;
      approvalKind: "exec" | "plugin";
      decision: ApprovalDecision;
      channel: string;
      accountId: string;
      senderId: string;
    };
    approvers: readonly string[];
    authorizeActorAction: (input: never) => { authorized: boolean };
    loadResolver: () => Promise<unknown>;
    clearTarget: () => Promise<void>;
    onResolved: (result: unknown) => void;
    logVerboseMessage?: (message: string) => void;
  }): Promise<"resolved" | "denied" | "not-found">;
}

/** As above; its code is in `dist/plugin-sdk/delivery-queue-runtime.js`. */
declare module "openclaw/plugin-sdk/delivery-queue-runtime" {
  /** Repeats the queued deliveries that match. One drain runs at a time under one key. */
  export function drainPendingDeliveries(options: {
    drainKey: string;
    logLabel: string;
    cfg: import("openclaw/plugin-sdk/account-core").OpenClawConfig;
    log: { info(message: string): void; warn(message: string): void; error(message: string): void };
    selectEntry: (entry: { channel: string; accountId?: string; lastError?: string }) => {
      match: boolean;
      bypassBackoff?: boolean;
    };
  }): Promise<void>;
}
