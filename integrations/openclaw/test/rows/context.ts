/** Quotes, reactions, polls and other actions on messages. */

import assert from "node:assert/strict";
import { promptOf } from "../harness/model.ts";
import { ACCOUNT, type Rig } from "../harness/rig.ts";
import { ACK } from "../harness/sides.ts";
import { until } from "../harness/wait.ts";
import { row } from "./row.ts";

const message = (args: Record<string, unknown>) => ({ tool: { name: "message", args } });

/** The model tries to change a message of the account; the official channel refuses, and the message stays. */
async function refusesChange(rig: Rig, action: string, more: Record<string, unknown> = {}): Promise<void> {
  const anna = rig.person();
  const first = rig.script({ text: "this stays" });
  await anna.say(`${first} well?`);
  const { id } = await anna.reads("this stays");
  const word = rig.script(message({ action, messageId: id, target: anna.number, ...more }), { text: "I cannot" });
  await anna.say(`${word} change it`);
  await anna.reads("I cannot");
  assert.match(rig.model.results(word).join(), /action: must be equal to one of the allowed values/);
  const shown = (await anna.inbox()).find((each) => each.id === id);
  assert.ok(shown?.content && !shown.edited && shown.text?.includes("this stays"), JSON.stringify(shown));
}

export const context = [
  row("Answers quote the question (`replyToMode`)", async (rig) => {
    const anna = rig.person();
    const word = rig.script({ text: "as you asked" });
    const id = await anna.say(`${word} quote me`);
    const answer = await anna.reads("as you asked");
    assert.equal(answer.content?.context?.quote?.id, id, JSON.stringify(answer.content));
  }),

  row("Quotes in questions reach the model", async (rig) => {
    const anna = rig.person();
    const first = rig.script({ text: "high water is at noon" });
    await anna.say(`${first} when?`);
    const { id, from } = await anna.reads("high water is at noon");
    const author = `${from.slice(1)}@s.whatsapp.net`;
    const word = rig.script({ text: "I know" });
    const quote = { id, author, content: { text: "high water is at noon" } };
    await anna.say({ text: `${word} are you certain?`, context: { quote } });
    const prompt = promptOf(await rig.asked(word));
    const turn = prompt.slice(prompt.lastIndexOf("Conversation info"));
    assert.match(`${prompt.slice(prompt.lastIndexOf(word) - 2_000)}${turn}`, /high water is at noon/);
    assert.ok(prompt.includes(id));
    await anna.reads("I know");
  }),

  row("Acknowledgement reactions (`ackReaction`)", async (rig) => {
    const anna = rig.person();
    const word = rig.script({ text: "noted" });
    const id = await anna.say(`${word} note this`);
    await anna.own(id, "the reaction", ({ reactions }) => reactions?.[ACCOUNT] === ACK);
    await anna.reads("noted");
  }),

  row("Status reactions (`statusReactions`)", async (rig) => {
    const anna = rig.person();
    const held = Promise.withResolvers<void>();
    const word = rig.script({ text: "status shown", holds: held.promise });
    const id = await anna.say(`${word} take your time`);
    await anna
      .own(id, "another reaction than the acknowledgement", ({ reactions }) => {
        const emoji = reactions?.[ACCOUNT];
        return emoji && emoji !== ACK;
      })
      .finally(held.resolve);
    await anna.reads("status shown");
  }),

  row("The model reacts", async (rig) => {
    const anna = rig.person();
    const first = rig.script({ text: "a wave" });
    const id = await anna.say(`${first} look at that`);
    await anna.reads("a wave");
    const word = rig.script(message({ action: "react", emoji: "🌊", messageId: id }), { text: "reacted" });
    await anna.say(`${word} react to that`);
    await anna.own(id, "the reaction", ({ reactions }) => reactions?.[ACCOUNT] === "🌊");
    await anna.reads("reacted");
  }),

  row("Polls", async (rig) => {
    const anna = rig.person();
    const poll = { action: "poll", pollQuestion: "When do we sail?", pollOption: ["dawn", "noon"] };
    const word = rig.script(message(poll), { text: "asked" });
    await anna.say(`${word} ask us`);
    const shown = await anna.gets("a poll", ({ content }) => content?.poll);
    assert.equal(shown.content?.poll.question, "When do we sail?");
    assert.deepEqual(shown.content?.poll.options, ["dawn", "noon"]);
  }),

  row("Messages that the model starts (`message send`)", async (rig) => {
    const [anna, ben] = [rig.person(), rig.person()];
    const send = message({ action: "send", channel: "whatsapp", target: ben.number, message: "Anna says hello" });
    const word = rig.script(send, { text: "passed on" });
    await anna.say(`${word} greet Ben`);
    await ben.reads("Anna says hello");
    await anna.reads("passed on");
  }),

  row(
    "Edits of sent messages",
    async (rig) => {
      const anna = rig.person();
      const first = rig.script({ text: "low water at six" });
      await anna.say(`${first} when?`);
      const { id } = await anna.reads("low water at six");
      const edit = message({ action: "edit", messageId: id, message: "low water at seven" });
      const word = rig.script(edit, { text: "corrected" });
      await anna.say(`${word} is that right?`);
      await until("the edit", async () =>
        (await anna.inbox()).find((each) => each.id === id && each.edited && each.text === "low water at seven"),
      );
    },
    { officialLacks: (rig) => refusesChange(rig, "edit", { message: "something else" }) },
  ),

  row(
    "Deletion of sent messages",
    async (rig) => {
      const anna = rig.person();
      const first = rig.script({ text: "a slip of the tongue" });
      await anna.say(`${first} well?`);
      const { id } = await anna.reads("a slip of the tongue");
      const word = rig.script(message({ action: "unsend", messageId: id }), { text: "taken back" });
      await anna.say(`${word} take it back`);
      await until("the deletion", async () => (await anna.inbox()).find((each) => each.id === id && !each.content));
    },
    { officialLacks: (rig) => refusesChange(rig, "unsend") },
  ),
];
