/**
 * Targets as the gateway, its configuration and its users write them, in the spelling that sessions and the agent use:
 * "+15550100123", "123456@lid", "120363000000000001@g.us", "123@newsletter".
 *
 * A number is always the same target, however it is written, because it is a part of session keys. Whether a LID and a
 * number are the same person is for the agent to know, not for the spelling.
 */

/** What a target is, in the gateway's words. */
export type TargetKind = "direct" | "group" | "channel";

const USER_JID = /^(\d+)(?:[:.]\d+)?@(?:s\.whatsapp\.net|c\.us|hosted)$/i;
const LID = /^(\d+)(?:[:.]\d+)?@(?:lid|hosted\.lid)$/i;
const GROUP_JID = /^(\d+(?:-\d+)*)@g\.us$/i;
const NEWSLETTER_JID = /^(\d+)@newsletter$/i;
/** Another channel's target, such as "telegram:123", and nothing of ours. */
const OTHER_PREFIX = /^[a-z][a-z0-9-]*:/i;
/** A number as people write it: digits with separators, and a plus in front at most. */
const NUMBER = /^\+?[\d\s().\-/\u00a0\u2010-\u2015\u202a-\u202f\u2060\u2066-\u2069]+$/;
/** E.164 has 15 digits at most; WhatsApp has no number below 5. */
const [MIN_DIGITS, MAX_DIGITS] = [5, 15];

/** The canonical spelling of a target, or null if it is none of WhatsApp. */
export function normalizeTarget(raw: string): string | null {
  const target = stripPrefixes(raw);
  const group = GROUP_JID.exec(target.replace(/^group:/i, "").trim())?.[1];
  if (group) return `${group}@g.us`;
  const newsletter = NEWSLETTER_JID.exec(target)?.[1];
  if (newsletter) return `${newsletter}@newsletter`;
  const lid = LID.exec(target)?.[1];
  if (lid) return `${lid}@lid`;
  const number = USER_JID.exec(target)?.[1];
  if (number) return numberTarget(number);
  if (target.includes("@") || OTHER_PREFIX.test(target) || !NUMBER.test(target)) return null;
  return numberTarget(target.replace(/\D/g, ""));
}

/**
 * The canonical spelling of an entry of `allowFrom`: "*", or a target without its plus, as the official channel stores
 * it.
 */
export function normalizeAllowEntry(raw: string): string | null {
  if (raw.trim() === "*") return "*";
  return normalizeTarget(raw)?.replace(/^\+/, "") ?? null;
}

/** Whether a text is meant as a target of this channel, and not as a name to look up. */
export function looksLikeTarget(raw: string): boolean {
  return /^whatsapp:/i.test(raw.trim()) || normalizeTarget(raw) !== null;
}

/** What a canonical target is. */
export function targetKind(target: string): TargetKind {
  if (target.endsWith("@g.us")) return "group";
  return target.endsWith("@newsletter") ? "channel" : "direct";
}

/** A person by number or LID, of a canonical target or of a sender id; null for a chat that is no person. */
export function personOf(target: string): { phone: string; lid: string } | null {
  const canonical = normalizeTarget(target);
  if (!canonical || targetKind(canonical) !== "direct") return null;
  return canonical.startsWith("+") ? { phone: canonical, lid: "" } : { phone: "", lid: canonical };
}

/** The agent cannot send to this target. The message says why, and what it can send to. */
export class UnsendableTargetError extends Error {
  override readonly name = "UnsendableTargetError";
}

/** The target as the agent's `Send` takes it. Throws UnsendableTargetError. */
export function sendTarget(raw: string): string {
  const target = normalizeTarget(raw);
  if (!target)
    throw new UnsendableTargetError(
      "this is no WhatsApp target; use a number with its country code (+15550100123), a group's JID (…@g.us) or a LID (…@lid)",
    );
  if (targetKind(target) === "channel")
    throw new UnsendableTargetError(
      "openclaw-agent cannot post to WhatsApp channels (…@newsletter); send to a person or to a group instead",
    );
  return target;
}

function stripPrefixes(raw: string): string {
  return raw.trim().replace(/^(?:whatsapp:\s*)+/i, "");
}

function numberTarget(digits: string): string | null {
  return digits.length >= MIN_DIGITS && digits.length <= MAX_DIGITS ? `+${digits}` : null;
}
