import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentError, Code, LinkState, PairFailureReason } from "@openclaw-agent/client";
import { Logins, PASSKEY_MESSAGE } from "../../src/link/login.js";
import { loginOnTerminal } from "../../src/link/terminal.js";
import { FakeAgent, type Frame, type Pairing } from "./link.js";

const LONG_MS = 60_000;
const options = { force: false, timeoutMs: LONG_MS };
const draw = async (payload: string) => `image of ${payload}`;
const unlinked = { link: { state: LinkState.UNLINKED } };
const linked = { link: { state: LinkState.CONNECTED, phone: "+15550100001" } };
const qr = (payload: string, ordinal = 1): Frame => ({ case: "qr", value: { payload, ordinal } });

async function begun(agent: FakeAgent): Promise<Pairing> {
  while (agent.pairings.length === 0) await new Promise(setImmediate);
  return agent.pairings.at(-1) as Pairing;
}

/** A login that shows its first code. */
async function shown(status: FakeAgent["status"] = unlinked, force = false) {
  const agent = new FakeAgent(status);
  const logins = new Logins(draw);
  const started = logins.start("default", agent.link, { force, timeoutMs: LONG_MS });
  const pairing = await begun(agent);
  pairing.send(qr("one"));
  return { agent, logins, pairing, result: await started };
}

test("a login shows a code, its successor, and the result", async () => {
  const { agent, logins, pairing, result } = await shown();
  assert.equal(result.qrDataUrl, "image of one");
  assert.equal(pairing.request.replace, false);
  const next = logins.wait("default", agent.link, { timeoutMs: LONG_MS, shown: "image of one" });
  pairing.send(qr("two", 2));
  assert.deepEqual([(await next).connected, (await next).qrDataUrl], [false, "image of two"]);
  const end = logins.wait("default", agent.link, { timeoutMs: LONG_MS, shown: "image of two" });
  pairing.send({ case: "scanned", value: {} });
  pairing.send({ case: "linked", value: { phone: "+15550100001", device: "OpenClaw" } });
  assert.deepEqual(await end, { connected: true, message: "Linked to +15…01. WhatsApp is ready." });
  assert.equal((await logins.wait("default", agent.link, { timeoutMs: 1 })).message, "No login is in progress.");
});

test("a second start shows the code of the login in progress", async () => {
  const { agent, logins } = await shown();
  assert.equal((await logins.start("default", agent.link, options)).qrDataUrl, "image of one");
  assert.equal(agent.pairings.length, 1);
});

test("a forced start ends the login in progress, and replaces the link", async () => {
  const { agent, logins, pairing } = await shown(linked, true);
  assert.equal(pairing.request.replace, true);
  const again = logins.start("default", agent.link, { ...options, force: true });
  while (agent.pairings.length < 2) await new Promise(setImmediate);
  assert.equal(pairing.signal?.aborted, true);
  agent.pairings[1]?.send(qr("three"));
  assert.equal((await again).qrDataUrl, "image of three");
});

test("a login waits for an agent that replaces its process, as after a logout", async () => {
  const agent = new FakeAgent(unlinked);
  const started = new Logins(draw).start("default", agent.link, options);
  const cut = await begun(agent);
  cut.end(new AgentError({ code: Code.Unavailable, reason: "CONNECTION_LOST", message: "lost" }));
  while (agent.pairings.length < 2) await new Promise(setImmediate);
  agent.pairings[1]?.send(qr("one"));
  assert.equal((await started).qrDataUrl, "image of one");
});

test("a pairing that was refused, or was cut after its first code, is not begun again", async () => {
  const refused = new FakeAgent(unlinked);
  const started = new Logins(draw).start("default", refused.link, options);
  (await begun(refused)).end(new AgentError({ code: Code.PermissionDenied, reason: "ROLE", message: "not allowed" }));
  assert.match((await started).message, /not allowed/);

  const { agent, logins, pairing } = await shown();
  pairing.end(new AgentError({ code: Code.Unavailable, reason: "CONNECTION_LOST", message: "lost" }));
  assert.match((await logins.wait("default", agent.link, { timeoutMs: LONG_MS })).message, /lost/);
  assert.deepEqual([refused.pairings.length, agent.pairings.length], [1, 1]);
});

test("a linked account is left alone, and the gateway may start it", async () => {
  const agent = new FakeAgent(linked);
  const result = await new Logins(draw).start("default", agent.link, options);
  assert.equal(result.connected, true);
  assert.match(result.message, /Already linked to \+15…01/);
  assert.equal(agent.pairings.length, 0);
});

test("an account that WhatsApp has logged out is linked again without being asked", async () => {
  const { pairing } = await shown({ link: { state: LinkState.LOGGED_OUT, phone: "+15550100001" } });
  assert.equal(pairing.request.replace, true);
});

test("a passkey ends the login, so that openclawctl can pair", async () => {
  const { agent, logins, pairing } = await shown();
  const end = logins.wait("default", agent.link, { timeoutMs: LONG_MS });
  pairing.send({ case: "passkey", value: { stage: { case: "requestOptionsJson", value: "{}" } } });
  assert.deepEqual(await end, { connected: false, message: PASSKEY_MESSAGE });
});

test("a failure has the agent's reason and next step", async () => {
  const { agent, logins, pairing } = await shown();
  const end = logins.wait("default", agent.link, { timeoutMs: LONG_MS });
  pairing.send({ case: "failed", value: { reason: PairFailureReason.DEADLINE, hint: "run it again" } });
  assert.deepEqual(await end, { connected: false, message: "Linking failed (deadline). Next: run it again" });
});

test("after a failed relink the gateway starts the previous link again", async () => {
  const { agent, logins, pairing } = await shown(linked, true);
  const end = logins.wait("default", agent.link, { timeoutMs: LONG_MS });
  pairing.send({ case: "failed", value: { reason: PairFailureReason.DEADLINE, hint: "" } });
  const { connected, message } = await end;
  assert.equal(connected, true);
  assert.match(message, /previous link is unchanged/);
});

test("a stream that breaks is a failure", async () => {
  const { agent, logins, pairing } = await shown();
  const end = logins.wait("default", agent.link, { timeoutMs: LONG_MS });
  pairing.end(Object.assign(new Error("the connection was lost"), { hint: "try again" }));
  assert.equal((await end).message, "Linking failed: the connection was lost. Next: try again");
});

test("a wait that is over says so, and ends nothing", async () => {
  const { agent, logins, pairing } = await shown();
  assert.equal((await logins.wait("default", agent.link, { timeoutMs: 1, shown: "image of one" })).connected, false);
  assert.equal(pairing.signal?.aborted, false);
});

function terminal() {
  const lines: string[] = [];
  const codes: string[] = [];
  const log = (line: string) => void lines.push(line);
  const show = (text: string) => void codes.push(text);
  return { lines, codes, log, show, draw, interactive: false };
}

test("on a terminal no code is logged", async () => {
  const agent = new FakeAgent(unlinked);
  const out = terminal();
  const done = loginOnTerminal(agent.link, out);
  const pairing = await begun(agent);
  pairing.send(qr("secret"));
  pairing.send({ case: "scanned", value: {} });
  pairing.send({ case: "linked", value: { phone: "+15550100001", device: "OpenClaw" } });
  await done;
  assert.match(out.codes.join(), /image of secret/);
  assert.doesNotMatch(out.lines.join(), /secret|\+15550100001/);
  assert.equal(out.lines.at(-1), "Linked to +15…01.");
});

test("on a terminal a phone number asks for a code to type", async () => {
  const agent = new FakeAgent(unlinked);
  const out = terminal();
  const done = loginOnTerminal(agent.link, out, "+15550100001");
  const pairing = await begun(agent);
  assert.deepEqual((pairing.request as { how?: unknown }).how, { case: "phoneCode", value: { phone: "+15550100001" } });
  pairing.send({ case: "phoneCode", value: { code: "ABCD1234" } });
  pairing.send({ case: "failed", value: { reason: PairFailureReason.REFUSED_BY_WHATSAPP, hint: "wait an hour" } });
  await assert.rejects(done, /refused by whatsapp.*wait an hour/);
  assert.match(out.codes.join(), /ABCD-1234/);
});
