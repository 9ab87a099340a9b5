/** From the official channel to this one, without a new QR code: types the page docs/openclaw.md. */

import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { Agent } from "./harness/agent.ts";
import { commands, Shell } from "./harness/page.ts";
import { ACCOUNT, type Rig } from "./harness/rig.ts";
import { packed } from "./harness/sides.ts";
import { linked, withTail } from "./harness/suite.ts";

const HEADING = "From the official channel, without a new QR code";

const rig = linked("official");

test("an agent takes the account over, and our channel its configuration", () => withTail(rig, () => dropIn(rig())));

/** Moves the running gateway of `rig`, which has the official channel, to an agent. */
async function dropIn(rig: Rig): Promise<void> {
  const { gateway, simulator } = rig;
  // One account: each further one has its agent, and the same steps.
  await gateway.configure((config) => {
    delete config.channels.whatsapp.accounts;
  });
  const word = rig.script({ text: "before the move" });
  await rig.owner.say(`${word} hello`);
  await rig.owner.reads("before the move");
  const before = await simulator.get("/phone/devices", { account: ACCOUNT });
  await gateway.stop();
  const broken = await simulator.violations();
  const agent = await Agent.start("the new agent", simulator);
  try {
    await typePage(gateway, agent);
    await agent.connected();
    await gateway.start();
    await gateway.connected();
    await answers(rig);
    const after = await simulator.get("/phone/devices", { account: ACCOUNT });
    assert.deepEqual(after.map(identity), before.map(identity));
    assert.deepEqual(await simulator.violations(), broken, "the agent broke a rule of the protocol");
  } catch (error) {
    if (error instanceof Error) error.message += `\n--- the new agent ---\n${agent.tail()}`;
    throw error;
  } finally {
    await gateway.stop();
    await agent.dispose();
  }
}

/** What makes a linked device the same one. */
function identity({ device, jid, name }: { device: number; jid: string; name: string }) {
  return { device, jid, name };
}

async function typePage(gateway: Rig["gateway"], agent: Agent): Promise<void> {
  const tarball = packed().slice("npm-pack:".length);
  await copyFile(tarball, join(gateway.folder, basename(tarball)));
  const env = { ...gateway.env, OPENCLAW_SOCKET: agent.socket };
  const shell = await Shell.open(gateway.folder, env);
  const lines = await commands(HEADING);
  assert.ok(lines.length > 3, "the page has commands");
  for (const line of lines) await shell.type(line);
}

/** Somebody who wrote before is answered, in the same session; and so is a group. */
async function answers(rig: Rig): Promise<void> {
  const word = rig.script({ text: "still here" });
  await rig.owner.say(`${word} are you there?`);
  await rig.owner.reads("still here");
  const { messages } = await rig.asked(word);
  assert.ok(messages.filter(({ role }) => role === "assistant").length > 0, "the session's history is kept");
}
