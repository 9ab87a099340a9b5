import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { MediaKind, type UploadRequestSchema, type UploadResponse, type UploadStartSchema } from "./api.js";
import { AgentError } from "./error.js";
import type { Rpc } from "./rpc.js";

/** The largest chunk that the agent accepts. */
const CHUNK_BYTES = 64 * 1024;

/** A file to send: its path, its bytes, or bytes that come in pieces of any size. */
export type UploadSource = string | Uint8Array | AsyncIterable<Uint8Array>;

/** What the file is: `kind`, `mimeType`, `fileName`, … as in the API. The size of a path or of bytes is filled in. */
export type UploadOptions = Omit<MessageInitShape<typeof UploadStartSchema>, "$typeName" | "$unknown"> & {
  kind: MediaKind;
  signal?: AbortSignal;
};

type Item = MessageInitShape<typeof UploadRequestSchema>;

/** Uploads a file to the agent. Reads the next piece after the one before was sent. */
export async function upload(rpc: Rpc, source: UploadSource, options: UploadOptions): Promise<UploadResponse> {
  const { signal, ...start } = options;
  const file = await opened(source);
  let failure: { error: unknown } | undefined;
  const next = (chunks: AsyncIterator<Uint8Array>) =>
    chunks.next().catch((error) => {
      failure = { error };
      throw error;
    });
  const items = async function* (): AsyncGenerator<Item> {
    yield { item: { case: "start", value: { ...named(file, start), sizeBytes: start.sizeBytes ?? file.size ?? 0n } } };
    const chunks = file.chunks[Symbol.asyncIterator]();
    for (let chunk = await next(chunks); !chunk.done; chunk = await next(chunks)) {
      yield { item: { case: "chunk", value: chunk.value } };
    }
  };
  try {
    return await rpc.files.upload(items(), { signal });
  } catch (error) {
    // A source that fails makes the call fail with an error that only quotes it.
    throw failure ? failure.error : error;
  } finally {
    await file.close();
  }
}

interface Opened {
  chunks: AsyncIterable<Uint8Array>;
  /** Absent if it is not known. */
  size?: bigint;
  path?: string;
  close(): Promise<void>;
}

/** Only a document shows its name to the recipient; the agent refuses one of other kinds. */
function named<T extends { kind: MediaKind; fileName?: string }>({ path }: Opened, start: T): T {
  if (!path || start.fileName !== undefined || start.kind !== MediaKind.DOCUMENT) return start;
  return { ...start, fileName: basename(path) };
}

async function opened(source: UploadSource): Promise<Opened> {
  if (typeof source === "string") return openedFile(source);
  if (source instanceof Uint8Array) {
    return { chunks: pieces(source), size: BigInt(source.length), close: async () => {} };
  }
  const iterator = source[Symbol.asyncIterator]();
  // The call may end before the source does, and would leave it open.
  const close = async () => void (await iterator.return?.());
  return { chunks: inPieces(iterator), close };
}

async function openedFile(path: string): Promise<Opened> {
  const file = await read(path, open(path, "r"));
  try {
    const stats = await read(path, file.stat());
    if (!stats.isFile()) throw notRead(path, "it is not a file");
    return { chunks: fileChunks(path, file), size: BigInt(stats.size), path, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function* fileChunks(path: string, file: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { bytesRead, buffer } = await read(path, file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

async function* inPieces(iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield* pieces(next.value);
}

async function read<T>(path: string, operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    throw notRead(path, (error as NodeJS.ErrnoException).code ?? "unknown");
  }
}

function notRead(path: string, why: string): AgentError {
  const message = `cannot read ${path} (${why})`;
  return new AgentError({
    code: Code.FailedPrecondition,
    reason: "NOT_READ",
    message,
    hint: "check the path and its permissions",
  });
}
