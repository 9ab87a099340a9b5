/** Questions to a person while the model's turn waits: approvals, and `ask_user`. */

import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Person } from "../harness/person.ts";
import type { Rig } from "../harness/rig.ts";
import { until } from "../harness/wait.ts";
import { row } from "./row.ts";

const QUESTION = {
  id: "harbour",
  header: "Harbour",
  question: "Which harbour do we sail to?",
  options: [{ label: "North" }, { label: "South" }],
};

/** A turn in which the model calls a tool, and then says `text`. */
function calling(rig: Rig, name: string, args: Record<string, unknown>, text: string): string {
  return rig.script({ tool: { name, args } }, { text });
}

const approvalOf = (person: Person, subject: string) =>
  person.gets("a request for an approval", ({ text }) => text?.includes("👍") && text.includes(subject));

/** Scripts a command that makes a file. */
function touching(rig: Rig, name: string): { word: string; made: () => Promise<boolean> } {
  const path = join(rig.gateway.workspace, name);
  const word = calling(rig, "exec", { command: `touch ${path}` }, "the command is with you");
  return {
    word,
    made: () =>
      access(path).then(
        () => true,
        () => false,
      ),
  };
}

/** The official channel takes a question for a tool's output, and drops it: the model gets an error. */
async function asksNobody(rig: Rig): Promise<void> {
  const anna = rig.person();
  const word = calling(rig, "ask_user", { questions: [QUESTION] }, "no course is set");
  await anna.say(`${word} let us sail`);
  await anna.reads("no course is set");
  assert.match(rig.model.results(word).join(), /prompt delivery failed/);
  assert.ok((await anna.inbox()).every(({ text }) => !text?.includes(QUESTION.question)));
}

export const prompts = [
  row("Approvals of commands by 👍", async (rig) => {
    const anna = rig.person();
    const { word, made } = touching(rig, "approved");
    await anna.say(`${word} make the file`);
    const { id } = await approvalOf(anna, "touch");
    assert.equal(await made(), false);
    await anna.reacts(id, "👍");
    await until("the file", made);
  }),

  row("Denials of commands by 👎", async (rig) => {
    const anna = rig.person();
    const { word, made } = touching(rig, "denied");
    await anna.say(`${word} make the file`);
    const { id } = await approvalOf(anna, "touch");
    await anna.reacts(id, "👎");
    await anna.gets("the denial", ({ text }) => /denied/i.test(text ?? ""));
    assert.equal(await made(), false);
  }),

  row("Approvals of plugins' actions by 👍", async (rig) => {
    const anna = rig.person();
    const word = calling(rig, "open_gate", {}, "done with the gate");
    await anna.say(`${word} open it`);
    const { id } = await approvalOf(anna, "Open the gate");
    assert.deepEqual(rig.model.results(word), []);
    await anna.reacts(id, "👍");
    await anna.reads("done with the gate");
    assert.match(rig.model.results(word).join(), /the gate is open/);
  }),

  row(
    "Questions of the model (`ask_user`) answered by reaction",
    async (rig) => {
      const anna = rig.person();
      const word = calling(rig, "ask_user", { questions: [QUESTION] }, "the course is set");
      await anna.say(`${word} let us sail`);
      const { id } = await anna.gets("the question", ({ text }) => text?.includes("2️⃣"));
      await anna.reacts(id, "2️⃣");
      await anna.reads("the course is set");
      assert.match(rig.model.results(word).join(), /answered.*South/s);
    },
    { officialLacks: asksNobody },
  ),

  row(
    "Questions of the model (`ask_user`) answered in words",
    async (rig) => {
      const anna = rig.person();
      const word = calling(rig, "ask_user", { questions: [QUESTION] }, "the course is east");
      await anna.say(`${word} let us sail`);
      await anna.reads(QUESTION.question);
      await anna.say("East");
      await anna.reads("the course is east");
      assert.match(rig.model.results(word).join(), /answered.*East/s);
    },
    { officialLacks: asksNobody },
  ),
];
