/** Files, in both directions. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { imagesOf, promptOf } from "../harness/model.ts";
import type { Rig } from "../harness/rig.ts";
import { TRANSCRIPT } from "../harness/sides.ts";
import { row } from "./row.ts";

const FILES = new URL("../../../../agent/tests/data/files/", import.meta.url);
const file = (name: string) => readFile(new URL(name, FILES));
const base64 = async (name: string) => (await file(name)).toString("base64");

/** Puts a file where the model may send it from. Returns its path. */
async function placed(rig: Rig, name: string): Promise<string> {
  const path = join(rig.gateway.workspace, name);
  await writeFile(path, await file(name));
  return path;
}

const send = (media: string, more: Record<string, unknown> = {}) => ({
  tool: { name: "message", args: { action: "send", media, ...more } },
});

export const media = [
  row("Pictures reach the model", async (rig) => {
    const anna = rig.person();
    const word = rig.script({ text: "a nice view" });
    await anna.say({ image: { mime: "image/jpeg", caption: `${word} look`, bytes: await base64("still.jpg") } });
    assert.match(imagesOf(await rig.asked(word))[0] ?? "", /^data:image\/\w+;base64,.{1000}/);
    await anna.reads("a nice view");
  }),

  row("Voice notes are transcribed", async (rig) => {
    const anna = rig.person();
    rig.model.on(TRANSCRIPT, { text: "I heard you" });
    await anna.say({
      audio: { voice: true, mime: "audio/ogg; codecs=opus", bytes: await base64("voice-phone.ogg"), seconds: 2 },
    });
    await anna.reads("I heard you");
  }),

  row("Documents reach the model", async (rig) => {
    const anna = rig.person();
    const word = rig.script({ text: "I read it" });
    const document = {
      mime: "application/pdf",
      name: "report.pdf",
      bytes: await base64("report.pdf"),
      caption: `${word} read`,
    };
    await anna.say({ document });
    assert.match(promptOf(await rig.asked(word)), /report/);
    await anna.reads("I read it");
  }),

  row("Pictures in quotes reach the model", async (rig) => {
    const anna = rig.person();
    const content = { image: { mime: "image/jpeg", bytes: await base64("still.jpg") } };
    const plain = rig.script({ text: "got it" });
    const id = await anna.say({ image: { ...content.image, caption: `${plain} keep this` } });
    await anna.reads("got it");
    const word = rig.script({ text: "that one" });
    const author = `${anna.number.slice(1)}@s.whatsapp.net`;
    await anna.say({ text: `${word} what was this?`, context: { quote: { id, author, content } } });
    assert.ok(promptOf(await rig.asked(word)).includes(id));
    await anna.reads("that one");
  }),

  row("Pictures in answers", async (rig) => {
    const anna = rig.person();
    const path = await placed(rig, "still.jpg");
    const word = rig.script(send(path, { message: "the harbour" }), { text: "sent it" });
    await anna.say(`${word} show me`);
    const shown = await anna.gets("a picture", ({ content }) => content?.image);
    assert.equal(shown.content?.image.caption, "the harbour");
    assert.equal(shown.content?.image.file.opened, true, JSON.stringify(shown.content));
  }),

  row("Documents in answers", async (rig) => {
    const anna = rig.person();
    const path = await placed(rig, "report.pdf");
    const word = rig.script(send(path), { text: "sent the report" });
    await anna.say(`${word} the report`);
    const shown = await anna.gets("a document", ({ content }) => content?.document);
    const sha256 = createHash("sha256")
      .update(await file("report.pdf"))
      .digest("base64");
    assert.equal(shown.content?.document.file.sha256, sha256, JSON.stringify(shown.content));
  }),

  row("Voice notes in answers", async (rig) => {
    const anna = rig.person();
    const path = await placed(rig, "voice-ffmpeg.ogg");
    const word = rig.script(send(path, { asVoice: true }), { text: "said it" });
    await anna.say(`${word} say it`);
    const shown = await anna.gets("a voice note", ({ content }) => content?.audio);
    assert.equal(shown.content?.audio.voice, true, JSON.stringify(shown.content));
    assert.equal(shown.content?.audio.file.opened, true, JSON.stringify(shown.content));
  }),

  row("`MEDIA:` lines in answers", async (rig) => {
    const anna = rig.person();
    const path = await placed(rig, "still.jpg");
    const word = rig.script({ text: `the view\nMEDIA:${path}` });
    await anna.say(`${word} the view?`);
    const shown = await anna.gets("a picture", ({ content }) => content?.image);
    assert.equal(shown.content?.image.file.opened, true, JSON.stringify(shown.content));
  }),
];
