/**
 * Tokens of sends. One token is one message for the agent, so a token must be the same whenever the gateway repeats a
 * send, also after a restart of either program, and never be that of another message.
 *
 * The gateway numbers its durable deliveries (`deliveryQueueId`) and the platform sends within one
 * (`deliveryPartIndex`); this module numbers the messages that one such send becomes: a file, and its texts.
 */
import { createHash, randomUUID } from "node:crypto";

/** The agent takes up to 128 printable ASCII characters. */
const MAX_TOKEN_CHARS = 128;
/** Room for the suffixes of `partToken` and `slot`. */
const MAX_BASE_CHARS = MAX_TOKEN_CHARS - 32;
const PRINTABLE_ASCII = /^[\x21-\x7e]+$/;

/** Identifies a send of the gateway. */
export interface SendIdentity {
  deliveryQueueId?: string | undefined;
  deliveryPartIndex?: number | undefined;
}

/** Where in a send a message is: its file, or the n-th of its texts. */
export type Slot = "file" | { text: number };

/** The base of a send's tokens. A send that the gateway does not keep gets one that is never repeated. */
export function sendToken({ deliveryQueueId, deliveryPartIndex = 0 }: SendIdentity): string {
  return partToken(deliveryQueueId ? `oc-${baseOf(deliveryQueueId)}` : `oc-live-${randomUUID()}`, deliveryPartIndex);
}

/** The base of the tokens of the n-th platform send of a delivery. */
export function partToken(delivery: string, partIndex: number): string {
  return `${baseOf(delivery)}-${partIndex}`;
}

/** The token of one message of a send. */
export function messageToken(send: string, slot: Slot): string {
  return `${send}-${slot === "file" ? "f" : `t${slot.text}`}`;
}

/** Ids are chosen by others: one that is too long, or not printable, is replaced by its hash. */
function baseOf(id: string): string {
  if (id.length <= MAX_BASE_CHARS && PRINTABLE_ASCII.test(id)) return id;
  return `h${createHash("sha256").update(id).digest("base64url")}`;
}
