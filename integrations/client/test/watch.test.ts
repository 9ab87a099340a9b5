import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Agent, type AgentError, EventKind, type WatchEventsResponse } from "@openclaw-agent/client";
import { ACCOUNT, AgentProcess, PEER } from "./rig/agent.ts";
import { failureOf } from "./rig/failure.ts";
import { Simulator } from "./rig/simulator.ts";
import { until } from "./rig/until.ts";

let simulator: Simulator;
let running: AgentProcess;
let agent: Agent;

before(async () => {
  simulator = await Simulator.start();
  running = await AgentProcess.linked(simulator);
  agent = Agent.connect({ socket: running.socket });
});

after(async () => {
  agent.close();
  await running.dispose();
  await simulator.stop();
});

const MESSAGES = { kinds: [EventKind.MESSAGE] };

function textOf({ item }: WatchEventsResponse): string | undefined {
  if (item.case !== "event" || item.value.kind.case !== "message") return undefined;
  const { kind } = item.value.kind.value.content ?? {};
  return kind?.case === "text" ? kind.value.body : undefined;
}

async function arrive(...texts: string[]): Promise<void> {
  for (const text of texts) await simulator.post("/peer/send", { from: PEER, to: ACCOUNT, text });
}

test("a consumer gets each event once, across kills of the agent", { timeout: 120_000 }, async () => {
  const [seen, lost]: [string[], AgentError[]] = [[], []];
  let resumed = 0;
  const stop = new AbortController();
  const options = { consumer: "kills", filter: MESSAGES, signal: stop.signal };
  const watching = (async () => {
    for await (const item of agent.watch({
      ...options,
      onLost: (error) => lost.push(error),
      onResumed: () => resumed++,
    })) {
      const text = textOf(item);
      // Not acknowledged: what was yielded is not yielded again, whatever the consumer's position.
      if (text !== undefined) seen.push(text);
    }
  })();
  await until("the consumer", async () => (await agent.rpc.agent.listConsumers({})).consumers.length === 1);
  const sent: string[] = [];
  for (let round = 0; round < 5; round++) {
    const texts = [0, 1, 2, 3].map((n) => `round ${round}, text ${n}`);
    sent.push(...texts);
    await arrive(...texts.slice(0, 2));
    await until("the first half", () => seen.length >= sent.length - 2);
    await running.kill();
    const late = arrive(...texts.slice(2));
    await running.run();
    await late;
    await until("the second half", () => seen.length >= sent.length);
  }
  stop.abort();
  await watching;
  assert.deepEqual(seen, sent);
  assert.equal(resumed, 5);
  assert.ok(
    lost.every((error) => ["CONNECTION_LOST", "UNREACHABLE", "CLOSED"].includes(error.reason)),
    lost.join(),
  );
});

test("an acknowledged position is kept, and the rest is sent again to a new watcher", async () => {
  const first = agent.watch({ consumer: "acks", filter: MESSAGES });
  await first.next();
  await arrive("one", "two", "three");
  for await (const item of first) {
    if (textOf(item) !== "two" || item.item.case !== "event") continue;
    assert.equal(await agent.ack("acks", item.item.value.seq), item.item.value.seq);
    break;
  }
  for await (const item of agent.watch({ consumer: "acks", filter: MESSAGES })) {
    const text = textOf(item);
    if (text === undefined) continue;
    assert.equal(text, "three");
    break;
  }
});

test("a watcher of new events alone misses none while the agent restarts", { timeout: 60_000 }, async () => {
  const items = agent.watch({ filter: MESSAGES });
  assert.equal((await items.next()).value?.item.case, "heartbeat");
  await running.kill();
  const late = arrive("while it was away");
  await running.run();
  await late;
  for await (const item of items) if (textOf(item) === "while it was away") break;
});

test("a slow consumer loses nothing, and the stream waits for it", { timeout: 60_000 }, async () => {
  const items = agent.watch({ filter: MESSAGES });
  await items.next();
  await simulator.post("/peer/flood", { from: PEER, to: ACCOUNT, count: 300 });
  const texts: string[] = [];
  for await (const item of items) {
    const text = textOf(item);
    if (text?.startsWith("flood")) texts.push(text);
    if (texts.length % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    if (texts.length === 300) break;
  }
  assert.deepEqual(
    texts,
    Array.from({ length: 300 }, (_, n) => `flood ${n}`),
  );
});

test("a permanent error ends the loop", async () => {
  const error = await failureOf(agent.watch({ consumer: "not a name" }).next());
  assert.equal(error.reason, "INVALID_ARGUMENT");
  for (let n = 0; n < 64; n++) await agent.ack(`filler-${n}`, 0n, { retryForMs: 0 }).catch(() => {});
  const full = await failureOf(agent.watch({ consumer: "one-too-many" }).next());
  assert.equal(full.reason, "TOO_MANY_CONSUMERS");
});

test("a send with a token is one message, whenever the agent is killed", { timeout: 120_000 }, async () => {
  const texts: string[] = [];
  for (const delay of [0, 2, 5, 10, 20, 40]) {
    const body = `killed after ${delay} ms`;
    texts.push(body);
    const payload = { case: "content" as const, value: { kind: { case: "text" as const, value: { body } } } };
    const sent = agent.send({ to: PEER, payload, clientToken: `kill-${delay}` });
    await new Promise((resolve) => setTimeout(resolve, delay));
    await running.kill();
    await running.run();
    assert.equal((await sent).clientToken, `kill-${delay}`);
    // Once more, as a program does that was killed itself.
    await agent.send({ to: PEER, payload, clientToken: `kill-${delay}` });
  }
  const inbox: { text: string }[] = await simulator.get("/peer/inbox", { peer: PEER });
  assert.deepEqual(
    inbox.map(({ text }) => text),
    texts,
  );
});

test("without a token a send is not repeated, and a retry ends in time", { timeout: 60_000 }, async () => {
  const payload = { case: "content" as const, value: { kind: { case: "text" as const, value: { body: "hello" } } } };
  await running.kill();
  // Until it has noticed the kill, a client cannot know that a send did not arrive.
  const noticed = await failureOf(agent.rpc.agent.status({}));
  assert.match(noticed.reason, /^(CONNECTION_LOST|UNREACHABLE)$/);
  assert.equal((await failureOf(agent.send({ to: PEER, payload }))).reason, "UNREACHABLE");
  const began = performance.now();
  const late = await failureOf(agent.send({ to: PEER, payload, clientToken: "late" }, { retryForMs: 1_000 }));
  assert.equal(late.reason, "UNREACHABLE");
  assert.ok(late.transient && !late.outcomeUnknown && performance.now() - began < 10_000);
  const signal = AbortSignal.timeout(300);
  assert.equal(
    (await failureOf(agent.send({ to: PEER, payload, clientToken: "stopped" }, { signal }))).reason,
    "CANCELED",
  );
  await running.run();
});
