import { Code } from "@connectrpc/connect";
import type { PictureStart } from "./api.js";
import { AgentError } from "./error.js";
import type { Rpc } from "./rpc.js";

/** The largest picture that the agent sends. */
const MAX_PICTURE_BYTES = 2 * 1024 * 1024;

/** The picture of a person or of a group. */
export interface Picture {
  /** Another picture has another id. */
  pictureId: string;
  mimeType: string;
  bytes: Uint8Array;
}

/** Which picture. */
export interface PictureOptions {
  /** The small one of lists. */
  preview?: boolean;
  signal?: AbortSignal;
}

/** Fetches a picture. `undefined` if there is none, or if the account may not see it. */
export async function picture(rpc: Rpc, of: string, options: PictureOptions): Promise<Picture | undefined> {
  const { preview = false, signal } = options;
  let start: PictureStart | undefined;
  let size = 0;
  const chunks: Uint8Array[] = [];
  try {
    for await (const { item } of rpc.contacts.getPicture({ of, preview }, { signal })) {
      if (item.case === "start") start = item.value;
      if (item.case !== "chunk") continue;
      size += item.value.length;
      if (size > MAX_PICTURE_BYTES) throw incomplete();
      chunks.push(item.value);
    }
  } catch (error) {
    if (AgentError.is(error, "NO_PICTURE")) return undefined;
    throw error;
  }
  if (!start || BigInt(size) !== start.sizeBytes) throw incomplete();
  return { pictureId: start.pictureId, mimeType: start.mimeType, bytes: Buffer.concat(chunks) };
}

function incomplete(): AgentError {
  const message = "the picture that arrived is not as large as the agent announced";
  return new AgentError({ code: Code.Unavailable, reason: "STREAM_TRUNCATED", message, hint: "fetch it again" });
}
