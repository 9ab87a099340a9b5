/** Polls. */
import { normalizePollInput, type PollInput } from "openclaw/plugin-sdk/media-runtime";
import { sendError } from "./failures.js";
import { knownMessageRef } from "./messages.js";
import type { Outlet } from "./outlet.js";
import { dispatch, type Progress, type Sent } from "./sending.js";
import { sendTarget } from "./targets.js";
import { messageToken } from "./tokens.js";

/** WhatsApp's limit. */
export const MAX_POLL_OPTIONS = 12;

export interface PollDraft {
  to: string;
  poll: PollInput;
  replyToId?: string | null | undefined;
  token: string;
}

/** Sends a poll. */
export async function sendPoll(outlet: Outlet, draft: PollDraft, progress: Progress = {}): Promise<Sent> {
  const { question, options, maxSelections } = normalizePollInput(draft.poll, { maxOptions: MAX_POLL_OPTIONS });
  try {
    const to = sendTarget(draft.to);
    const poll = { question, options: options.map((name) => ({ name })), selectable: maxSelections ?? 1 };
    const replyTo = draft.replyToId ? await knownMessageRef(outlet, to, draft.replyToId) : undefined;
    const content = { kind: { case: "poll" as const, value: poll } };
    const clientToken = messageToken(draft.token, { text: 0 });
    const init = {
      to,
      payload: { case: "content" as const, value: content },
      clientToken,
      ...(replyTo ? { replyTo } : {}),
    };
    const { messageId, chat } = await dispatch(outlet, init, progress);
    return { messageId, chat, kind: "poll" };
  } catch (error) {
    throw sendError(error);
  }
}
