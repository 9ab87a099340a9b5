/**
 * Mentions in outgoing texts: "@+15550100123", "@15550100123" and "@123456" (a LID's digits) become native mentions of
 * members of the group. Recipients are notified, and see the member's name.
 */

/** A member of a group, by number, by LID, or both. */
export interface Member {
  phone?: string | undefined;
  lid?: string | undefined;
}

/** A text with the members that it mentions. */
export interface MentionedText {
  text: string;
  mentions: { phone: string; lid: string }[];
}

const TOKEN = /@(\+?\d+)/g;
/** Code is shown as it is written. Fences first, so that a backtick in one begins no inline code. */
const CODE = /```[\s\S]*?(?:```|$)|`[^`\n]+`/g;
/** A mail address or a longer word is no mention. */
const WORD = /[\w@]/;

/** Whether a text may have mentions: if not, the members need not be fetched. */
export function mayMention(text: string): boolean {
  return /@\+?\d/.test(text);
}

/**
 * Finds the mentions in a text. A mention of a member whose LID is known is by LID, as WhatsApp's clients do it in
 * groups, and the text gets the LID's digits, which the clients replace by the name.
 */
export function resolveMentions(text: string, members: readonly Member[]): MentionedText {
  const found = new Map<string, Member>();
  const codes = [...text.matchAll(CODE)].map((match) => [match.index, match.index + match[0].length] as const);
  const resolved = text.replaceAll(TOKEN, (token: string, number: string, at: number) => {
    const end = at + token.length;
    const isCode = codes.some(([from, to]) => at >= from && at < to);
    if (isCode || WORD.test(text.charAt(at - 1)) || WORD.test(text.charAt(end))) return token;
    const member = memberOf(number, members);
    if (!member) return token;
    const shown = digitsOf(member.lid || member.phone);
    found.set(shown, member);
    return `@${shown}`;
  });
  const mentions = [...found.values()].map(({ phone = "", lid = "" }) =>
    lid ? { phone: "", lid } : { phone, lid: "" },
  );
  return { text: resolved, mentions };
}

/** With a plus it is a number, without one rather a LID. */
function memberOf(number: string, members: readonly Member[]): Member | undefined {
  const digits = digitsOf(number);
  const byPhone = members.find(({ phone }) => phone && digitsOf(phone) === digits);
  const byLid = members.find(({ lid }) => lid && digitsOf(lid) === digits);
  return number.startsWith("+") ? (byPhone ?? byLid) : (byLid ?? byPhone);
}

function digitsOf(id: string | undefined): string {
  return (id ?? "").split(/[@:.]/, 1)[0]?.replace(/\D/g, "") ?? "";
}
