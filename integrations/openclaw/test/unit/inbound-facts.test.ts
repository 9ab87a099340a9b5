import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  ChatKind,
  type ContentSchema,
  EventSchema,
  LinkState,
  LinkStatusSchema,
  MediaKind,
  type MessageSchema,
  type OriginSchema,
  QuoteCheck,
} from "@openclaw-agent/client";
import { join } from "../../src/inbound/debounce.ts";
import { chatNamesOf, type InboundMessage, messageOf } from "../../src/inbound/facts.ts";
import { HeldMedia } from "../../src/inbound/held-media.ts";
import { GroupHistories, historyLimit } from "../../src/inbound/history.ts";
import { isMentioned, withoutMentions } from "../../src/inbound/mentions.ts";
import { samePerson } from "../../src/inbound/person.ts";
import { linkPatch, lostPatch } from "../../src/inbound/status.ts";

const ANNA = { phone: "+15550100002", lid: "9002@lid" };
const SELF = { linked: true, phone: "+15550100001", lid: "9001@lid" };
const GROUP = "120363000000000001@g.us";

type MessageInit = Omit<MessageInitShape<typeof MessageSchema>, "origin" | "$typeName"> & {
  origin?: Omit<MessageInitShape<typeof OriginSchema>, "$typeName">;
};

function factsOf(message: MessageInit, chatWith: { phone?: string; lid?: string } | undefined = ANNA) {
  const origin = {
    id: "A1",
    chat: "9002@lid",
    chatKind: ChatKind.PERSON,
    sender: ANNA,
    pushName: "Anna",
    ...message.origin,
  };
  const event = create(EventSchema, {
    seq: 4n,
    chatWith,
    kind: { case: "message", value: { ...message, origin } },
  });
  if (event.kind.case !== "message") throw new Error("no message");
  return { event, facts: messageOf(event, event.kind.value) };
}

const text = (body: string) => ({ kind: { case: "text" as const, value: { body } } });

test("a direct message is in the chat of the sender's number", () => {
  const { facts, event } = factsOf({ content: text(" hello ") });
  assert.equal(facts?.conversationId, "+15550100002");
  assert.equal(facts?.chat, "9002@lid");
  assert.equal(facts?.body, "hello");
  assert.deepEqual(facts?.sender, { ...ANNA, name: "Anna" });
  assert.deepEqual(new Set(chatNamesOf(event)), new Set(["9002@lid", "+15550100002", "15550100002@s.whatsapp.net"]));
});

test("a sender without a known number is in the chat of the LID", () => {
  const { facts } = factsOf({ content: text("hi"), origin: { sender: { lid: "9002@lid" } } }, { lid: "9002@lid" });
  assert.equal(facts?.conversationId, "9002@lid");
});

test("a group is named by its JID", () => {
  const origin = { chat: GROUP, chatKind: ChatKind.GROUP, chatName: "Boats" };
  const { facts } = factsOf({ content: text("hi"), origin }, undefined);
  assert.equal(facts?.kind, "group");
  assert.equal(facts?.conversationId, GROUP);
  assert.equal(facts?.groupName, "Boats");
});

test("status updates and channels are no messages", () => {
  for (const chatKind of [ChatKind.STATUS, ChatKind.CHANNEL, ChatKind.UNSPECIFIED])
    assert.equal(factsOf({ content: text("hi"), origin: { chatKind } }).facts, undefined);
});

test("what carries nothing to read is no message", () => {
  const kinds: MessageInitShape<typeof ContentSchema>["kind"][] = [
    { case: "album" as const, value: { images: 2 } },
    { case: "pollVote" as const, value: {} },
    { case: "pin" as const, value: {} },
    { case: "timerChange" as const, value: {} },
    { case: "text" as const, value: { body: "  " } },
  ];
  for (const kind of kinds) assert.equal(factsOf({ content: { kind } }).facts, undefined, kind?.case);
});

test("a picture without a caption has no text, and its type", () => {
  const media = { kind: MediaKind.IMAGE, downloadable: true, width: 4, height: 3, sizeBytes: 99n };
  const { facts } = factsOf({ content: { kind: { case: "media", value: media } } });
  assert.equal(facts?.body, "");
  assert.deepEqual(facts?.media, {
    kind: "image",
    contentType: "image/jpeg",
    downloadable: true,
    width: 4,
    height: 3,
    sizeBytes: 99,
  });
});

test("every kind of file has the kind that the gateway knows", () => {
  const expected = {
    [MediaKind.VOICE]: "audio",
    [MediaKind.AUDIO]: "audio",
    [MediaKind.GIF]: "video",
    [MediaKind.VIDEO_NOTE]: "video",
    [MediaKind.STICKER]: "sticker",
    [MediaKind.DOCUMENT]: "document",
  };
  for (const [kind, name] of Object.entries(expected)) {
    const { facts } = factsOf({ content: { kind: { case: "media", value: { kind: Number(kind) } } } });
    assert.equal(facts?.media?.kind, name);
  }
});

test("a place is text, and coordinates", () => {
  const value = { latitude: -36.84846, longitude: 174.76333, name: "Ferry Building" };
  const { facts } = factsOf({ content: { kind: { case: "location", value } } });
  assert.match(facts?.body ?? "", /-36\.848/);
  assert.equal(facts?.location?.source, "place");
});

test("a poll is its question and its options", () => {
  const value = { question: "When?", options: [{ name: "today" }, { name: "tomorrow" }] };
  assert.equal(factsOf({ content: { kind: { case: "poll", value } } }).facts?.body, "When?\n- today\n- tomorrow");
});

test("contact cards are a placeholder, with the numbers apart from it", () => {
  const cards = [
    { name: "Bert", phones: ["+15550100003"] },
    { name: "", phones: [] },
  ];
  const { facts } = factsOf({ content: { kind: { case: "contacts", value: { cards } } } });
  assert.equal(facts?.body, "<contacts: 2 contacts>");
  assert.deepEqual(facts?.contacts?.contacts[0], { name: "Bert", phones: ["+15550100003"] });
});

test("a quote that the agent's events contradict is not credible", () => {
  const quoted = { id: "Q", sender: SELF, text: "I owe you 100", check: QuoteCheck.DIFFERENT };
  const of = (check: QuoteCheck) => {
    const { $typeName: _, ...rest } = { $typeName: undefined, ...quoted, check };
    return factsOf({ content: text("so?"), quoted: { ...rest, sender: { phone: SELF.phone, lid: SELF.lid } } }).facts
      ?.quote;
  };
  assert.equal(of(QuoteCheck.DIFFERENT)?.credible, false);
  assert.equal(of(QuoteCheck.CONFIRMED)?.credible, true);
  assert.equal(of(QuoteCheck.UNKNOWN)?.credible, true);
});

test("a person is the same by number or by LID", () => {
  assert.ok(samePerson({ phone: "+1555" }, { phone: "+1555", lid: "1@lid" }));
  assert.ok(samePerson({ lid: "1@lid" }, { phone: "+1555", lid: "1@lid" }));
  assert.ok(!samePerson({}, {}));
  assert.ok(!samePerson({ phone: "+1555" }, { lid: "1@lid" }));
});

test("the account is mentioned by number, by LID, by pattern or by its digits", () => {
  const of = (body: string, mentions: { phone?: string; lid?: string }[] = [], patterns: RegExp[] = []) =>
    isMentioned({ text: body, mentions, self: SELF, patterns });
  assert.ok(of("hi", [{ lid: "9001@lid" }]));
  assert.ok(of("hi", [{ phone: "+15550100001" }]));
  assert.ok(of("hey claw", [], [/\bclaw\b/i]));
  assert.ok(of("call +1 555 010 0001 please"));
  assert.ok(!of("hi"));
  // Someone else is addressed.
  assert.ok(!of("@15550100003 call +15550100001", [{ phone: "+15550100003" }]));
});

test("a command is found behind a mention", () => {
  assert.equal(withoutMentions("@15550100001 /status", [], SELF), "/status");
  assert.equal(withoutMentions("@9001 /status", [], SELF), "/status");
  assert.equal(withoutMentions("claw: /new", [/claw:/i], SELF), "/new");
});

function groupMessage(id: string, body: string): InboundMessage {
  return {
    seq: 1n,
    id,
    chat: GROUP,
    kind: "group",
    conversationId: GROUP,
    sender: { ...ANNA, name: "Anna" },
    fromMe: false,
    body,
    commandBody: body,
    mentions: [],
    mentionsAccount: false,
  };
}

test("the history of a group has the newest messages, as they were edited", () => {
  const histories = new GroupHistories();
  for (const id of ["a", "b", "c"]) histories.record(`k:${GROUP}`, groupMessage(id, `text ${id}`), 2);
  histories.change("c", GROUP, "text c2");
  assert.deepEqual(
    histories.pending(`k:${GROUP}`).map(({ body }) => body),
    ["text b", "text c2"],
  );
  histories.change("b", GROUP, undefined);
  assert.equal(histories.pending(`k:${GROUP}`).length, 1);
  histories.clear(`k:${GROUP}`);
  assert.deepEqual(histories.pending(`k:${GROUP}`), []);
});

test("a limit of 0 keeps no history", () => {
  assert.equal(historyLimit(0), 0);
  assert.equal(historyLimit(undefined), 50);
  assert.equal(historyLimit(100_000), 200);
  const histories = new GroupHistories();
  histories.record("k", groupMessage("a", "text"), 0);
  assert.deepEqual(histories.pending("k"), []);
});

test("members are listed with the names of those who have written", () => {
  const histories = new GroupHistories();
  histories.noteMember("k", { phone: "+15550100002", name: "Anna" });
  assert.equal(
    histories.members("k", ["+15550100002", "+15550100003"], undefined),
    "Anna (+15550100002), +15550100003",
  );
  assert.equal(histories.members("other", undefined, "+15550100009"), "+15550100009");
});

test("messages in quick succession are one, with all that they mention", () => {
  const joined = join([
    { ...groupMessage("a", "one"), mentions: [{ phone: "+15550100001" }] },
    { ...groupMessage("b", "two"), mentions: [{ phone: "+15550100001" }, { lid: "7@lid" }] },
  ]);
  assert.equal(joined?.body, "one\ntwo");
  assert.equal(joined?.id, "b");
  assert.equal(joined?.mentions.length, 2);
  assert.equal(joined?.batched, true);
});

test("a file that the answer has again is sent once", async () => {
  const sent: string[] = [];
  const held = new HeldMedia<string, boolean>(async (payload) => {
    sent.push(payload);
    return true;
  }, false);
  const first = held.hold("only file", ["/a.png"]);
  const second = held.hold("other file", ["/b.png"]);
  assert.equal(await held.release(new Set(["/a.png"])), 1);
  held.supersede(["/a.png"]);
  assert.equal(await held.release(), 0);
  assert.deepEqual(sent, ["other file"]);
  assert.deepEqual(await Promise.all([first, second]), [false, true]);
});

test("no status says that the account is not linked", () => {
  for (const state of Object.values(LinkState).filter((each) => typeof each === "number")) {
    const patch = linkPatch(create(LinkStatusSchema, { state }), 1);
    assert.ok(!("linked" in patch));
    assert.notEqual(patch.terminalDisconnect, true);
    assert.equal(patch.connected, state === LinkState.CONNECTED);
  }
  assert.equal(lostPatch({ message: "no answer", hint: "start it" }, 1).lastError, "no answer: start it");
});
