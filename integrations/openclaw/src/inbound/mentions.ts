import { normalizeMentionText } from "openclaw/plugin-sdk/channel-inbound";
import type { Self } from "../agents.js";
import { type Person, samePerson } from "./person.js";

/**
 * Whether a message of a group is addressed to the account: by a native mention, by a pattern, or by its number in the text.
 *
 * Someone else's native mention beats the number in the text: "@Bert ask +1 555…" is for Bert.
 */
export function isMentioned(params: {
  text: string;
  mentions: readonly Person[];
  self: Self;
  patterns: readonly RegExp[];
}): boolean {
  const { text, mentions, self, patterns } = params;
  if (mentions.some((person) => samePerson(self, person))) return true;
  const clean = normalizeMentionText(text);
  if (patterns.some((pattern) => pattern.test(clean))) return true;
  if (mentions.length > 0) return false;
  const digits = self.phone?.replace(/\D/g, "");
  return Boolean(digits && clean.replace(/\D/g, "").includes(digits));
}

/** The text without what addresses the account, so that "@assistant /status" is a command. */
export function withoutMentions(text: string, patterns: readonly RegExp[], self: Self): string {
  let rest = text;
  for (const pattern of patterns) rest = rest.replace(pattern, " ");
  for (const id of [self.phone, self.lid?.split("@")[0]]) {
    const digits = id?.replace(/\D/g, "");
    if (digits) rest = rest.replace(new RegExp(`@?\\+?${digits}`, "g"), " ");
  }
  return rest.replace(/\s+/g, " ").trim();
}
