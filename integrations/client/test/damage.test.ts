// A stream of a file that is damaged between agent and client: a stand-in serves it, because no agent does that.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Agent, Contacts, type DownloadResponseSchema, Files } from "@openclaw-agent/client";
import { failureOf } from "./rig/failure.ts";

type Item = MessageInitShape<typeof DownloadResponseSchema>["item"];

const bytes = Buffer.from("the bytes of a file");
const start: Item = { case: "start", value: { messageId: "A", media: { sizeBytes: 19n } } };
const chunk: Item = { case: "chunk", value: bytes };
const restart: Item = { case: "restart", value: {} };
const end: Item = { case: "end", value: { sizeBytes: 19n, sha256: createHash("sha256").update(bytes).digest() } };

let items: Item[] = [];
let folder: string;
let agent: Agent;
const handler = connectNodeAdapter({
  routes: (router) =>
    router
      .service(Files, {
        async *download() {
          for (const item of items) yield { item };
        },
      })
      .service(Contacts, {
        async *getPicture() {
          yield { item: { case: "start", value: { mimeType: "image/jpeg", sizeBytes: 20n } } };
          yield { item: { case: "chunk", value: bytes } };
        },
      }),
});
const server = createServer(handler);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "agent-client-"));
  server.listen(join(folder, "agent.sock"));
  await once(server, "listening");
  agent = Agent.connect({ socket: join(folder, "agent.sock") });
});

after(async () => {
  agent.close();
  server.close();
  await rm(folder, { recursive: true });
});

const DAMAGE: [what: string, items: Item[], reason: string][] = [
  ["no end", [start, chunk], "STREAM_TRUNCATED"],
  ["nothing at all", [], "STREAM_TRUNCATED"],
  ["no start", [chunk, end], "STREAM_TRUNCATED"],
  ["a missing chunk", [start, end], "STREAM_CORRUPTED"],
  ["a chunk twice", [start, chunk, chunk, end], "STREAM_CORRUPTED"],
  ["another byte", [start, { case: "chunk", value: Buffer.from("the bytes of a filE") }, end], "STREAM_CORRUPTED"],
  ["everything discarded", [start, chunk, restart, end], "STREAM_CORRUPTED"],
  ["more than maxBytes", [start, chunk, chunk, chunk, end], "MEDIA_TOO_LARGE"],
];

for (const [what, damaged, reason] of DAMAGE) {
  test(`${what} is ${reason}`, async () => {
    items = damaged;
    const read = () => agent.download(7n, { maxBytes: 40 });
    assert.equal((await failureOf(read().then((file) => file.bytes()))).reason, reason);
    assert.equal((await failureOf(read().then((file) => file.save(join(folder, "file"))))).reason, reason);
    assert.deepEqual(await readdir(folder), ["agent.sock"]);
  });
}

test("bytes before a restart are discarded", async () => {
  items = [start, { case: "chunk", value: Buffer.alloc(60) }, restart, chunk, end];
  assert.ok(bytes.equals(await (await agent.download(7n)).bytes()));
  const { path } = await (await agent.download(7n)).save(join(folder, "file"));
  assert.ok(bytes.equals(await readFile(path)));
  await rm(path);
});

test("bytes() has a limit of its own", async () => {
  const mebibyte: Item = { case: "chunk", value: Buffer.alloc(1024 * 1024) };
  items = [start, ...Array<Item>(65).fill(mebibyte), end];
  assert.equal((await failureOf(agent.download(7n).then((file) => file.bytes()))).reason, "MEDIA_TOO_LARGE");
});

test("a picture that is too short is refused", async () => {
  assert.equal((await failureOf(agent.picture("+15550100002"))).reason, "STREAM_TRUNCATED");
});
