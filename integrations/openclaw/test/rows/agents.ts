/** Which agents answer, of several in one gateway. */

import assert from "node:assert/strict";
import { MATE } from "../harness/gateway.ts";
import { ACCOUNT } from "../harness/rig.ts";
import { until } from "../harness/wait.ts";
import { mentioning } from "./access.ts";
import { row } from "./row.ts";

export const agents = [
  row("Agents bound to a person (`bindings`)", async (rig) => {
    const { person } = rig.bound.mate;
    const word = rig.script({ text: "the mate speaks" });
    await person.say(`${word} who is there?`);
    await person.reads("the mate speaks");
    assert.equal((await rig.asked(word)).model, MATE);
  }),

  row("Agents bound to a group (`bindings`)", async (rig) => {
    const { person, other, group } = rig.bound.mate;
    const word = rig.script({ text: "the mate is here" });
    await person.say(await mentioning(rig, `${word} who is there?`), group);
    assert.equal((await other.reads("the mate is here")).chat, group);
    assert.equal((await rig.asked(word)).model, MATE);
  }),

  row("ACP sessions bound to a person (`bindings`)", async (rig) => {
    const { person } = rig.bound.coder;
    const word = rig.marker();
    await person.say(`${word} write a program`);
    await person.reads("codex repeats: ");
    assert.deepEqual(rig.model.asked(word), []);
  }),

  row("ACP sessions bound to a group (`bindings`)", async (rig) => {
    const { person, other, group } = rig.bound.coder;
    const word = rig.marker();
    await person.say(await mentioning(rig, `${word} write a program`), group);
    assert.equal((await other.reads("codex repeats: ")).chat, group);
    assert.deepEqual(rig.model.asked(word), []);
  }),

  row("Several agents answer in a group (`broadcast`)", async (rig) => {
    const { person, other, group } = rig.bound.crew;
    const word = rig.script({ text: "aye" });
    await person.say(await mentioning(rig, `${word} all hands?`), group);
    await until("two answers", async () => (await other.inbox()).filter(({ from }) => from === ACCOUNT).length === 2);
    assert.deepEqual(new Set(rig.model.asked(word).map(({ model }) => model)), new Set(["echo", MATE]));
  }),
];
