import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Event, ListEventsRequest } from "@openclaw-agent/client";
import type { Link } from "../../src/agents.js";
import {
  forgetMessages,
  knownMessageRef,
  messageRef,
  rememberMessage,
  seenMessage,
} from "../../src/outbound/messages.js";

const ACCOUNT = "messages-test";
const [ANN, ANN_LID, GROUP] = ["+15550100101", "111@lid", "120363000000000001@g.us"];

beforeEach(() => forgetMessages(ACCOUNT));

/** An agent that keeps these events, and returns them in pages of one. */
function keeping(...events: object[]): { link: Link; asked: Partial<ListEventsRequest>[] } {
  const asked: Partial<ListEventsRequest>[] = [];
  const listEvents = async (request: Partial<ListEventsRequest>) => {
    asked.push(request);
    const at = Number(request.pageToken || 0);
    return { events: events.slice(at, at + 1) as Event[], nextPageToken: at + 1 < events.length ? String(at + 1) : "" };
  };
  return { link: { client: { rpc: { agent: { listEvents } } } } as never, asked };
}

const source = (link: Link) => ({ accountId: ACCOUNT, link });
const unreachable = { client: { rpc: { agent: { listEvents: () => Promise.reject(new Error("down")) } } } } as never;

test("a message that was seen is named by its event", async () => {
  rememberMessage(ACCOUNT, { id: "A", chat: ANN_LID, seq: 7n, sender: { phone: ANN, lid: ANN_LID }, fromMe: false });
  const { link, asked } = keeping();
  for (const target of [ANN, ANN_LID])
    assert.deepEqual(await messageRef(source(link), target, "A"), { by: { case: "seq", value: 7n } });
  assert.deepEqual(asked, []);
});

test("a message that was sent is named by its key: the account is its author", async () => {
  rememberMessage(ACCOUNT, { id: "A", chat: ANN_LID, fromMe: true });
  const ref = await messageRef(source(keeping().link), ANN, "A");
  assert.deepEqual(ref, { by: { case: "key", value: { chat: ANN_LID, id: "A" } } });
});

test("the same id in two chats is two messages", () => {
  rememberMessage(ACCOUNT, { id: "A", chat: GROUP, seq: 1n, fromMe: false });
  rememberMessage(ACCOUNT, { id: "A", chat: ANN_LID, seq: 2n, sender: { phone: ANN }, fromMe: false });
  assert.equal(seenMessage(ACCOUNT, GROUP, "A")?.seq, 1n);
  assert.equal(seenMessage(ACCOUNT, ANN, "A")?.seq, 2n);
  assert.equal(seenMessage(ACCOUNT, "120363000000000002@g.us", "A"), undefined);
  assert.equal(seenMessage("another", ANN, "A"), undefined);
});

test("a message that is not remembered is found in the agent's events, and remembered", async () => {
  const origin = { id: "B", chat: GROUP, sender: { phone: ANN, lid: ANN_LID } };
  const { link, asked } = keeping(
    { seq: 9n, kind: { case: "outcome", value: { messageId: "C", chat: GROUP } } },
    { seq: 8n, kind: { case: "message", value: { origin } } },
  );
  assert.deepEqual(await messageRef(source(link), GROUP, "B"), { by: { case: "seq", value: 8n } });
  assert.equal(asked.length, 2);
  assert.deepEqual(asked[0]?.filter?.chats, [GROUP]);
  await messageRef(source(link), GROUP, "B");
  assert.equal(asked.length, 2);
});

test("a message that no one has is named by its key, with the author as far as known", async () => {
  const key = async (target: string, hint = {}) => {
    const { by } = await messageRef(source(unreachable), target, "X", hint);
    return by.case === "key" ? by.value.sender : assert.fail("not a key");
  };
  assert.deepEqual(await key(ANN), { phone: ANN, lid: "" });
  assert.equal(await key(ANN, { fromMe: true }), undefined);
  assert.equal(await key(GROUP), undefined);
  assert.deepEqual(await key(GROUP, { sender: "15550100101@s.whatsapp.net" }), { phone: ANN, lid: "" });
  assert.deepEqual(await key(GROUP, { sender: ANN_LID }), { phone: "", lid: ANN_LID });
});

test("a message that no one has is not quoted", async () => {
  assert.equal(await knownMessageRef(source(unreachable), ANN, "X"), undefined);
  assert.equal(await knownMessageRef(source(keeping().link), ANN, "X"), undefined);
});

test("the memory is bounded", () => {
  for (let at = 0; at <= 5_000; at += 1)
    rememberMessage(ACCOUNT, { id: `${at}`, chat: GROUP, seq: BigInt(at), fromMe: false });
  assert.equal(seenMessage(ACCOUNT, GROUP, "0"), undefined);
  assert.equal(seenMessage(ACCOUNT, GROUP, "1")?.seq, 1n);
});
