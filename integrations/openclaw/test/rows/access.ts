/** Who is answered: allowlist, pairing, groups, mentions, the account itself. */

import assert from "node:assert/strict";
import type { Json } from "../harness/json.ts";
import { promptOf } from "../harness/model.ts";
import type { Person } from "../harness/person.ts";
import type { Rig } from "../harness/rig.ts";
import { ACCOUNT, WORK } from "../harness/rig.ts";
import { until } from "../harness/wait.ts";
import { row } from "./row.ts";

const PAIRING_CODE = /[A-Z0-9]{8}/;

/** A text that mentions the account, as phones write it. */
export async function mentioning(rig: Rig, text: string): Promise<Record<string, unknown>> {
  const lid = await lidOf(rig, ACCOUNT);
  return { text: `@${lid.split("@")[0]} ${text}`, context: { mentions: [lid] } };
}

/** A person asks for access, and it is approved, as in the Control UI. Returns what the gateway did about the notification. */
async function pair(rig: Rig, person: Person, { notify = false, senderId = person.number } = {}): Promise<string> {
  await person.say("may I?");
  await person.gets("a pairing code", (shown) => PAIRING_CODE.test(shown.text ?? ""));
  const { requests } = await rig.gateway.rpc.call("channels.pairing.list", { channel: "whatsapp" });
  const { requestId, accountId } = requests.find((each: Json) => each.senderId === senderId) ?? {};
  assert.ok(requestId, `the request is on the list: ${JSON.stringify(requests)}`);
  const request = { channel: "whatsapp", accountId, requestId, notify };
  return (await rig.gateway.rpc.call("channels.pairing.approve", request)).notification;
}

async function lidOf(rig: Rig, account: string): Promise<string> {
  const accounts: { account: string; lid: string }[] = await rig.simulator.get("/accounts");
  const lid = accounts.find((each) => each.account === account)?.lid;
  assert.ok(lid);
  return lid;
}

export const access = [
  row("Allowlist: others get no answer", async (rig) => {
    const stranger = rig.stranger(WORK);
    const word = rig.script({ text: "not for you" });
    await stranger.say(`${word} let me in`);
    const [anna, next] = [rig.person(WORK), rig.script({ text: "for you" })];
    await anna.say(`${next} and me?`);
    await anna.reads("for you");
    assert.deepEqual(rig.model.asked(word), []);
    assert.deepEqual(await stranger.inbox(), []);
  }),

  row("Pairing: a code, an approval, an answer", async (rig) => {
    const stranger = rig.stranger();
    await pair(rig, stranger);
    const word = rig.script({ text: "welcome" });
    await stranger.say(`${word} thanks`);
    await stranger.reads("welcome");
  }),

  row(
    "Pairing: the person is notified of the approval",
    async (rig) => {
      const stranger = rig.stranger();
      assert.equal(await pair(rig, stranger, { notify: true }), "sent");
      await stranger.reads("access approved");
    },
    {
      officialLacks: async (rig) => {
        const stranger = rig.stranger();
        assert.equal(await pair(rig, stranger, { notify: true }), "unsupported");
        assert.equal((await stranger.inbox()).length, 1, "nothing but the code");
      },
    },
  ),

  row(
    "People who hide their number (only a LID)",
    async (rig) => {
      const hidden = rig.stranger();
      const lid = await rig.hide(hidden);
      await pair(rig, hidden, { senderId: lid });
      const word = rig.script({ text: "I do not know your number" });
      await hidden.say(`${word} do you know me?`);
      await hidden.reads("I do not know your number");
      const prompt = promptOf(await rig.asked(word));
      assert.ok(prompt.includes(lid.split("@")[0] ?? lid) && !prompt.includes(hidden.number.slice(1)));
    },
    {
      officialLacks: async (rig) => {
        const [hidden, anna] = [rig.stranger(), rig.person()];
        await rig.hide(hidden);
        await hidden.say("may I?");
        const word = rig.script({ text: "I know you" });
        await anna.say(`${word} and me?`);
        await anna.reads("I know you");
        assert.deepEqual(await hidden.inbox(), []);
      },
    },
  ),

  row("Groups: members who hide their number (only a LID)", async (rig) => {
    const [hidden, ben] = [rig.person(), rig.person()];
    await rig.hide(hidden);
    const group = await rig.group("Hidden", hidden, ben);
    const word = rig.script({ text: "whoever you are" });
    await hidden.say(await mentioning(rig, `${word} do you know me?`), group);
    assert.equal((await ben.reads("whoever you are")).chat, group);
  }),

  row("Groups: no answer without a mention", async (rig) => {
    const [anna, ben] = [rig.person(), rig.person()];
    const group = await rig.group("Quiet", anna, ben);
    const word = rig.script({ text: "nobody asked me" });
    await anna.say(`${word} talking to Ben`, group);
    const next = rig.script({ text: "now you do" });
    await anna.say(await mentioning(rig, `${next} and you?`), group);
    await ben.reads("now you do");
    assert.deepEqual(rig.model.asked(word), []);
    assert.equal((await ben.inbox()).filter(({ from }) => from === ACCOUNT).length, 1);
  }),

  row("Groups: an answer to a mention", async (rig) => {
    const [anna, ben] = [rig.person(), rig.person()];
    const group = await rig.group("Mentions", anna, ben);
    const word = rig.script({ text: "you called" });
    await anna.say(await mentioning(rig, `${word} hello`), group);
    const answer = await ben.reads("you called");
    assert.equal(answer.chat, group);
  }),

  row("Groups: an answer to a reply to the account", async (rig) => {
    const [anna, ben] = [rig.person(), rig.person()];
    const group = await rig.group("Replies", anna, ben);
    const lid = await lidOf(rig, ACCOUNT);
    const first = rig.script({ text: "first answer" });
    await anna.say(await mentioning(rig, first), group);
    const { id } = await ben.reads("first answer");
    const word = rig.script({ text: "second answer" });
    await ben.say(
      { text: `${word} and then?`, context: { quote: { id, author: lid, content: { text: "first answer" } } } },
      group,
    );
    await anna.reads("second answer");
  }),

  row("Groups: history before the mention", async (rig) => {
    const [anna, ben] = [rig.person(), rig.person()];
    const group = await rig.group("History", anna, ben);
    await anna.say("the boat leaves at seven", group);
    await ben.say("no, at eight", group);
    const word = rig.script({ text: "at eight" });
    await anna.say(await mentioning(rig, `${word} when?`), group);
    const { messages } = await rig.asked(word);
    assert.match(JSON.stringify(messages), /the boat leaves at seven.*no, at eight/s);
    await ben.reads("at eight");
  }),

  row("Groups: name and members in the prompt", async (rig) => {
    const [anna, ben] = [rig.person(), rig.person()];
    const group = await rig.group("Tide tables", anna, ben);
    const word = rig.script({ text: "I see you" });
    await anna.say(await mentioning(rig, `${word} who are we?`), group);
    const prompt = JSON.stringify((await rig.asked(word)).messages);
    assert.match(prompt, /Tide tables/);
    assert.match(prompt, new RegExp(`group_members[^}]*${anna.number.slice(1)}`));
    await anna.reads("I see you");
  }),

  row(
    "Groups: members that never wrote, in the prompt",
    async (rig) => {
      const [anna, ben] = [rig.person(), rig.person()];
      const group = await rig.group("Silent", anna, ben);
      const word = rig.script({ text: "and Ben" });
      await anna.say(await mentioning(rig, `${word} who is here?`), group);
      const prompt = JSON.stringify((await rig.asked(word)).messages);
      assert.match(prompt, new RegExp(`group_members[^}]*${ben.number.slice(1)}`));
      await anna.reads("and Ben");
    },
    {
      officialLacks: async (rig) => {
        const [anna, ben] = [rig.person(), rig.person()];
        const group = await rig.group("Silent", anna, ben);
        const word = rig.script({ text: "only you" });
        await anna.say(await mentioning(rig, `${word} who is here?`), group);
        const prompt = JSON.stringify((await rig.asked(word)).messages);
        assert.match(prompt, new RegExp(`group_members[^}]*${anna.number.slice(1)}`));
        assert.ok(!prompt.includes(ben.number.slice(1)), "a member that never wrote is in the prompt");
        await anna.reads("only you");
      },
    },
  ),

  row("Groups: mentions in answers", async (rig) => {
    const [anna, ben] = [rig.person(), rig.person()];
    const group = await rig.group("Call Ben", anna, ben);
    const word = rig.script({ text: `ask @${ben.number} about it` });
    await anna.say(await mentioning(rig, `${word} who knows?`), group);
    const answer = await ben.reads("about it");
    const bens = [await lidOf(rig, ben.number), `${ben.number.slice(1)}@s.whatsapp.net`];
    const mentions: string[] = answer.content?.context?.mentions ?? [];
    assert.ok(
      mentions.some((mention) => bens.includes(mention)),
      JSON.stringify(answer.content),
    );
  }),

  row("Self-chat: the account's owner writes to itself", async (rig) => {
    const word = rig.script({ text: "talking to myself" });
    await rig.simulator.post("/phone/send", { account: ACCOUNT, to: ACCOUNT, text: `${word} note` });
    await rig.asked(word);
    await until("the answer in the own chat", async () =>
      (await rig.simulator.inbox(ACCOUNT)).find((shown) => shown.text?.includes("talking to myself")),
    );
  }),
];
