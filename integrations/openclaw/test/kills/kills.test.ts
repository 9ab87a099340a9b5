/**
 * Exactly one answer, whatever is killed when: the gateway or the agent is ended by SIGKILL at each step of a turn, KILL_ROUNDS times
 * (10), and started again; the answers that arrived are counted.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Agent, Event } from "../harness/agent.ts";
import type { Person } from "../harness/person.ts";
import { ACCOUNT, type Rig } from "../harness/rig.ts";
import { ours } from "../harness/sides.ts";
import { until } from "../harness/wait.ts";

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 10);
const CONSUMER = "openclaw-gateway";
/** How late the server's acks are in the step in which one is awaited. */
const LATE_MS = 4_000;
const THINKS_MS = 1_500;
const ANSWER_MS = 240_000;

type Killed = Rig & { agents: { main: Agent } };

/** One turn: the person, the word of the question, the text of the answer. */
interface Turn {
  rig: Killed;
  person: Person;
  word: string;
  answer: string;
}

/** The steps of a turn; each is awaited, and then something is killed. */
const STEPS: Record<string, (turn: Turn) => Promise<unknown>> = {
  "the agent has the message": ({ rig, word }) => event(rig, "the message", (each) => says(each, word)),
  "the gateway has taken the turn": async ({ rig, word }) => {
    const { seq } = await event(rig, "the message", (each) => says(each, word));
    await until("an acknowledged turn", async () => (await position(rig)) >= seq);
  },
  "the model thinks": ({ rig, word }) => rig.asked(word),
  "the answer was sent, and its ack is awaited": async ({ rig, person, word, answer }) => {
    await rig.asked(word);
    await rig.simulator.post("/fault", { kind: "delay", ms: LATE_MS, account: ACCOUNT });
    await until("the answer", () => answers(person, answer));
  },
  "the answer is acked": async ({ rig, person, word, answer }) => {
    await rig.asked(word);
    const { id } = await person.reads(answer);
    await event(rig, "the ack", ({ outcome }) => outcome?.message_id === id && outcome.state !== "queued");
  },
};

const VICTIMS: Record<string, (rig: Killed) => Promise<void>> = {
  "the gateway": async ({ gateway }) => {
    await gateway.stop("SIGKILL");
    await gateway.start();
    // After three crashes in five minutes the gateway leaves its channels stopped until an operator starts them.
    await gateway.rpc.call("channels.start", { channel: "whatsapp" });
  },
  "the agent": async ({ agents }) => {
    await agents.main.kill();
    await agents.main.restart();
  },
};

describe("exactly one answer", () => {
  let rig: Killed | undefined;
  const turns: Turn[] = [];
  before(async () => {
    rig = await ours();
    await rig.gateway.configure((config) => {
      config.channels.whatsapp.accounts = { default: {} };
    });
    await rig.gateway.start();
    await rig.login(ACCOUNT);
    rig.agents.main.watch();
  });
  after(() => rig?.dispose());

  for (const [victim, kill] of Object.entries(VICTIMS)) {
    for (const [step, reached] of Object.entries(STEPS)) {
      for (let round = 1; round <= ROUNDS; round += 1) {
        test(`${victim} is killed when ${step}, round ${round}`, async () => {
          assert.ok(rig);
          turns.push(await killedTurn(rig, reached, kill));
        });
      }
    }
  }

  test("no turn was answered twice, also not later", async () => {
    for (const { person, answer } of turns) assert.equal(await answers(person, answer), 1, answer);
    assert.equal(turns.length, ROUNDS * Object.keys(STEPS).length * Object.keys(VICTIMS).length);
    await rig?.simulator.assertClean();
  });
});

/** A turn that is interrupted at a step, and must be answered once. */
async function killedTurn(
  rig: Killed,
  reached: (turn: Turn) => Promise<unknown>,
  kill: (rig: Killed) => Promise<void>,
) {
  const word = rig.marker();
  const turn = { rig, person: rig.person(), word, answer: `the answer to ${word}` };
  rig.model.on(word, { text: turn.answer, thinks: THINKS_MS });
  await turn.person.say(`${word} hello`);
  try {
    await reached(turn);
    await kill(rig);
    await rig.simulator.post("/fault", { kind: "delay", ms: 0, account: ACCOUNT });
    await until("an answer", () => answers(turn.person, turn.answer), ANSWER_MS);
    await later(turn);
    assert.equal(await answers(turn.person, turn.answer), 1, "answers");
  } catch (error) {
    if (error instanceof Error) error.message += `\n${rig.tail()}\n--- agent ---\n${rig.agents.main.tail()}`;
    throw error;
  }
  return turn;
}

/** A later turn of the same person is answered: by then everything of the earlier one has been repeated. */
async function later({ rig, person }: Turn): Promise<void> {
  const word = rig.script({ text: "and later" });
  await person.say(`${word} anything else?`);
  await until("a later answer", () => answers(person, "and later"), ANSWER_MS);
}

/** How many messages of this person's inbox have the text. */
async function answers(person: Person, wanted: string): Promise<number> {
  return (await person.inbox()).filter((shown) => shown.text?.includes(wanted)).length;
}

/** Whether the event is the message with this word. */
function says(event: Event, word: string): boolean {
  return event.kind === "message" && JSON.stringify(event.message).includes(word);
}

async function event(rig: Killed, what: string, matches: (event: Event) => unknown) {
  return until(what, () => rig.agents.main.events.find(matches));
}

/** Up to which event the gateway has taken turns. */
async function position(rig: Killed): Promise<number> {
  const { stdout } = await rig.agents.main.ctl("consumers", "--json");
  const consumers = stdout.split("\n").filter(Boolean);
  return consumers.map((line) => JSON.parse(line)).find(({ name }) => name === CONSUMER)?.seq ?? 0;
}
