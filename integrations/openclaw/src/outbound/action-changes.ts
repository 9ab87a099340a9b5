/** Actions on messages that exist: react, edit, unsend, delete, vote. */
import { readReactionParams, readStringArrayParam, readStringParam } from "openclaw/plugin-sdk/channel-actions";
import {
  type ActionContext,
  type ActionName,
  type ActionTarget,
  actionMessage,
  actionProgress,
  actionSender,
  actionText,
  type Handler,
} from "./action-context.js";
import { type Subject, sendDeletion, sendEdit, sendReaction, sendVote } from "./changes.js";

function subjectOf(ctx: ActionContext, target: ActionTarget, named?: string): Subject {
  const { messageId, isNamed } = named ? { messageId: named, isNamed: true } : actionMessage(ctx, target);
  const { fromMe } = ctx.params;
  const sender = actionSender(ctx, target, isNamed);
  return {
    to: target.to,
    messageId,
    progress: actionProgress(ctx),
    ...(typeof fromMe === "boolean" ? { fromMe } : {}),
    ...(sender ? { sender } : {}),
  };
}

const react: Handler = async (ctx, target) => {
  const { emoji, remove, isEmpty } = readReactionParams(ctx.params, {
    removeErrorMessage: "Emoji is required to remove a WhatsApp reaction.",
  });
  await sendReaction(target.outlet, { ...subjectOf(ctx, target), emoji: remove ? "" : emoji });
  return remove || isEmpty ? { removed: true } : { added: emoji };
};

const edit: Handler = async (ctx, target) => {
  const subject = subjectOf(ctx, target);
  await sendEdit(target.outlet, { ...subject, text: actionText(ctx) });
  return { messageId: subject.messageId, edited: true };
};

const unsend: Handler = async (ctx, target) => {
  const subject = subjectOf(ctx, target);
  await sendDeletion(target.outlet, { ...subject, fromMe: subject.sender ? false : (subject.fromMe ?? true) });
  return { messageId: subject.messageId, deleted: true };
};

const vote: Handler = async (ctx, target) => {
  const subject = subjectOf(ctx, target, readStringParam(ctx.params, "pollId"));
  const one = readStringParam(ctx.params, "pollOptionId");
  const options = readStringArrayParam(ctx.params, "pollOptionIds") ?? (one ? [one] : []);
  if (options.length === 0) throw new Error('name the options as they are in the poll, in "pollOptionIds"');
  await sendVote(target.outlet, { ...subject, options });
  return { messageId: subject.messageId, voted: options };
};

export const CHANGE_ACTIONS: Partial<Record<ActionName, Handler>> = {
  react,
  edit,
  unsend,
  delete: unsend,
  "poll-vote": vote,
};
