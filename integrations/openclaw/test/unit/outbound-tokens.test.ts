import assert from "node:assert/strict";
import { test } from "node:test";
import { messageToken, partToken, sendToken } from "../../src/outbound/tokens.js";

const QUEUE_ID = "0f8c9a52-8f0f-4b63-9d58-000000000001";

test("the same delivery has the same tokens, also in another process", () => {
  const send = sendToken({ deliveryQueueId: QUEUE_ID, deliveryPartIndex: 2 });
  assert.equal(send, `oc-${QUEUE_ID}-2`);
  assert.equal(messageToken(send, "file"), `oc-${QUEUE_ID}-2-f`);
  assert.equal(messageToken(send, { text: 3 }), `oc-${QUEUE_ID}-2-t3`);
});

test("a send without a part is the first part", () => {
  assert.equal(
    sendToken({ deliveryQueueId: QUEUE_ID }),
    sendToken({ deliveryQueueId: QUEUE_ID, deliveryPartIndex: 0 }),
  );
});

test("every message of every part of every delivery has a token of its own", () => {
  const tokens = new Set<string>();
  for (const deliveryQueueId of ["a", "a-0", "b", "\u{1f600}", "\u{1f601}"])
    for (const deliveryPartIndex of [0, 1, 10])
      for (const slot of ["file", { text: 0 }, { text: 1 }, { text: 10 }] as const)
        tokens.add(messageToken(sendToken({ deliveryQueueId, deliveryPartIndex }), slot));
  assert.equal(tokens.size, 5 * 3 * 4);
});

test("a send that the gateway does not keep is never repeated", () => {
  assert.notEqual(sendToken({}), sendToken({}));
});

test("tokens are what the agent takes: up to 128 printable ASCII characters", () => {
  for (const id of [QUEUE_ID, "x".repeat(500), "Grüße an alle", "a b", ""]) {
    const token = messageToken(partToken(`oc-${id}`, 99), { text: 999 });
    assert.match(token, /^[\x21-\x7e]{1,128}$/);
  }
  assert.notEqual(partToken("x".repeat(500), 0), partToken("x".repeat(501), 0));
});
