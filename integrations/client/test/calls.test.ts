import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { Agent, AgentError, Code, LinkState, SendState } from "@openclaw-agent/client";
import { AgentProcess, PEER } from "./rig/agent.ts";
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

test("a status and a message over the unix socket", async () => {
  const status = await agent.rpc.agent.status({});
  assert.equal(status.link?.state, LinkState.CONNECTED);
  const sent = await agent.send({ to: PEER, payload: content("hello"), clientToken: "calls-1" });
  assert.ok(sent.state >= SendState.SERVER_ACK);
  const inbox = await until("the message", async () => {
    const messages = await simulator.get("/peer/inbox", { peer: PEER });
    return messages.length > 0 && messages;
  });
  assert.deepEqual(
    inbox.map((message: { text: string }) => message.text),
    ["hello"],
  );
});

test("an error of the agent has its code, reason, hint and metadata", async () => {
  await simulator.post("/unknown", { number: "+15550100077" });
  const error = await failureOf(agent.send({ to: "+15550100077", payload: content("hello") }));
  assert.equal(error.code, Code.NotFound);
  assert.equal(error.reason, "NOT_ON_WHATSAPP");
  assert.notEqual(error.hint, "");
  assert.equal(error.transient, false);
  assert.ok(AgentError.is(error, "NOT_LINKED", "NOT_ON_WHATSAPP") && !AgentError.is(error, "NOT_LINKED"));
});

test("no error shows the text of a message", async () => {
  const secret = "meet me at the harbour";
  const quoted = (value: unknown) => ({ to: PEER, payload: content(secret), replyTo: { by: { case: "seq", value } } });
  const requests = [
    { to: secret, payload: content("hello") },
    { to: PEER, payload: { case: "content", value: { kind: { case: "text", value: secret } } } },
    { to: PEER, payload: content(secret), clientToken: `${secret}\n` },
    { to: PEER, payload: content(secret), wait: secret },
    { to: PEER, payload: content(secret), timeout: secret },
    quoted(secret),
    quoted(-1n),
    quoted(404n),
  ];
  for (const request of requests) {
    const error = await failureOf(agent.send(request as never)).catch((failure) =>
      assert.fail(`${inspect(request)}: ${failure}`),
    );
    assert.doesNotMatch(`${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`, /harbour/);
  }
});

test("a stream ends when its loop is left, and a signal ends a call", async () => {
  for await (const item of agent.watch()) {
    assert.equal(item.item.case, "heartbeat");
    break;
  }
  const stop = new AbortController();
  const ended = agent.watch({ signal: stop.signal });
  assert.equal((await ended.next()).value?.item.case, "heartbeat");
  setTimeout(() => stop.abort(), 50);
  assert.deepEqual(await ended.next(), { done: true, value: undefined });
  const error = await failureOf(agent.rpc.agent.status({}, { signal: AbortSignal.abort() }));
  assert.equal(error.reason, "CANCELED");
});

test("a closed client ends its streams and refuses calls", async () => {
  const other = Agent.connect({ socket: running.socket });
  const items = other.watch();
  await items.next();
  const next = items.next();
  other.close();
  assert.deepEqual(await next, { done: true, value: undefined });
  assert.equal((await failureOf(other.rpc.agent.status({}))).reason, "CLIENT_CLOSED");
});

test("a picture, and none", async () => {
  const bytes = Buffer.concat([
    Buffer.from("ffd8ffe000104a46494600010100000100010000", "hex"),
    Buffer.alloc(200_000, 7),
    Buffer.from("ffd9", "hex"),
  ]);
  assert.equal(await agent.picture(PEER), undefined);
  // Larger than a chunk of the API would exceed the limit of the simulator's control interface.
  const small = Buffer.concat([bytes.subarray(0, 20), bytes.subarray(-40_000)]);
  await simulator.post("/profile/picture", { account: PEER, bytes: small.toString("base64") });
  const picture = await agent.picture(PEER);
  assert.equal(picture?.mimeType, "image/jpeg");
  assert.ok(picture && Buffer.from(picture.bytes).equals(small));
});

function text(body: string) {
  return { case: "text" as const, value: { body } };
}

function content(body: string) {
  return { case: "content" as const, value: { kind: text(body) } };
}
