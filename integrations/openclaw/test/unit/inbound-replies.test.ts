import assert from "node:assert/strict";
import { test } from "node:test";
import { deliverable } from "../../src/inbound/replies.ts";

const TOOL = { kind: "tool" };

test("of tools, the chat gets files without their text, and no text alone", () => {
  assert.equal(deliverable({ text: "42 files read" }, TOOL), null);
  const file = { text: "the file", mediaUrl: "/tmp/still.jpg" };
  assert.deepEqual(deliverable(file, TOOL), { ...file, text: undefined });
});

test("the chat gets a question of ask_user, which comes as the text of a tool", () => {
  const question = { text: "Which harbour?", channelData: { askUser: { questionId: "ask_1" } } };
  assert.equal(deliverable(question, TOOL), question);
});

test("reasoning and notices are not for the chat, and errors only as the last word", () => {
  for (const kind of ["tool", "block", "final"]) {
    assert.equal(deliverable({ text: "hm", isReasoning: true }, { kind }), null);
    assert.equal(deliverable({ text: "compacted", isCompactionNotice: true }, { kind }), null);
  }
  const error = { text: "it failed", isError: true };
  assert.equal(deliverable(error, { kind: "block" }), null);
  assert.equal(deliverable(error, { kind: "final" }), error);
});
