/** Typing, and read receipts. Neither is worth a failed reply: what goes wrong is not reported. */

import { type MessageRefInit, messageRef } from "./messages.js";
import type { Outlet } from "./outlet.js";
import { sendTarget } from "./targets.js";

/** A turn that never ends must not leave the account online for ever. */
const MAX_TYPING_MS = 5 * 60 * 1_000;
/** How long the gateway's heartbeat is shown to type: it sends no end of it in older versions. */
const HEARTBEAT_TYPING_MS = 30_000;
/** The agent marks up to this many messages in one call. */
const MAX_READ_MESSAGES = 256;

interface Typing {
  users: number;
  stop: AbortController;
}

const typing = new Map<string, Typing>();

/**
 * Shows in a chat that the account types, or records, until the returned function is called. Several turns in one chat
 * share it. The account is online meanwhile.
 */
export function startTyping(
  outlet: Outlet,
  to: string,
  options: { recording?: boolean; maxMs?: number } = {},
): () => void {
  const { recording = false, maxMs = MAX_TYPING_MS } = options;
  const key = JSON.stringify([outlet.accountId, to, recording]);
  let shown = typing.get(key);
  if (!shown || shown.stop.signal.aborted) {
    shown = { users: 0, stop: new AbortController() };
    typing.set(key, shown);
    void show(outlet, to, recording, shown.stop.signal);
  }
  const current = shown;
  current.users += 1;
  let stopped = false;
  const stop = () => {
    if (stopped) return;
    stopped = true;
    clearTimeout(limit);
    current.users -= 1;
    if (current.users > 0) return;
    current.stop.abort();
    if (typing.get(key) === current) typing.delete(key);
  };
  const limit = setTimeout(stop, maxMs);
  limit.unref();
  return stop;
}

async function show({ link }: Outlet, to: string, recording: boolean, signal: AbortSignal): Promise<void> {
  try {
    const stream = link.client.rpc.chats.setTyping({ to: sendTarget(to), recording }, { signal });
    for await (const _shown of stream) if (signal.aborted) return;
  } catch {
    // Stopped, or the agent is not connected.
  }
}

/** One end for each chat in which the gateway's heartbeat types. */
const heartbeats = new Map<string, () => void>();

/** Shows typing for a heartbeat; again while it lasts. */
export function heartbeatTyping(outlet: Outlet, to: string): void {
  const key = JSON.stringify([outlet.accountId, to]);
  const stop = startTyping(outlet, to, { maxMs: HEARTBEAT_TYPING_MS });
  heartbeats.get(key)?.();
  heartbeats.set(key, stop);
}

/** Ends it. */
export function clearHeartbeatTyping(outlet: Outlet, to: string): void {
  const key = JSON.stringify([outlet.accountId, to]);
  heartbeats.get(key)?.();
  heartbeats.delete(key);
}

/** A message to mark as read: its event, or its id in a chat. */
export type ReadMessage = { seq: bigint } | { chat: string; id: string; sender?: string };

/** Marks messages as read, for their senders and on the account's phone. Rejects as the agent does. */
export async function markRead(outlet: Outlet, messages: readonly ReadMessage[]): Promise<void> {
  const refs = await Promise.all(messages.map((message) => refOf(outlet, message)));
  for (let at = 0; at < refs.length; at += MAX_READ_MESSAGES)
    await outlet.link.client.rpc.chats.markRead({ messages: refs.slice(at, at + MAX_READ_MESSAGES) });
}

async function refOf(outlet: Outlet, message: ReadMessage): Promise<MessageRefInit> {
  if ("seq" in message) return { by: { case: "seq", value: message.seq } };
  return await messageRef(outlet, message.chat, message.id, { fromMe: false, sender: message.sender });
}
