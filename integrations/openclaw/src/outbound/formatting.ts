/**
 * From the assistant's Markdown to what WhatsApp's clients show: *bold*, _italic_, ~strikethrough~, ```code```, lists
 * as text, tables as bullets or code. The text is converted before it is split, so that a style that spans two messages
 * is closed in the first and opened again in the second.
 */

import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { sanitizeForPlainText } from "openclaw/plugin-sdk/channel-outbound";
import { resolveMarkdownTableMode } from "openclaw/plugin-sdk/config-runtime";
import {
  type ChunkMode,
  chunkMarkdownTextWithMode,
  resolveChunkMode,
  resolveTextChunkLimit,
} from "openclaw/plugin-sdk/reply-chunking";
import {
  FormatCapabilityProfile,
  type MarkdownIR,
  markdownToIRWithMeta,
  renderMarkdownIRChunksWithinLimit,
  renderMarkdownWithMarkers,
  sanitizeAssistantVisibleTextWithProfile,
  sliceMarkdownIR,
  stripToolCallXmlTags,
} from "openclaw/plugin-sdk/text-chunking";
import { CHANNEL_ID } from "../config/settings.js";

export type TableMode = ReturnType<typeof resolveMarkdownTableMode>;

/** How a text is converted and split. */
export interface TextFormat {
  /** Longest message, in UTF-16 units. */
  limit: number;
  chunkMode: ChunkMode;
  tableMode: TableMode;
}

/** Default of `textChunkLimit`. */
export const TEXT_CHUNK_LIMIT = 4_000;
/** Longer texts are folded by WhatsApp's clients; no setting goes beyond. */
const MAX_TEXT_CHARS = 4_096;

/** What a delivery asks for, over the account's settings. */
export interface FormatRequest {
  textLimit?: number | undefined;
  chunkMode?: ChunkMode | undefined;
  tableMode?: TableMode | undefined;
}

/** The format of an account's texts. */
export function textFormat(cfg: OpenClawConfig, accountId: string, request: FormatRequest = {}): TextFormat {
  const configured = resolveTextChunkLimit(cfg, CHANNEL_ID, accountId, { fallbackLimit: TEXT_CHUNK_LIMIT });
  const requested = request.textLimit && request.textLimit > 0 ? request.textLimit : Number.POSITIVE_INFINITY;
  return {
    limit: Math.min(requested, configured, MAX_TEXT_CHARS),
    chunkMode: request.chunkMode ?? resolveChunkMode(cfg, CHANNEL_ID, accountId),
    tableMode: request.tableMode ?? resolveMarkdownTableMode({ cfg, channel: CHANNEL_ID, accountId }),
  };
}

/** Removes what no recipient should see: tool calls, reasoning, HTML. Leading indentation stays, blank lines go. */
export function visibleText(text: string | undefined): string {
  const visible = sanitizeAssistantVisibleTextWithProfile(dropLeadingBlankLines(text ?? ""), "history");
  const plain = sanitizeForPlainText(stripToolCallXmlTags(visible, { stripFunctionCallsXmlPayloads: true }));
  const trimmed = dropLeadingBlankLines(plain);
  return trimmed.trim() ? trimmed : "";
}

/** The messages that a text in Markdown becomes: none if nothing of it is visible. */
export function toMessages(markdown: string, { limit, chunkMode, tableMode }: TextFormat): string[] {
  if (!markdown.trim()) return [];
  const escapes = new Escapes(markdown);
  const ir = parse(escapes.hide(markdown), tableMode);
  const render = (part: MarkdownIR) =>
    renderMarkdownWithMarkers(
      part,
      { styleMarkers: STYLE_MARKERS, escapeText: (text) => escapes.show(text) },
      CAPABILITIES,
    );
  const isPlain = ir.styles.length === 0 && ir.links.length === 0;
  const chunks = isPlain
    ? chunkMarkdownTextWithMode(render(ir), limit, chunkMode)
    : paragraphs(ir, limit, chunkMode).flatMap((part) => renderWithin(part, limit, render));
  const trimmed = chunkMode === "newline" ? chunks.map((chunk) => chunk.trimEnd()) : chunks;
  return trimmed.filter((chunk) => chunk.trim());
}

/** WhatsApp's markers. Underline and spoilers have none, and headings are bold. */
const STYLE_MARKERS = {
  bold: { open: "*", close: "*" },
  italic: { open: "_", close: "_" },
  strikethrough: { open: "~", close: "~" },
  code: { open: "```", close: "```" },
  code_block: { open: "```\n", close: "```" },
};

const CAPABILITIES = FormatCapabilityProfile.define({
  mechanism: "markdown",
  constructs: {
    underline: "strip",
    spoiler: "fallback",
    codeLanguage: "fallback",
    linkLabel: "fallback",
    heading: "fallback",
    taskList: "fallback",
    table: "fallback",
    image: "fallback",
  },
  chunk: { limit: MAX_TEXT_CHARS, unit: "chars" },
});

/** Keeps the indentation of a first line, which the Markdown parser would take for a code block or drop. Invisible. */
const INDENT_GUARD = "\u2060";

function parse(markdown: string, tableMode: TableMode): MarkdownIR {
  const isIndented = /^[\t ]/u.test(markdown);
  const { ir: parsed, hasTables } = markdownToIRWithMeta(isIndented ? INDENT_GUARD + markdown : markdown, {
    // WhatsApp's clients find links by themselves.
    linkify: false,
    autolink: false,
    enableSpoilers: true,
    enableHtmlUnderline: true,
    enableTaskLists: true,
    headingStyle: "rich",
    blockquotePrefix: "> ",
    tableMode: tableMode === "block" ? "code" : tableMode,
    preserveSourceBlockSpacing: true,
  });
  const ir =
    isIndented && parsed.text.startsWith(INDENT_GUARD) ? sliceMarkdownIR(parsed, 1, parsed.text.length) : parsed;
  const trailing = /\s+$/u.exec(markdown)?.[0] ?? "";
  return !hasTables && trailing ? { ...ir, text: ir.text.trimEnd() + trailing } : ir;
}

/** In the mode "newline" a text is split at its paragraphs first. */
function paragraphs(ir: MarkdownIR, limit: number, chunkMode: ChunkMode): MarkdownIR[] {
  if (chunkMode !== "newline") return [ir];
  const parts: MarkdownIR[] = [];
  let cursor = 0;
  for (const text of chunkMarkdownTextWithMode(ir.text, limit, chunkMode)) {
    const start = ir.text.indexOf(text, cursor);
    if (start < 0) return [ir];
    cursor = start + text.length;
    parts.push(sliceMarkdownIR(ir, start, cursor));
  }
  return parts;
}

function renderWithin(ir: MarkdownIR, limit: number, renderChunk: (part: MarkdownIR) => string): string[] {
  const options = { ir, limit, renderChunk, measureRendered: (text: string) => text.length };
  return renderMarkdownIRChunksWithinLimit(options).map(({ rendered }) => rendered);
}

function dropLeadingBlankLines(text: string): string {
  return text.replace(/^(?:[ \t]*\r?\n)+/, "");
}

/**
 * Hides escaped markers ("\*") from the Markdown parser, which would drop the backslash: WhatsApp knows no escapes, and
 * a bare marker could begin a style there. Each is replaced by a character of the private use area that the text does
 * not have.
 */
class Escapes {
  readonly #pairs: [escaped: string, placeholder: string][];

  constructor(text: string) {
    let next = 0xe000;
    this.#pairs = ["*", "_", "~", "`"].map((marker) => {
      while (text.includes(String.fromCodePoint(next))) next += 1;
      const placeholder = String.fromCodePoint(next);
      next += 1;
      return [`\\${marker}`, placeholder];
    });
  }

  hide(text: string): string {
    return this.#pairs.reduce((hidden, [escaped, placeholder]) => hidden.replaceAll(escaped, placeholder), text);
  }

  show(text: string): string {
    return this.#pairs.reduce((shown, [escaped, placeholder]) => shown.replaceAll(placeholder, escaped), text);
  }
}
