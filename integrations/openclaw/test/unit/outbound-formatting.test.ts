import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { textFormat, toMessages, visibleText } from "../../src/outbound/formatting.js";

const require = createRequire(import.meta.url);
const official = await import(pathToFileURL(require.resolve("@openclaw/whatsapp/dist/api.js")).href);

const FORMAT = { limit: 4_000, chunkMode: "length", tableMode: "bullets" } as const;
const only = (markdown: string) => toMessages(markdown, { ...FORMAT, limit: Number.POSITIVE_INFINITY }).join("");

const MARKDOWN: Record<string, string> = {
  bold: "a **bold** word and __another__",
  italic: "an *italic* word and _another_",
  strikethrough: "~~gone~~",
  "inline code": "run `ls -l` now",
  "code block": "before\n\n```sh\nls -l\n```\n\nafter",
  heading: "# Title\n\ntext\n\n## Part\n\nmore",
  lists: "- one\n- two\n  - nested\n\n1. first\n2. second",
  tasks: "- [ ] open\n- [x] done",
  quote: "> quoted\n> twice\n\nanswer",
  link: "see [the page](https://example.com/a?b=c) and https://example.com",
  table: "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |",
  escapes: "2 \\* 3 \\_ 4 \\~ 5 \\` 6",
  html: "<u>underlined</u> text",
  spoiler: "||secret||",
  indentation: "   indented\n  less",
  "trailing space": "text  \n\n",
  mention: "@15550100123 *please* call",
  nested: "**bold with _italic_ and `code`**",
  emoji: "👍 **fertig** — Grüße",
};

for (const [name, markdown] of Object.entries(MARKDOWN)) {
  test(`Markdown becomes what the official channel makes of it: ${name}`, () => {
    assert.equal(only(markdown), official.markdownToWhatsApp(markdown));
  });
}

test("the markers are WhatsApp's", () => {
  assert.equal(only("**b** *i* ~~s~~ `c`"), "*b* _i_ ~s~ ```c```");
});

test("tables are bullets, code, or left alone", () => {
  const table = MARKDOWN.table ?? "";
  assert.match(toMessages(table, FORMAT).join(""), /• b: 2/);
  assert.match(toMessages(table, { ...FORMAT, tableMode: "code" }).join(""), /^```\n/);
});

test("no message is longer than the limit, and no word is lost", () => {
  const words = Array.from({ length: 3_000 }, (_, at) => `word${at}`);
  const text = words.map((word, at) => (at % 50 === 0 ? `\n\n${word}` : word)).join(" ");
  for (const chunkMode of ["length", "newline"] as const) {
    const messages = toMessages(text, { ...FORMAT, limit: 1_000, chunkMode });
    assert.ok(messages.every((message) => message.length <= 1_000 && message.trim()));
    assert.deepEqual(messages.join(" ").split(/\s+/).filter(Boolean), words);
  }
});

test("a style that spans two messages is closed and opened again", () => {
  const messages = toMessages(`**${"bold ".repeat(100).trim()}**`, { ...FORMAT, limit: 200 });
  assert.ok(messages.length > 2);
  for (const message of messages) assert.match(message.trim(), /^\*[^*]+\*$/);
});

test("in the mode newline, paragraphs that fit stay whole", () => {
  const paragraphs = Array.from({ length: 6 }, (_, at) => `${at} **x** ${"text ".repeat(15).trim()}`);
  const messages = toMessages(paragraphs.join("\n\n"), { ...FORMAT, limit: 200, chunkMode: "newline" });
  for (const paragraph of paragraphs) {
    const shown = paragraph.replaceAll("**", "*");
    assert.ok(
      messages.some((message) => message.includes(shown)),
      paragraph,
    );
  }
});

test("what is not visible is not sent", () => {
  assert.deepEqual(toMessages(" \n\n ", FORMAT), []);
  assert.equal(visibleText("\n\n  text"), "  text");
  assert.equal(visibleText("<think>secret</think>visible"), "visible");
  assert.equal(visibleText(undefined), "");
});

test("the limit is the smallest of request, setting and WhatsApp's own", () => {
  const cfg = (textChunkLimit: number) => ({ channels: { whatsapp: { textChunkLimit } } }) as never;
  assert.equal(textFormat({} as never, "default").limit, 4_000);
  assert.equal(textFormat(cfg(1_000), "default").limit, 1_000);
  assert.equal(textFormat(cfg(90_000), "default").limit, 4_096);
  assert.equal(textFormat(cfg(1_000), "default", { textLimit: 500 }).limit, 500);
});
