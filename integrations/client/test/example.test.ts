import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Agent } from "@openclaw-agent/client";
import { ACCOUNT, AgentProcess, PEER } from "./rig/agent.ts";
import { end, start } from "./rig/child.ts";
import { Simulator } from "./rig/simulator.ts";
import { until } from "./rig/until.ts";

const example = fileURLToPath(new URL("../example/answer.mjs", import.meta.url));

test("the README shows the example", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  assert.ok(readme.includes(await readFile(example, "utf8")));
});

test("the example answers each message once, across kills of both", { timeout: 120_000 }, async (t) => {
  const simulator = await Simulator.start();
  t.after(() => simulator.stop());
  const agent = await AgentProcess.linked(simulator);
  t.after(() => agent.dispose());
  const run = () => {
    const child = start(process.execPath, [example], { env: { ...process.env, OPENCLAW_SOCKET: agent.socket } });
    child.stderr.resume();
    return child;
  };
  let program = run();
  t.after(() => end(program, "SIGKILL"));
  const client = Agent.connect({ socket: agent.socket });
  t.after(() => client.close());
  await until("the consumer", async () => (await client.rpc.agent.listConsumers({})).consumers.length === 1);
  const expected: string[] = [];
  for (const [round, kill] of [
    async () => {},
    async () => {
      await end(program, "SIGKILL");
      program = run();
    },
    async () => {
      await agent.kill();
      await agent.run();
    },
  ].entries()) {
    expected.push(`You wrote: text ${round}`);
    await simulator.post("/peer/send", { from: PEER, to: ACCOUNT, text: `text ${round}` });
    await kill();
    await until("the answer", async () => (await answers(simulator)).length >= expected.length, 60_000);
  }
  const ended = once(program, "exit");
  program.kill("SIGTERM");
  assert.equal((await ended)[0], 0);
  assert.deepEqual(await answers(simulator), expected);
});

async function answers(simulator: Simulator): Promise<string[]> {
  const inbox: { text: string }[] = await simulator.get("/peer/inbox", { peer: PEER });
  return inbox.map(({ text }) => text);
}
