import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isOggOpus, withSerial, withStableSerial } from "../../src/outbound/ogg.js";
import { FileStore } from "../../src/outbound/prompt-store.js";

/** Files of real life, which the agent's own tests use, too. */
const file = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../../agent/tests/data/files/${name}`, import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "openclaw-outbound-"));
after(() => rmSync(folder, { recursive: true }));

test("voice messages are told from other sound by their first page", () => {
  assert.equal(isOggOpus(file("voice-ffmpeg.ogg")), true);
  assert.equal(isOggOpus(file("voice-phone.ogg")), true);
  for (const other of ["vorbis.ogg", "mp3.ogg", "sound.mp3", "one-byte", "empty"])
    assert.equal(isOggOpus(file(other)), false, other);
});

test("two conversions that differ only in their serial number become the same file", () => {
  const voice = file("voice-ffmpeg.ogg");
  const other = withSerial(voice, 1);
  assert.notDeepEqual(other, voice);
  assert.deepEqual(withStableSerial(other), withStableSerial(voice));
});

test("the checksums are those of the encoder: the old serial number gives the old file", () => {
  const voice = file("voice-ffmpeg.ogg");
  assert.deepEqual(withSerial(withStableSerial(voice), voice.readUInt32LE(14)), voice);
});

test("what is no Ogg stream is left alone", () => {
  for (const other of ["sound.mp3", "one-byte", "empty"]) assert.deepEqual(withStableSerial(file(other)), file(other));
  const cut = file("voice-ffmpeg.ogg").subarray(0, 1_000);
  assert.deepEqual(withStableSerial(cut), cut);
});

test("prompts that wait for a reaction survive a restart of the gateway", async () => {
  const path = join(folder, "plugins", "prompts.json");
  await new FileStore(path, 2).register("a", { version: 1, target: "A" }, { ttlMs: 60_000 });
  const restarted = new FileStore(path, 2);
  assert.deepEqual(await restarted.lookup("a"), { version: 1, target: "A" });
  await restarted.register("old", { version: 1, target: "old" }, { ttlMs: -1 });
  assert.equal(await restarted.lookup("old"), undefined);
  await restarted.delete("a");
  assert.equal(await new FileStore(path, 2).lookup("a"), undefined);
});

test("the oldest prompts make room, and a damaged file is an empty one", async () => {
  const path = join(folder, "few.json");
  const store = new FileStore(path, 2);
  for (const key of ["a", "b", "c"]) await store.register(key, { version: 1, target: key }, { ttlMs: 60_000 });
  const restarted = new FileStore(path, 2);
  assert.equal(await restarted.lookup("a"), undefined);
  assert.deepEqual(await restarted.lookup("c"), { version: 1, target: "c" });
  writeFileSync(path, "{");
  assert.equal(await new FileStore(path, 2).lookup("c"), undefined);
});
