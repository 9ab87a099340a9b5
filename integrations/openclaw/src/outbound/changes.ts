/** Changes of messages that exist: reactions, edits, deletions, votes. */
import { randomUUID } from "node:crypto";
import { sendError } from "./failures.js";
import { textFormat, toMessages, visibleText } from "./formatting.js";
import { type MessageHint, type MessageRefInit, messageRef } from "./messages.js";
import type { Outlet } from "./outlet.js";
import { dispatch, type Progress, withMentions } from "./sending.js";
import { sendTarget } from "./targets.js";

/** The message to change, by WhatsApp's id. */
export interface Subject extends MessageHint {
  to: string;
  messageId: string;
  /** The token of the change. Without one, a repeated call is another change. */
  token?: string | undefined;
  progress?: Progress | undefined;
}

type Payload = NonNullable<Parameters<typeof dispatch>[1]["payload"]>;

/** Reacts to a message. An empty emoji takes the reaction back. Returns the reaction's own id. */
export async function sendReaction(outlet: Outlet, subject: Subject & { emoji: string }): Promise<string> {
  return await change(outlet, subject, (target) => ({ case: "reaction", value: { target, emoji: subject.emoji } }));
}

/** Replaces a text of the account. It must fit into one message. */
export async function sendEdit(outlet: Outlet, subject: Subject & { text: string }): Promise<string> {
  const [text, more] = toMessages(visibleText(subject.text), textFormat(outlet.cfg, outlet.accountId));
  if (!text) throw new Error("an edit needs a visible text; to remove the message, delete it");
  if (more) throw new Error("the new text is longer than one WhatsApp message");
  const { text: body, mentions } = await withMentions(outlet, sendTarget(subject.to), text);
  const content = { kind: { case: "text" as const, value: { body } }, mentions };
  return await change(outlet, { ...subject, fromMe: true }, (target) => ({ case: "edit", value: { target, content } }));
}

/** Deletes a message for everyone. */
export async function sendDeletion(outlet: Outlet, subject: Subject): Promise<string> {
  return await change(outlet, subject, (target) => ({ case: "deletion", value: { target } }));
}

/** Votes in a poll; without options the vote is taken back. */
export async function sendVote(outlet: Outlet, subject: Subject & { options: readonly string[] }): Promise<string> {
  const options = subject.options.map((name) => ({ name }));
  return await change(outlet, subject, (target) => ({ case: "pollVote", value: { target, options } }));
}

async function change(outlet: Outlet, subject: Subject, payload: (target: MessageRefInit) => Payload): Promise<string> {
  try {
    const to = sendTarget(subject.to);
    const target = await messageRef(outlet, to, subject.messageId, subject);
    const clientToken = subject.token ?? `oc-live-${randomUUID()}`;
    const { messageId } = await dispatch(outlet, { to, payload: payload(target), clientToken }, subject.progress);
    return messageId;
  } catch (error) {
    throw sendError(error);
  }
}
