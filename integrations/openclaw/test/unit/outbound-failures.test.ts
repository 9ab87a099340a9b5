import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentError, Code } from "@openclaw-agent/client";
import { createChannelPartialDeliveryError } from "openclaw/plugin-sdk/channel-inbound";
import { explain, isQuoteGone, type Outcome, outcomeOf, sendError } from "../../src/outbound/failures.js";
import { FileUnavailableError } from "../../src/outbound/media.js";
import { type Repeat, reconcile, verdict } from "../../src/outbound/reconcile.js";
import { UnsendableTargetError } from "../../src/outbound/targets.js";

const agentError = (reason: string, metadata: Record<string, string> = {}, code = Code.FailedPrecondition) =>
  new AgentError({ code, reason, message: "it failed", hint: "do this", metadata });

/** What each reason means: for the gateway's queue, and as the verdict on an interrupted send. */
const REASONS: [reason: string, outcome: Outcome, verdict: string, metadata?: Record<string, string>][] = [
  ["NOT_ON_WHATSAPP", "rejected", "not_sent"],
  ["NOT_ALLOWED_TO", "rejected", "not_sent"],
  ["RECIPIENT", "rejected", "not_sent"],
  ["INVALID_ARGUMENT", "rejected", "not_sent"],
  ["CONTENT_UNSUPPORTED", "rejected", "not_sent"],
  ["EDIT_TOO_LATE", "rejected", "not_sent"],
  ["FILE_REFUSED", "rejected", "not_sent"],
  ["NOT_SENT", "rejected", "not_sent", { failure: "not_on_whatsapp" }],
  ["NOT_SENT", "rejected", "not_sent", { failure: "expired" }],
  ["NOT_SENT", "unknown", "unresolved", { failure: "unconfirmed" }],
  ["NOT_LINKED", "postponed", "unresolved, retryable"],
  ["NOT_CONNECTED", "postponed", "unresolved, retryable"],
  ["PACED", "postponed", "unresolved, retryable"],
  ["BUSY", "postponed", "unresolved, retryable"],
  ["QUEUE_FULL", "postponed", "unresolved, retryable"],
  ["RESTRICTED", "postponed", "unresolved, retryable"],
  ["STORE_ROLLED_BACK", "postponed", "unresolved, retryable"],
  ["NOT_UPLOADED", "postponed", "unresolved, retryable"],
  ["UPLOADS_FULL", "postponed", "unresolved, retryable"],
  ["CONNECTION_LOST", "unknown", "unresolved, retryable"],
  ["NOT_CONFIRMED", "unknown", "unresolved, retryable"],
  ["UNAVAILABLE", "unknown", "unresolved, retryable"],
  ["SOMETHING_NEW", "unknown", "unresolved, retryable"],
  ["TOKEN_REUSED", "unknown", "unresolved"],
];

for (const [reason, outcome, expected, metadata] of REASONS) {
  test(`${reason} ${metadata?.failure ?? ""} is ${outcome}, and ${expected} when a send is reconciled`, () => {
    const error = agentError(reason, metadata);
    assert.equal(outcomeOf(error), outcome);
    const answer = verdict(sendError(error));
    const retryable = answer.status === "unresolved" && answer.retryable === true;
    assert.equal(`${answer.status}${retryable ? ", retryable" : ""}`, expected);
  });
}

test("the gateway's queue sees what a repetition can change", () => {
  const thrown = (error: unknown) => {
    const { name, retryable, cause } = sendError(error) as Error & { retryable?: boolean };
    return { name, retryable, cause: cause === error };
  };
  const notDispatched = "PlatformMessageNotDispatchedError";
  assert.deepEqual(thrown(agentError("NOT_ON_WHATSAPP")), { name: notDispatched, retryable: false, cause: true });
  assert.deepEqual(thrown(new UnsendableTargetError("no")), { name: notDispatched, retryable: false, cause: true });
  assert.deepEqual(thrown(new FileUnavailableError("no")), { name: notDispatched, retryable: false, cause: true });
  assert.deepEqual(thrown(agentError("PACED")), { name: notDispatched, retryable: true, cause: true });
  assert.deepEqual(thrown(agentError("CONNECTION_LOST")), { name: "Error", retryable: undefined, cause: true });
});

test("a failure says what failed, and what to do", () => {
  assert.equal(explain(agentError("NOT_LINKED")), "WhatsApp (NOT_LINKED): it failed; do this");
  assert.match(explain(agentError("NOT_SENT", { failure: "not_on_whatsapp" })), /the number is not on WhatsApp/);
  assert.match(explain(agentError("SERVER_ERROR", { code: "503", meaning: "busy" })), /code 503: busy/);
  const paced = new AgentError({
    code: Code.ResourceExhausted,
    reason: "PACED",
    message: "slow",
    retryAt: new Date(0),
  });
  assert.match(explain(paced), /again from 1970-01-01T00:00:00\.000Z/);
});

test("a quote of a message that is gone is dropped; other refusals are not about the quote", () => {
  assert.equal(isQuoteGone(agentError("EVENT_GONE")), true);
  assert.equal(isQuoteGone(agentError("NOT_ON_WHATSAPP")), false);
  assert.equal(isQuoteGone(new Error("EVENT_GONE")), false);
});

const UNKNOWN_SEND = {
  cfg: {},
  queueId: "q",
  channel: "whatsapp",
  to: "+15550100123",
  enqueuedAt: 0,
  retryCount: 0,
} as never;
const context = (more: object) => ({ ...(UNKNOWN_SEND as object), ...more }) as Parameters<typeof reconcile>[0];

test("an interrupted send is repeated under its own delivery, and is sent", async () => {
  const asked: Parameters<Repeat>[0][] = [];
  const repeat: Repeat = async (ctx) => {
    asked.push(ctx);
    return [{ messageId: "3EB0", chat: "1@lid", kind: "text" }];
  };
  const payloads = [{ text: "hello", replyToId: "A1" }];
  const answer = await reconcile(context({ payloads, effectiveReplyToId: "B2", replyToMode: "first" }), repeat);
  assert.equal(answer.status, "sent");
  assert.equal(answer.status === "sent" && answer.messageId, "3EB0");
  assert.deepEqual(answer.status === "sent" && answer.receipt.platformMessageIds, ["3EB0"]);
  assert.deepEqual(
    asked.map(({ deliveryQueueId, to, text, replyToId, replyToIdSource }) => [
      deliveryQueueId,
      to,
      text,
      replyToId,
      replyToIdSource,
    ]),
    [["q", "+15550100123", "hello", "B2", "implicit"]],
  );
});

test("a delivery of several payloads cannot be told apart", async () => {
  const repeat: Repeat = () => assert.fail("nothing is repeated");
  assert.equal((await reconcile(context({ payloads: [{ text: "a" }, { text: "b" }] }), repeat)).status, "unresolved");
  assert.equal((await reconcile(context({ payloads: [] }), repeat)).status, "unresolved");
});

test("a delivery of which a part was sent is never reported as not sent", async () => {
  const refused = new Error("refused", { cause: agentError("NOT_ALLOWED_TO") });
  const partial = createChannelPartialDeliveryError(refused, { messageIds: ["3EB0"], visibleReplySent: true });
  const answer = await reconcile(context({ payloads: [{ text: "a" }] }), () => Promise.reject(partial));
  assert.equal(answer.status, "unresolved");
});

test("a file that cannot be loaded again leaves the outcome open", async () => {
  const repeat: Repeat = () => Promise.reject(sendError(new FileUnavailableError("gone")));
  const answer = await reconcile(context({ payloads: [{ mediaUrl: "/gone" }] }), repeat);
  assert.equal(answer.status, "unresolved");
});
