import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { Agent, type AgentError, type Keys, loadKeys, Role, Transport } from "@openclaw-agent/client";
import { AgentProcess } from "./rig/agent.ts";
import { failureOf } from "./rig/failure.ts";
import { Simulator } from "./rig/simulator.ts";

let simulator: Simulator;
let running: AgentProcess;
let other: AgentProcess;
let keys: Keys;

const addressOf = (agent: AgentProcess) => /"listen":"([^"]+)"/.exec(agent.log)?.[1] ?? assert.fail(agent.log);

/** Enrolls with an agent as a person does, and exports the keys. */
async function enrolled(agent: AgentProcess, name: string, role = "admin"): Promise<string> {
  const { code } = JSON.parse(await agent.ctl(["clients", "invite", "--role", role, "--json"]));
  await agent.ctl(["enroll", addressOf(agent), "--code-file", "-", "--name", name, "--context", name], code);
  await agent.ctl(["context", "export", "--context", name, "--pem", name]);
  return join(agent.folder, name);
}

before(async () => {
  simulator = await Simulator.start();
  running = await AgentProcess.start(simulator, ["--listen", "127.0.0.1:0"]);
  other = await AgentProcess.start(simulator, ["--listen", "127.0.0.1:0"]);
  keys = await loadKeys(await enrolled(running, "gateway"));
});

after(async () => {
  await running.dispose();
  await other.dispose();
  await simulator.stop();
});

async function failureAt(address: string, keys: Keys): Promise<AgentError> {
  const agent = Agent.connect({ address, ...keys });
  try {
    return await failureOf(agent.rpc.agent.status({}));
  } finally {
    agent.close();
  }
}

test("calls and a stream over mutual TLS", async () => {
  const agent = Agent.connect({ address: addressOf(running), ...keys });
  const { caller } = await agent.rpc.agent.status({});
  assert.deepEqual([caller?.name, caller?.role, caller?.transport], ["gateway", Role.ADMIN, Transport.TLS]);
  assert.equal((await agent.watch().next()).value?.item.case, "heartbeat");
  agent.close();
});

test("a role that is too low is an error of the agent", async () => {
  const reader = await loadKeys(await enrolled(running, "reader", "reader"));
  const agent = Agent.connect({ address: addressOf(running), ...reader });
  assert.equal((await failureOf(agent.ack("reader", 0n))).reason, "ROLE");
  agent.close();
});

test("keys of another agent, and keys that are not known", async () => {
  const foreign = await loadKeys(await enrolled(other, "foreign"));
  assert.equal((await failureAt(addressOf(running), foreign)).reason, "WRONG_AGENT");
  assert.equal((await failureAt(addressOf(running), { ...keys, ca: foreign.ca })).reason, "WRONG_AGENT");
  assert.equal((await failureAt(addressOf(running), { ...foreign, ca: keys.ca })).reason, "KEY_UNKNOWN");
  const pretender = createTlsServer({ key: String(foreign.key), cert: String(foreign.cert) });
  pretender.listen(0, "127.0.0.1");
  await once(pretender, "listening");
  const { port } = pretender.address() as { port: number };
  assert.equal((await failureAt(`127.0.0.1:${port}`, keys)).reason, "WRONG_AGENT");
  pretender.close();
});

test("a revoked client's stream ends with an error", async () => {
  const revoked = await loadKeys(await enrolled(running, "revoked"));
  const agent = Agent.connect({ address: addressOf(running), ...revoked });
  const items = agent.watch();
  await items.next();
  const next = failureOf(items.next());
  await running.ctl(["clients", "revoke", "revoked"]);
  assert.equal((await next).reason, "KEY_UNKNOWN");
  agent.close();
});

test("addresses where no agent is", async () => {
  const garbage = createServer((socket) => void socket.on("error", () => {}).write("garbage\n".repeat(99)));
  garbage.listen(0, "127.0.0.1");
  await once(garbage, "listening");
  const { port } = garbage.address() as { port: number };
  assert.equal((await failureAt(`127.0.0.1:${port}`, keys)).reason, "NOT_AN_AGENT");
  garbage.close();
  assert.equal((await failureAt("127.0.0.1:1", keys)).reason, "UNREACHABLE");
  assert.equal((await failureAt("agent.invalid:50051", keys)).reason, "NO_SUCH_HOST");
});

test("keys that cannot be used are refused with what to do", async () => {
  const folder = join(running.folder, "keys");
  assert.match((await failureOf(loadKeys(folder))).message, /cannot read .*agent\.pem \(ENOENT\)/);
  await mkdir(folder);
  assert.equal((await failureOf(loadKeys(folder))).reason, "NO_KEYS");
  const files = { "agent.pem": String(keys.ca), "client.pem": String(keys.cert), "client-key.pem": String(keys.key) };
  const write = (name: string, content: string) => writeFile(join(folder, name), content);
  for (const name of Object.keys(files) as (keyof typeof files)[]) {
    for (const [file, content] of Object.entries(files)) await write(file, content);
    for (const content of ["", "garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]) {
      await write(name, content);
      const error = await failureOf(loadKeys(folder));
      assert.ok(["NO_KEYS", "BAD_KEYS"].includes(error.reason) && error.message.includes(name), error.message);
      assert.match(error.hint, /loadKeys|openclawctl context export/);
    }
  }
  const stranger = await loadKeys(await enrolled(running, "stranger"));
  const mixed = await failureOf((async () => Agent.connect({ address: "host:1", ...keys, key: stranger.key }))());
  assert.equal(mixed.message, "client-key.pem is not the key of the certificate in client.pem");
  const renamed = { ca: join(folder, "agent.pem"), cert: join(folder, "agent.pem"), key: join(folder, "agent.pem") };
  assert.equal((await failureOf(loadKeys(renamed))).reason, "BAD_KEYS");
});
