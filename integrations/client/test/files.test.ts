import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Agent, Code, EventKind, MediaKind } from "@openclaw-agent/client";
import { ACCOUNT, AgentProcess, PEER } from "./rig/agent.ts";
import { failureOf } from "./rig/failure.ts";
import { Simulator } from "./rig/simulator.ts";
import { until } from "./rig/until.ts";

let simulator: Simulator;
let running: AgentProcess;
let agent: Agent;
let folder: string;

before(async () => {
  simulator = await Simulator.start();
  running = await AgentProcess.linked(simulator);
  agent = Agent.connect({ socket: running.socket });
  folder = join(running.folder, "files");
  await mkdir(folder);
});

after(async () => {
  agent.close();
  await running.dispose();
  await simulator.stop();
});

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** What the simulator makes of `fill`: the bytes 0 to 250, repeated. */
const filled = (size: number) => Buffer.from(Uint8Array.from({ length: size }, (_, n) => n % 251));

/** Has a document of `size` bytes sent to the account. Returns the seq of its event and its id. */
async function document(size: number): Promise<{ seq: bigint; id: string }> {
  const items = agent.watch({ filter: { kinds: [EventKind.MESSAGE] } });
  await items.next();
  const content = { document: { name: "report.pdf", mime: "application/pdf", fill: size } };
  const { id } = await simulator.post("/peer/send", { from: PEER, to: ACCOUNT, content });
  for await (const { item } of items) {
    if (item.case === "event" && item.value.kind.case === "message") return { seq: item.value.seq, id };
  }
  assert.fail("the stream ended");
}

/** Sends an uploaded file, and returns what the peer has: the file's hash. */
async function delivered(mediaId: string): Promise<string> {
  const value = { kind: { case: "media" as const, value: { mediaId } } };
  const { messageId } = await agent.send({ to: PEER, payload: { case: "content", value }, clientToken: mediaId });
  const message = await until("the file", async () => {
    const inbox: { id: string; content?: { document?: { file?: { sha256: string } } } }[] = await simulator.get(
      "/peer/inbox",
      { peer: PEER },
    );
    return inbox.find(({ id }) => id === messageId);
  });
  return Buffer.from(message.content?.document?.file?.sha256 ?? "", "base64").toString("hex");
}

test("a download to memory and to a file", async () => {
  const { seq } = await document(1_000_000);
  const expected = filled(1_000_000);
  const inMemory = await agent.download(seq);
  assert.equal(inMemory.media?.fileName, "report.pdf");
  assert.equal(inMemory.media?.mimeType, "application/pdf");
  assert.equal(inMemory.media?.sizeBytes, 1_000_000n);
  assert.ok(expected.equals(await inMemory.bytes()));
  await assert.rejects(inMemory.bytes(), /read already/);
  const path = join(folder, "saved.pdf");
  await writeFile(path, "an older file");
  const saved = await (await agent.download(seq)).save(path);
  assert.equal(Buffer.from(saved.sha256).toString("hex"), sha256(expected));
  assert.equal(saved.sizeBytes, 1_000_000);
  assert.ok(expected.equals(await readFile(path)));
  assert.deepEqual(await readdir(folder), ["saved.pdf"]);
});

test("a bad copy is discarded, and a second one is not used", async () => {
  const { seq } = await document(300_000);
  const path = join(folder, "copy.pdf");
  await simulator.post("/fault", { kind: "media_wrong_mac", count: 1 });
  await (await agent.download(seq)).save(path);
  assert.ok(filled(300_000).equals(await readFile(path)));
  await simulator.post("/fault", { kind: "media_wrong_mac", count: 1 });
  assert.ok(filled(300_000).equals(await (await agent.download(seq)).bytes()));

  await simulator.post("/fault", { kind: "media_wrong_mac", count: 9 });
  const before = await readdir(folder);
  const error = await failureOf((await agent.download(seq)).save(join(folder, "never.pdf")));
  assert.equal(error.reason, "MEDIA_CORRUPTED");
  assert.equal(error.code, Code.DataLoss);
  assert.deepEqual(await readdir(folder), before);
  await simulator.post("/fault", { kind: "clear" });
});

test("files that cannot be had", async () => {
  const { seq, id } = await document(200_000);
  assert.equal((await failureOf(agent.download(seq, { maxBytes: 1_000 }))).reason, "MEDIA_TOO_LARGE");
  assert.equal((await failureOf(agent.download(1n))).reason, "NO_SUCH_MESSAGE");
  assert.equal((await failureOf(agent.download(seq, { quoted: true }))).reason, "NO_MEDIA");
  assert.equal((await failureOf(agent.download(seq, { signal: AbortSignal.abort() }))).reason, "CANCELED");
  const nowhere = join(folder, "missing", "file.pdf");
  assert.match((await failureOf((await agent.download(seq)).save(nowhere))).message, /cannot write .*ENOENT/);
  await simulator.post("/phone/answers", { account: ACCOUNT, reupload: "not_found" });
  await simulator.post("/media/remove", { account: ACCOUNT, id });
  const gone = await failureOf(agent.download(seq).then((file) => file.save(join(folder, "gone.pdf"))));
  assert.equal(gone.reason, "MEDIA_GONE");
  assert.ok(!(await readdir(folder)).some((name) => name.includes("gone") || name.endsWith(".part")));
});

test("an agent that is killed during a download leaves no file", { timeout: 60_000 }, async () => {
  const { seq } = await document(3_000_000);
  await simulator.post("/fault", { kind: "media_slow", rate: 300_000 });
  const saving = failureOf((await agent.download(seq)).save(join(folder, "half.pdf")));
  await until("the first bytes", async () => (await readdir(folder)).some((name) => name.startsWith(".half.pdf.")));
  await running.kill();
  assert.equal((await saving).reason, "CONNECTION_LOST");
  assert.ok(!(await readdir(folder)).some((name) => name.includes("half")));
  await simulator.post("/fault", { kind: "clear" });
  await running.run();
  assert.equal((await agent.download(seq)).media?.sizeBytes, 3_000_000n);
});

test("an upload from a path, from bytes and from a stream", { timeout: 60_000 }, async () => {
  const bytes = filled(500_000);
  const path = join(folder, "minutes.txt");
  await writeFile(path, bytes);
  const document = { kind: MediaKind.DOCUMENT, mimeType: "text/plain" };
  const fromPath = await agent.upload(path, document);
  assert.equal(fromPath.media?.fileName, "minutes.txt");
  assert.equal(Buffer.from(fromPath.sha256).toString("hex"), sha256(bytes));
  assert.equal(await delivered(fromPath.mediaId), sha256(bytes));
  const fromBytes = await agent.upload(bytes, { ...document, fileName: "b.txt" });
  assert.equal(await delivered(fromBytes.mediaId), sha256(bytes));
  const pieces = [bytes.subarray(0, 1), bytes.subarray(1, 200_000), new Uint8Array(), bytes.subarray(200_000)];
  async function* stream() {
    yield* pieces;
  }
  const fromStream = await agent.upload(stream(), { ...document, fileName: "c.txt" });
  assert.equal(fromStream.media?.sizeBytes, 500_000n);
  assert.equal(await delivered(fromStream.mediaId), sha256(bytes));
});

test("uploads that fail", { timeout: 60_000 }, async () => {
  const document = { kind: MediaKind.DOCUMENT, mimeType: "text/plain", fileName: "d.txt" };
  assert.match((await failureOf(agent.upload(join(folder, "missing.txt"), document))).message, /ENOENT/);
  assert.match((await failureOf(agent.upload(folder, document))).message, /not a file/);
  assert.equal((await failureOf(agent.upload(new Uint8Array(), document))).reason, "EMPTY_FILE");
  assert.equal((await failureOf(agent.upload(filled(10), { ...document, sizeBytes: 11n }))).reason, "INVALID_ARGUMENT");
  const picture = { kind: MediaKind.IMAGE };
  assert.equal((await failureOf(agent.upload(filled(4_000_000), picture))).reason, "NOT_A_PICTURE");
  assert.equal(
    (await failureOf(agent.upload(filled(10), { ...document, sizeBytes: 3n << 30n }))).reason,
    "MEDIA_TOO_LARGE",
  );

  let [read, closed] = [0, 0];
  async function* endless() {
    try {
      for (;;) {
        read++;
        yield filled(64 * 1024);
      }
    } finally {
      closed++;
    }
  }
  const declared = agent.upload(endless(), { ...document, sizeBytes: 100_000n });
  assert.equal((await failureOf(declared)).reason, "INVALID_ARGUMENT");
  assert.ok(closed === 1 && read < 1_000, `closed ${closed}, read ${read}`);
  const source = new Error("the source has failed");
  async function* broken() {
    yield filled(10);
    throw source;
  }
  await assert.rejects(agent.upload(broken(), document), source);
  const stopped = agent.upload(endless(), { ...document, signal: AbortSignal.timeout(300) });
  assert.equal((await failureOf(stopped)).reason, "CANCELED");
  assert.equal(closed, 2);
});
