/** What leaves the gateway: the adapters of the channel, and the functions with which the inbound side answers. */
import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import type { createChatChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import { agentOf } from "../agents.js";
import { type Account, resolveAccount } from "../config/account.js";
import { deliverReply as deliver, type Reply } from "./adapter.js";
import { sendReaction as react, type Subject } from "./changes.js";
import type { Outlet } from "./outlet.js";
import { type ReadMessage, markRead as read, startTyping as type } from "./presence.js";
import { type ArrivedReaction, resolveReaction as resolve } from "./prompts.js";

export { actions } from "./actions.js";
export { message, outbound } from "./adapter.js";
export { approvalCapability } from "./approvals.js";
export { agentPrompt } from "./guidance.js";
export { heartbeat } from "./heartbeat.js";
export { forgetMessages, rememberMessage, type SeenMessage } from "./messages.js";
export { drainDeliveries } from "./queue.js";
export { bindings, messaging } from "./route.js";

type Threading = NonNullable<Parameters<typeof createChatChannelPlugin<Account>>[0]["threading"]>;

/** Whether replies quote what they answer is a setting of the account. */
export const threading: Threading = {
  scopedAccountReplyToMode: {
    resolveAccount,
    resolveReplyToMode: (account: Account) => account.settings.replyToMode,
  },
};

/** An account with the configuration that it is from. */
export interface Sender {
  cfg: OpenClawConfig;
  account: Account;
}

function outletFor({ cfg, account }: Sender): Outlet {
  return { cfg, account, accountId: account.id, link: agentOf(account) };
}

/** Sends a reply that does not pass the gateway's durable queue. */
export function deliverReply({ cfg, account, ...reply }: Sender & Omit<Reply, "outlet">): ReturnType<typeof deliver> {
  return deliver({ ...reply, outlet: outletFor({ cfg, account }) });
}

/** Reacts to a message; an empty emoji takes the reaction back. */
export async function sendReaction({
  cfg,
  account,
  chat,
  ...subject
}: Sender & Omit<Subject, "to"> & { chat: string; emoji: string }): Promise<string> {
  return await react(outletFor({ cfg, account }), { ...subject, to: chat });
}

/** Shows typing until the returned function is called. Never throws. */
export function startTyping({ cfg, account, to, recording }: Sender & { to: string; recording?: boolean }): () => void {
  try {
    return type(outletFor({ cfg, account }), to, recording ? { recording } : {});
  } catch {
    return () => {};
  }
}

/** Marks messages as read. Rejects as the agent does. */
export async function markRead({
  cfg,
  account,
  messages,
}: Sender & { messages: readonly ReadMessage[] }): Promise<void> {
  await read(outletFor({ cfg, account }), messages);
}

/** Resolves the approval or the question that a reaction answers. False if it answers none. */
export async function resolveReaction({
  cfg,
  account,
  ...reaction
}: Sender & Omit<ArrivedReaction, "outlet">): Promise<boolean> {
  return await resolve({ ...reaction, outlet: { cfg, accountId: account.id } });
}
