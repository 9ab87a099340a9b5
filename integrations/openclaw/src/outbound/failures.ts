/**
 * What a failed send means for the gateway's delivery queue.
 *
 * The queue retries what was provably not dispatched, gives up what never can be, and asks `reconcileUnknownSend` about
 * the rest. A wrong "not dispatched" would send twice where no token is repeated, and a wrong "permanent" would lose a
 * reply.
 */
import { AgentError } from "@openclaw-agent/client";
import { PlatformMessageNotDispatchedError } from "openclaw/plugin-sdk/error-runtime";
import { NoAgentError } from "../agents.js";
import { FileUnavailableError } from "./media.js";
import { UnsendableTargetError } from "./targets.js";

/**
 * - `rejected`: nothing was sent, and a repetition fails as well.
 * - `postponed`: nothing was sent, and a repetition may succeed.
 * - `unknown`: the message may have been sent, or still be sent; only the same token tells.
 */
export type Outcome = "rejected" | "postponed" | "unknown";

/** Reasons of the agent that a repetition cannot change. */
const REJECTED = new Set([
  "INVALID_ARGUMENT",
  "INVALID_REQUEST",
  "NOT_ON_WHATSAPP",
  "RECIPIENT",
  "NOT_ALLOWED_TO",
  "CONTENT_UNSUPPORTED",
  "CHAT_UNSUPPORTED",
  "OTHER_CHAT",
  "NOT_A_MESSAGE",
  "TARGET_NOT_SENT",
  "NO_SUCH_EVENT",
  "EVENT_GONE",
  "MESSAGE_UNKNOWN",
  "NOT_YOUR_MESSAGE",
  "NOT_A_TEXT",
  "EDIT_TOO_LATE",
  "NOT_A_POLL",
  "NO_POLL_KEY",
  "NO_SUCH_OPTION",
  "TOO_MANY_OPTIONS",
  "NO_CAPTION",
  "NO_VIEW_ONCE",
  "NOT_A_VOICE_MESSAGE",
  "NOT_A_STICKER",
  "NOT_A_PICTURE",
  "EMPTY_FILE",
  "MEDIA_TOO_LARGE",
  "FILE_REFUSED",
  "OWN_MESSAGE",
]);

/**
 * Reasons after which the agent has sent nothing, and may later. The first five are of the client: no agent was
 * reached.
 */
const POSTPONED = new Set([
  "UNREACHABLE",
  "NO_SUCH_HOST",
  "NOT_AN_AGENT",
  "WRONG_AGENT",
  "KEY_UNKNOWN",
  "NOT_LINKED",
  "NOT_CONNECTED",
  "RESTRICTED",
  "STORE_ROLLED_BACK",
  "PACED",
  "BUSY",
  "QUEUE_FULL",
  "NOT_CHECKED",
  "NOT_ENCRYPTED",
  "NOT_UPLOADED",
  "SERVER_ERROR",
  "MEDIA_BUSY",
  "UPLOADS_FULL",
  "VOLUME_FULL",
  "VOLUME_FAILED",
  "NOT_SEALED",
  "TOO_SLOW",
  "NO_SUCH_MEDIA",
  "MEDIA_IN_USE",
]);

/** What a failure of a send means. Anything that is not known is `unknown`. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof NoAgentError) return "postponed";
  if (error instanceof UnsendableTargetError || error instanceof FileUnavailableError) return "rejected";
  if (!AgentError.is(error)) return "unknown";
  // A message that failed for good: WhatsApp refused it, or it was queued for too long. What was handed over and never
  // acknowledged may have arrived.
  if (error.reason === "NOT_SENT") return isUnconfirmed(error) ? "unknown" : "rejected";
  if (REJECTED.has(error.reason)) return "rejected";
  return POSTPONED.has(error.reason) ? "postponed" : "unknown";
}

/** Whether a message was handed to WhatsApp, and the server's ack never came. */
export function isUnconfirmed(error: AgentError): boolean {
  return error.metadata.failure === "unconfirmed" || error.metadata.failure === "connection_lost";
}

/** Reasons for which a reply is sent without its quote: the message is not there any more. */
export function isQuoteGone(error: unknown): boolean {
  return AgentError.is(
    error,
    "NO_SUCH_EVENT",
    "EVENT_GONE",
    "MESSAGE_UNKNOWN",
    "TARGET_NOT_SENT",
    "NOT_A_MESSAGE",
    "OTHER_CHAT",
  );
}

/** What a message that failed for good failed of, by the agent's name of it. */
const FAILURES: Record<string, string> = {
  not_on_whatsapp: "the number is not on WhatsApp: check it, with its country code",
  expired: "the agent could not connect to WhatsApp in time: see `openclawctl status`",
  unconfirmed: "WhatsApp did not confirm the message: it may have arrived",
  not_allowed_to: "the agent may not write to this recipient: see `allowTo` in its openclaw.yml",
  other_account: "another WhatsApp account is linked now",
  cancelled: "it was cancelled with `openclawctl outbox cancel`",
  file_refused: "WhatsApp does not accept the file",
  file_gone: "the agent no longer has the file",
};

/** The failure as a text for people and logs: what failed, then what to do. It has no message text and no number. */
export function explain(error: unknown): string {
  if (!AgentError.is(error)) return error instanceof Error ? error.message : String(error);
  const { failure = "", code, meaning } = error.metadata;
  const refusal = code ? ` (WhatsApp's code ${code}${meaning ? `: ${meaning}` : ""})` : "";
  if (error.reason === "NOT_SENT" && FAILURES[failure])
    return `WhatsApp (${failure.toUpperCase()}): ${FAILURES[failure]}${refusal}`;
  const retry = error.retryAt ? ` (again from ${error.retryAt.toISOString()})` : "";
  const hint = error.hint ? `; ${error.hint}` : "";
  return `WhatsApp (${error.reason}): ${error.message}${refusal}${hint}${retry}`;
}

/** The error to throw to the gateway, so that its queue does the right thing. */
export function sendError(error: unknown): Error {
  const outcome = outcomeOf(error);
  if (outcome !== "unknown")
    return new PlatformMessageNotDispatchedError(explain(error), { cause: error, retryable: outcome === "postponed" });
  return new Error(explain(error), { cause: error });
}
