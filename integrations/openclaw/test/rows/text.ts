/** Texts, in and out. */

import assert from "node:assert/strict";
import { WORK } from "../harness/rig.ts";
import { until } from "../harness/wait.ts";
import { row } from "./row.ts";

const LIMIT = 4_000;

export const text = [
  row("Direct messages", async (rig) => {
    const anna = rig.person();
    const word = rig.script({ text: "hello to you" });
    await anna.say(`${word} hello`);
    await anna.reads("hello to you");
    assert.equal((await anna.inbox()).length, 1);
  }),

  row("Long answers in several messages", async (rig) => {
    const anna = rig.person();
    const paragraph = (index: number) => `Paragraph ${index}: ${"the tide comes and goes. ".repeat(60)}`;
    const word = rig.script({ text: Array.from({ length: 6 }, (_, index) => paragraph(index)).join("\n\n") });
    await anna.say(`${word} all of it`);
    await anna.reads("Paragraph 5");
    const texts = (await anna.inbox()).map((shown) => shown.text ?? "");
    assert.ok(texts.length >= 3, `${texts.length} messages`);
    assert.ok(texts.every((each) => each.length <= LIMIT));
    assert.deepEqual(
      texts.join("").match(/Paragraph \d/g),
      [0, 1, 2, 3, 4, 5].map((index) => `Paragraph ${index}`),
    );
  }),

  row("Markdown", async (rig) => {
    const anna = rig.person();
    const word = rig.script({ text: "**bold** and ~~gone~~ and `code`" });
    await anna.say(`${word} format this`);
    await anna.reads("*bold* and ~gone~ and ");
  }),

  row("Several accounts in one gateway", async (rig) => {
    const anna = rig.person(WORK);
    const word = rig.script({ text: "this is the office" });
    await anna.say(`${word} who is there?`);
    const answer = await anna.reads("this is the office");
    assert.equal(answer.from, WORK);
    const other = rig.person();
    const second = rig.script({ text: "this is home" });
    await other.say(`${second} who is there?`);
    assert.notEqual((await other.reads("this is home")).from, WORK);
  }),

  row("Typing is shown while the model works", async (rig) => {
    const { owner, device } = rig;
    const seen = () =>
      device.events.filter((event) => event.item === "typing" && event.typing.state === "typing").length;
    const before = seen();
    const held = Promise.withResolvers<void>();
    const word = rig.script({ text: "done thinking", holds: held.promise });
    await owner.say(`${word} think`);
    await rig.asked(word);
    await until("typing", () => seen() > before).finally(held.resolve);
    await owner.reads("done thinking");
  }),

  row("Read receipts", async (rig) => {
    const word = rig.script({ text: "seen it" });
    const sent = JSON.parse(await rig.device.must("send", rig.owner.account, `${word} read this`, "--json"));
    await until("a read receipt", () =>
      rig.device.events.some(
        ({ receipt }) => receipt?.state === "read" && receipt.message_ids.includes(sent.message_id),
      ),
    );
    await rig.owner.reads("seen it");
  }),
];
