import assert from "node:assert/strict";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type Event, EventSchema } from "@openclaw-agent/client";
import { Cursor } from "../../src/inbound/cursor.ts";
import { type EventLifecycle, Intake, type Outcome } from "../../src/inbound/intake.ts";
import { Lanes } from "../../src/inbound/lanes.ts";
import { TakenEvents } from "../../src/inbound/taken.ts";

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

async function file(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "taken-"));
  folders.push(folder);
  return join(folder, "state", "taken.jsonl");
}

function message(seq: number, chat = "1@lid", store = "a"): Event {
  return create(EventSchema, {
    seq: BigInt(seq),
    agent: { name: "agent", storeId: Buffer.from(store) },
    kind: { case: "message", value: { origin: { id: `id-${seq}`, chat } } },
  });
}

/** An intake whose handler is `handle`, with what it acknowledged and logged. */
async function intakeOf(
  handle: (event: Event, lifecycle: EventLifecycle) => Promise<Outcome>,
  taken?: TakenEvents,
  path?: string,
) {
  const acked: bigint[] = [];
  const logged: string[] = [];
  const stop = new AbortController();
  const intake = new Intake({
    handle,
    ack: async (seq) => void acked.push(seq),
    taken: taken ?? (await TakenEvents.load(path ?? (await file()))).taken,
    log: { warn: (line) => logged.push(line), error: (line) => logged.push(line) },
    signal: stop.signal,
    retryDelaysMs: [1, 1],
  });
  return { intake, acked, logged, stop };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test("the position is below the lowest open event", () => {
  const cursor = new Cursor();
  for (const seq of [3n, 5n, 9n]) assert.ok(cursor.open(seq));
  cursor.close(5n);
  assert.equal(cursor.position(), 2n);
  cursor.close(3n);
  assert.equal(cursor.position(), 8n);
  cursor.close(9n);
  assert.equal(cursor.position(), 9n);
});

test("an event that is repeated by a resumed stream is not opened again", () => {
  const cursor = new Cursor();
  assert.ok(cursor.open(4n));
  assert.equal(cursor.open(4n), false);
  cursor.close(4n);
  assert.equal(cursor.open(4n), false);
});

test("a position is due once, and again only when it moves", () => {
  const cursor = new Cursor();
  cursor.advance(7n);
  assert.equal(cursor.due(), 7n);
  cursor.acked(7n);
  assert.equal(cursor.due(), undefined);
  cursor.open(8n);
  assert.equal(cursor.due(), undefined);
  cursor.close(8n);
  assert.equal(cursor.due(), 8n);
});

test("a lane keeps its order while others run", async () => {
  const lanes = new Lanes(2);
  const order: string[] = [];
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  lanes.add("a", async () => {
    await held;
    order.push("a1");
  });
  lanes.add("a", async () => void order.push("a2"));
  lanes.add("b", async () => void order.push("b1"));
  await until("b1", () => order.length === 1);
  release();
  await lanes.idle();
  assert.deepEqual(order, ["b1", "a1", "a2"]);
});

test("no more chats run at once than the limit", async () => {
  const lanes = new Lanes(3);
  let running = 0;
  let most = 0;
  for (let chat = 0; chat < 12; chat += 1)
    lanes.add(`${chat}`, async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running -= 1;
    });
  await lanes.idle();
  assert.equal(most, 3);
});

test("a task that fails does not stop its lane", async () => {
  const lanes = new Lanes(1);
  let done = false;
  lanes.add("a", () => Promise.reject(new Error("broken")));
  lanes.add("a", async () => {
    done = true;
  });
  await lanes.idle();
  assert.ok(done);
});

test("taken events are known after a restart", async () => {
  const path = await file();
  const first = await TakenEvents.load(path);
  await first.taken.add("one");
  await first.taken.add("two", "three");
  const second = await TakenEvents.load(path);
  assert.equal(second.damaged, 0);
  assert.deepEqual(
    ["one", "two", "three", "four"].map((key) => second.taken.has(key)),
    [true, true, true, false],
  );
});

test("a line that a crash cut off is skipped, and does not spoil the next one", async () => {
  const path = await file();
  await (await TakenEvents.load(path)).taken.add("whole");
  await appendFile(path, '"cut o');
  const { taken, damaged } = await TakenEvents.load(path);
  assert.equal(damaged, 1);
  assert.ok(taken.has("whole"));
  await taken.add("next");
  const again = await TakenEvents.load(path);
  assert.equal(again.damaged, 0);
  assert.ok(again.taken.has("whole") && again.taken.has("next"));
});

test("garbage in the file costs only its lines", async () => {
  const path = await file();
  await (await TakenEvents.load(path)).taken.add("before");
  await appendFile(path, Buffer.from([0, 255, 10, 123, 10]));
  await appendFile(path, '"after"\n');
  const { taken, damaged } = await TakenEvents.load(path);
  assert.equal(damaged, 2);
  assert.ok(taken.has("before") && taken.has("after"));
});

test("the file of taken events stays small", async () => {
  const path = await file();
  const { taken } = await TakenEvents.load(path);
  for (let at = 0; at < 45; at += 1)
    await taken.add(...Array.from({ length: 100 }, (_, index) => `k${at * 100 + index}`));
  const lines = (await readFile(path, "utf8")).trim().split("\n");
  assert.ok(lines.length <= 4_000, `${lines.length} lines`);
  assert.ok(taken.has("k4499"));
  assert.ok(!taken.has("k0"));
});

test("an unreadable file is an error, and not an empty one", async () => {
  const path = await file();
  await TakenEvents.load(path);
  await writeFile(`${path}.new`, "left over by a crash");
  await appendFile(path, "damaged\n");
  await TakenEvents.load(path);
  await rm(path, { force: true });
  const { mkdir } = await import("node:fs/promises");
  await mkdir(path);
  await assert.rejects(TakenEvents.load(path), { code: "EISDIR" });
});

test("an event is acknowledged after the gateway has adopted it, and not before", async () => {
  let adopt: EventLifecycle | undefined;
  const path = await file();
  const { taken } = await TakenEvents.load(path);
  const { intake, acked } = await intakeOf(async (_event, lifecycle) => {
    adopt = lifecycle;
    return "deferred";
  }, taken);
  await intake.accept(message(7));
  await until("the handler", () => adopt !== undefined);
  assert.deepEqual(acked, []);
  assert.equal(intake.openCount, 1);
  await adopt?.onAdopted();
  await until("the ack", () => acked.length === 1);
  assert.deepEqual(acked, [7n]);
  assert.match(await readFile(path, "utf8"), /:7:id-7/);
});

test("an adopted event that arrives again after a crash is acknowledged, and not handled", async () => {
  const path = await file();
  const { taken } = await TakenEvents.load(path);
  const before = await intakeOf(async (_event, lifecycle) => {
    await lifecycle.onAdopted();
    return "deferred";
  }, taken);
  // The lower event stays open, so the agent repeats both.
  await before.intake.accept(message(1, "2@lid"));
  await until("the ack", () => before.acked.length === 1);
  before.stop.abort();

  let handled = 0;
  const { taken: reloaded } = await TakenEvents.load(path);
  const after = await intakeOf(async () => {
    handled += 1;
    return "done";
  }, reloaded);
  await after.intake.accept(message(1, "2@lid"));
  await until("the ack", () => after.acked.length === 1);
  assert.equal(handled, 0);
});

test("the same seq of another message is handled", async () => {
  const path = await file();
  const { taken } = await TakenEvents.load(path);
  const first = await intakeOf(async (_event, lifecycle) => {
    await lifecycle.onAdopted();
    return "deferred";
  }, taken);
  await first.intake.accept(message(5));
  await until("the ack", () => first.acked.length === 1);
  let handled = 0;
  const second = await intakeOf(async () => {
    handled += 1;
    return "done";
  }, taken);
  await second.intake.accept(message(5, "1@lid", "another store"));
  await until("the handler", () => handled === 1);
});

test("the lowest open event holds back the ack of those after it", async () => {
  const held = new Map<bigint, EventLifecycle>();
  const { intake, acked } = await intakeOf(async (event, lifecycle) => {
    held.set(event.seq, lifecycle);
    return "deferred";
  });
  for (const seq of [10, 11, 12]) await intake.accept(message(seq, `${seq}@lid`));
  await until("all handlers", () => held.size === 3);
  await held.get(12n)?.onAdopted();
  await held.get(11n)?.onAdopted();
  assert.deepEqual(
    acked.filter((seq) => seq >= 10n),
    [],
  );
  await held.get(10n)?.onAdopted();
  await until("the ack", () => acked.includes(12n));
});

test("an event whose handler fails is tried again, and then skipped", async () => {
  const attempts = new Map<bigint, number>();
  const { intake, acked, logged } = await intakeOf(async (event) => {
    attempts.set(event.seq, (attempts.get(event.seq) ?? 0) + 1);
    if (event.seq === 1n) throw new TypeError("secret text of a person");
    return "done";
  });
  await intake.accept(message(1));
  await intake.accept(message(2));
  await until("the ack", () => acked.includes(2n));
  assert.equal(attempts.get(1n), 3);
  assert.equal(attempts.get(2n), 1);
  assert.match(logged.at(-1) ?? "", /event 1 skipped after 3 attempts: TypeError/);
  assert.ok(!logged.join().includes("secret"));
});

test("a turn that the gateway abandons is tried again", async () => {
  let attempts = 0;
  const { intake, acked } = await intakeOf(async (_event, lifecycle) => {
    attempts += 1;
    if (attempts === 1) await lifecycle.onAbandoned();
    else await lifecycle.onAdopted();
    return "deferred";
  });
  await intake.accept(message(3));
  await until("the ack", () => acked.includes(3n));
  assert.equal(attempts, 2);
});

test("a heartbeat acknowledges what does not concern the gateway, but nothing that is open", async () => {
  let open: EventLifecycle | undefined;
  const { intake, acked } = await intakeOf(async (_event, lifecycle) => {
    open = lifecycle;
    return "deferred";
  });
  intake.heartbeat(20n);
  await until("the ack", () => acked.includes(20n));
  await intake.accept(message(25));
  intake.heartbeat(30n);
  await until("the handler", () => open !== undefined);
  assert.equal(acked.at(-1), 24n);
  await open?.onIgnored();
  await until("the ack", () => acked.includes(30n));
});

test("after a stop nothing more is acknowledged", async () => {
  let open: EventLifecycle | undefined;
  const { intake, acked, stop } = await intakeOf(async (_event, lifecycle) => {
    open = lifecycle;
    return "deferred";
  });
  await intake.accept(message(1));
  await until("the handler", () => open !== undefined);
  stop.abort();
  await open?.onAbandoned();
  await intake.stop();
  assert.deepEqual(acked, []);
  assert.equal(intake.openCount, 1);
});
