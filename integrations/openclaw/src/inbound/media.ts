import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Agent, AgentError } from "@openclaw-agent/client";
import { formatInboundMediaUnavailableText } from "openclaw/plugin-sdk/channel-inbound";
import { saveMediaStream } from "openclaw/plugin-sdk/media-store";
import type { MediaFacts } from "./content.js";
import type { InboundMessage, SavedFile } from "./facts.js";
import type { Log } from "./scope.js";

const DEFAULT_MAX_MB = 50;
/** Waits between the attempts: an agent that restarts is back within seconds. */
const RETRY_DELAYS_MS = [1_000, 3_000, 10_000];
export interface MediaOptions {
  client: Pick<Agent, "download">;
  maxBytes: number;
  signal: AbortSignal;
  log: Log;
  retryDelaysMs?: readonly number[];
  /** Stores a file where the gateway keeps its media. */
  save?: typeof saveMediaStream;
}

/** `mediaMaxMb` in bytes. */
export function mediaMaxBytes(mediaMaxMb: number | undefined): number {
  const megabytes = typeof mediaMaxMb === "number" && mediaMaxMb > 0 ? mediaMaxMb : DEFAULT_MAX_MB;
  return Math.floor(megabytes * 1024 * 1024);
}

/**
 * Downloads the file of a message, else that of the message that it quotes.
 *
 * A file that cannot be had is said in the text, so that the assistant can ask for it again.
 */
export async function withFile(message: InboundMessage, options: MediaOptions): Promise<InboundMessage> {
  if (message.media) return fetchInto(message, message.media, false, options);
  if (message.quote?.media) return fetchInto(message, message.quote.media, true, options);
  return message;
}

async function fetchInto(
  message: InboundMessage,
  media: MediaFacts,
  quoted: boolean,
  options: MediaOptions,
): Promise<InboundMessage> {
  try {
    const file = await fetchWithRetry(message.seq, media, quoted, options);
    return { ...message, file, ...(quoted ? { fileIsQuoted: true } : {}) };
  } catch (error) {
    if (options.signal.aborted) throw error;
    options.log.warn(`file of event ${message.seq} unavailable: ${reasonOf(error)}`);
    const notice = quoted ? "[whatsapp quoted attachment unavailable]" : "[whatsapp attachment unavailable]";
    return { ...message, body: formatInboundMediaUnavailableText({ body: message.body, notice }) };
  }
}

async function fetchWithRetry(
  seq: bigint,
  media: MediaFacts,
  quoted: boolean,
  options: MediaOptions,
): Promise<SavedFile> {
  const delays = options.retryDelaysMs ?? RETRY_DELAYS_MS;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await fetchOnce(seq, media, quoted, options);
    } catch (error) {
      const wait = delays[attempt];
      // A busy agent, a lost connection, a silent phone: these may pass. A file that is gone stays gone.
      const passing = error instanceof AgentError && (error.transient || error.reason === "STREAM_CORRUPTED");
      if (!passing || wait === undefined || options.signal.aborted) throw error;
      await delay(wait, undefined, { signal: options.signal });
    }
  }
}

/** By way of a temporary file: a download counts only at its end, and a large one should not be held in memory. */
async function fetchOnce(seq: bigint, media: MediaFacts, quoted: boolean, options: MediaOptions): Promise<SavedFile> {
  const { client, maxBytes, signal, save = saveMediaStream } = options;
  const download = await client.download(seq, { quoted, maxBytes, signal });
  const dir = await mkdtemp(join(tmpdir(), "openclaw-agent-"));
  try {
    const path = join(dir, "file");
    await download.save(path);
    const saved = await save(createReadStream(path), media.contentType, "inbound", maxBytes, media.fileName);
    return {
      path: saved.path,
      ...(media.contentType ? { contentType: media.contentType } : {}),
      ...(media.fileName ? { fileName: media.fileName } : {}),
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AgentError) return error.reason;
  return error instanceof Error ? error.name : "unknown error";
}
