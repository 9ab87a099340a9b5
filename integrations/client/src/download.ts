import { createHash, type Hash, randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { DownloadEnd, DownloadResponse, DownloadStart, Media, MessageRefSchema } from "./api.js";
import { AgentError } from "./error.js";
import type { Rpc } from "./rpc.js";
import { Scope } from "./scope.js";

/** The limit of `bytes()`, unless `maxBytes` sets another one. */
const MAX_BYTES_IN_MEMORY = 64 * 1024 * 1024;

/** The message with the file: the `seq` of its event, or a reference. */
export type FileRef = bigint | MessageInitShape<typeof MessageRefSchema>;

/** Which file, and how much of it. */
export interface DownloadOptions {
  /** The file of the message that this one quotes. */
  quoted?: boolean;
  /** Fail with MEDIA_TOO_LARGE if the file is larger. Default: 2 GiB, for `bytes()` 64 MiB. */
  maxBytes?: number;
  /** Ends the download. */
  signal?: AbortSignal;
}

/** A file that was saved. */
export interface SavedFile {
  path: string;
  sizeBytes: number;
  sha256: Uint8Array;
}

/** Begins a download, and returns once the agent has described the file. */
export async function download(rpc: Rpc, ref: FileRef, options: DownloadOptions): Promise<Download> {
  const message = typeof ref === "bigint" ? { by: { case: "seq" as const, value: ref } } : ref;
  const { quoted = false, maxBytes, signal } = options;
  const scope = new Scope(signal);
  const request = { message, quoted, maxBytes: BigInt(maxBytes ?? 0) };
  const items = rpc.files.download(request, { signal: scope.signal })[Symbol.asyncIterator]();
  try {
    const first = await items.next();
    if (first.done || first.value.item.case !== "start") throw truncated();
    return new Download(first.value.item.value, items, scope, maxBytes);
  } catch (error) {
    scope.end();
    throw error;
  }
}

/**
 * A file that the agent is about to send. Read it with `save` or `bytes`, once, and within a minute: the agent ends a download
 * that is not read. Or `cancel` it.
 */
export class Download implements AsyncDisposable {
  /** What the message says about the file: kind, MIME type, name, size. Its sender chose them. */
  readonly start: DownloadStart;
  readonly #items: AsyncIterator<DownloadResponse>;
  readonly #scope: Scope;
  readonly #maxBytes: number | undefined;
  #used = false;

  /** @internal */
  constructor(
    start: DownloadStart,
    items: AsyncIterator<DownloadResponse>,
    scope: Scope,
    maxBytes: number | undefined,
  ) {
    this.start = start;
    this.#items = items;
    this.#scope = scope;
    this.#maxBytes = maxBytes;
  }

  /** `start.media`, which every file has. */
  get media(): Media | undefined {
    return this.start.media;
  }

  /** The complete, verified file. Fails with MEDIA_TOO_LARGE above `maxBytes`. */
  async bytes(): Promise<Uint8Array> {
    const chunks = new Chunks();
    await this.#read(chunks, this.#maxBytes ?? MAX_BYTES_IN_MEMORY);
    return chunks.joined();
  }

  /**
   * Writes the file to `path`, which it replaces if it exists. The bytes go to a temporary file in the same folder, which is
   * renamed once it is complete, verified and synced, and removed after a failure.
   */
  async save(path: string): Promise<SavedFile> {
    const partial = join(dirname(path), `.${basename(path).slice(0, 64)}.${randomBytes(6).toString("hex")}.part`);
    try {
      const file = await written(path, open(partial, "wx", 0o600));
      let end: DownloadEnd;
      try {
        end = await this.#read(new FileSink(file, path), this.#maxBytes);
        await written(path, file.sync());
      } finally {
        await file.close();
      }
      await written(path, rename(partial, path));
      return { path, sizeBytes: Number(end.sizeBytes), sha256: end.sha256 };
    } catch (error) {
      await this.cancel();
      await rm(partial, { force: true });
      throw error;
    }
  }

  /** Ends the download, if it has not ended. */
  async cancel(): Promise<void> {
    this.#scope.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel();
  }

  async #read(sink: Sink, maxBytes: number | undefined): Promise<DownloadEnd> {
    if (this.#used) throw new TypeError("the file was read already: call download again");
    this.#used = true;
    try {
      return await receive(this.#items, sink, maxBytes);
    } finally {
      this.#scope.end();
    }
  }
}

/** Where the bytes of a file go. */
interface Sink {
  write(chunk: Uint8Array): Promise<void> | void;
  /** Discards all that was written. */
  restart(): Promise<void> | void;
}

/** Receives a file to its verified end. The next chunk is received after the one before was written. */
async function receive(
  items: AsyncIterator<DownloadResponse>,
  sink: Sink,
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<DownloadEnd> {
  let received = new Received();
  for (let next = await items.next(); !next.done; next = await items.next()) {
    const { item } = next.value;
    if (item.case === "chunk") {
      received.add(item.value);
      if (received.size > maxBytes) throw tooLarge(maxBytes);
      await sink.write(item.value);
    } else if (item.case === "restart") {
      received = new Received();
      await sink.restart();
    } else if (item.case === "end") {
      if (!received.is(item.value)) throw corrupted();
      return item.value;
    }
  }
  throw truncated();
}

/** Size and hash of what has arrived. */
class Received {
  size = 0;
  readonly #hash: Hash = createHash("sha256");

  add(chunk: Uint8Array): void {
    this.size += chunk.length;
    this.#hash.update(chunk);
  }

  is(end: DownloadEnd): boolean {
    return BigInt(this.size) === end.sizeBytes && this.#hash.digest().equals(end.sha256);
  }
}

class Chunks implements Sink {
  #chunks: Uint8Array[] = [];

  write(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
  }

  restart(): void {
    this.#chunks = [];
  }

  joined(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }
}

class FileSink implements Sink {
  readonly #file: FileHandle;
  readonly #path: string;
  #position = 0;

  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await written(
        this.#path,
        this.#file.write(chunk, done, chunk.length - done, this.#position),
      );
      done += bytesWritten;
      this.#position += bytesWritten;
    }
  }

  async restart(): Promise<void> {
    await written(this.#path, this.#file.truncate(0));
    this.#position = 0;
  }
}

/** The result of an operation on the file, whose failure is explained. */
async function written<T>(path: string, operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown";
    const hint = code === "ENOENT" ? "create its folder" : "check the folder, its permissions and the free space";
    throw new AgentError({
      code: Code.FailedPrecondition,
      reason: "NOT_SAVED",
      message: `cannot write ${path} (${code})`,
      hint,
    });
  }
}

function tooLarge(maxBytes: number): AgentError {
  const message = `the file has more than ${maxBytes} bytes`;
  return new AgentError({
    code: Code.FailedPrecondition,
    reason: "MEDIA_TOO_LARGE",
    message,
    hint: "raise maxBytes to get it",
  });
}

function truncated(): AgentError {
  const message = "the agent ended the download before the file was complete";
  return new AgentError({ code: Code.Unavailable, reason: "STREAM_TRUNCATED", message, hint: "download it again" });
}

function corrupted(): AgentError {
  const message = "the bytes that arrived are not the ones that the agent sent: size or SHA-256 differ";
  return new AgentError({ code: Code.DataLoss, reason: "STREAM_CORRUPTED", message, hint: "download it again" });
}
