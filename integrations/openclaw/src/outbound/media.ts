/**
 * Files that are sent: from a URL or a path of the gateway to a file in the form that WhatsApp's clients show.
 *
 * The same source always becomes the same bytes, because the agent recognises a repeated send by them.
 */
import { MediaKind } from "@openclaw-agent/client";
import { mimeTypeFromFilePath, normalizeMimeType } from "openclaw/plugin-sdk/media-mime";
import {
  buildOutboundMediaLoadOptions,
  extensionForMime,
  getImageMetadata,
  isImageProcessorUnavailableError,
  MEDIA_FFMPEG_MAX_AUDIO_DURATION_SECS,
  mediaKindFromMime,
  type OutboundMediaAccess,
  probeVideoDimensions,
  resizeToJpeg,
  transcodeAudioBufferToOpus,
} from "openclaw/plugin-sdk/media-runtime";
import { loadWebMedia } from "openclaw/plugin-sdk/web-media";
import { isOggOpus, withStableSerial } from "./ogg.js";
import type { Outlet } from "./outlet.js";

const MIB = 1024 * 1024;
/** Default of `mediaMaxMb`. */
const MEDIA_MAX_MB = 50;
/** Formats that WhatsApp's clients show as a picture. */
const PICTURES = new Set(["image/jpeg", "image/png", "image/webp", "image/gif"]);
const VOICE_MIME = "audio/ogg; codecs=opus";
const ANY_MIME = "application/octet-stream";
/** The preview that clients show before they download a picture. The agent takes up to 64 KiB. */
const THUMBNAIL = { maxSide: 100, quality: 50 };
const MAX_THUMBNAIL_BYTES = 64 * 1024;

/** A file to send: where it is, or its bytes, and how to send it. */
export interface MediaRequest {
  source: string | LoadedFile;
  /** Name and type that the sender chose, over those of the source. */
  fileName?: string | undefined;
  contentType?: string | undefined;
  /** Send a picture or a video as a document, so that WhatsApp's clients do not compress it. */
  asDocument?: boolean | undefined;
  /** Play a video as a GIF. */
  gif?: boolean | undefined;
  /** Send a WebP picture as a sticker. */
  sticker?: boolean | undefined;
  /** False: send sound as a file instead of a voice message. */
  voice?: boolean | undefined;
  /** What the gateway allows to be read. */
  access?: OutboundMediaAccess | undefined;
  localRoots?: readonly string[] | undefined;
  readFile?: ((path: string) => Promise<Buffer>) | undefined;
}

/** The bytes of a file, with what is known about them. */
export interface LoadedFile {
  buffer: Buffer;
  contentType?: string | undefined;
  fileName?: string | undefined;
}

/** A file in the form in which it is sent. */
export interface PreparedFile {
  kind: MediaKind;
  bytes: Buffer;
  mimeType: string;
  /** Only of a document. */
  fileName: string;
  hasCaption: boolean;
  isVoice: boolean;
  thumbnail?: Uint8Array;
  width?: number;
  height?: number;
}

/** Largest file that an account sends or receives. */
export function mediaMaxBytes({ settings }: Outlet["account"]): number {
  const limit = settings.mediaMaxMb;
  return (typeof limit === "number" && limit > 0 ? limit : MEDIA_MAX_MB) * MIB;
}

/** Loads a file and converts it. Throws if it is too large, not allowed, or not there. */
export async function prepareFile(outlet: Outlet, request: MediaRequest): Promise<PreparedFile> {
  const loaded = await load(outlet, request);
  const mimeType = mimeOf(loaded, request);
  const fileName = request.fileName ?? loaded.fileName ?? nameOf(request.source);
  if (request.sticker) return plain(MediaKind.STICKER, loaded.buffer, "image/webp");
  const kind = mediaKindFromMime(mimeType);
  if (kind === "audio")
    return await prepareAudio(loaded.buffer, { mimeType, fileName, voice: request.voice !== false });
  if (kind === "video" && !request.asDocument) return await prepareVideo(loaded.buffer, mimeType, request.gif === true);
  if (PICTURES.has(mimeType) && !request.asDocument) return await preparePicture(loaded.buffer, mimeType);
  const name = cleanName(fileName) || `file${extensionForMime(mimeType) ?? ""}`;
  return { ...plain(MediaKind.DOCUMENT, loaded.buffer, mimeType), fileName: name, hasCaption: true };
}

/** Uploads a prepared file to the agent. Each upload is for one message. */
export async function uploadFile({ link }: Outlet, file: PreparedFile): Promise<string> {
  const { kind, bytes, mimeType, fileName, thumbnail, width, height } = file;
  const { mediaId } = await link.client.upload(bytes, {
    kind,
    mimeType,
    fileName,
    ...(thumbnail ? { thumbnail } : {}),
    ...(width && height ? { width, height } : {}),
  });
  return mediaId;
}

/** A file cannot be sent: it is not there, not allowed, too large, or not readable. The message says which. */
export class FileUnavailableError extends Error {
  override readonly name = "FileUnavailableError";
}

async function load(outlet: Outlet, request: MediaRequest): Promise<LoadedFile> {
  const maxBytes = mediaMaxBytes(outlet.account);
  const { source } = request;
  if (typeof source !== "string") {
    if (source.buffer.byteLength > maxBytes)
      throw new FileUnavailableError(`the file is larger than mediaMaxMb (${maxBytes} bytes)`);
    return source;
  }
  const options = buildOutboundMediaLoadOptions({
    maxBytes,
    mediaAccess: request.access,
    mediaLocalRoots: request.localRoots,
    mediaReadFile: request.readFile,
  });
  try {
    // A document and a sticker are sent as they are.
    if (!request.asDocument && !request.sticker) return await loadWebMedia(source, options);
  } catch (error) {
    if (!isConversionFailure(error)) throw new FileUnavailableError(explainLoad(error), { cause: error });
  }
  try {
    return await loadWebMedia(source, { ...options, optimizeImages: false });
  } catch (error) {
    throw new FileUnavailableError(explainLoad(error), { cause: error });
  }
}

/** The file could be read, and the gateway has no program that converts it: it is sent as it is. */
function isConversionFailure(error: unknown): boolean {
  return isImageProcessorUnavailableError(error) || (error instanceof Error && /^Command failed/.test(error.message));
}

function explainLoad(error: unknown): string {
  return `the file cannot be sent: ${error instanceof Error ? error.message : String(error)}`;
}

function mimeOf({ contentType, fileName }: LoadedFile, request: MediaRequest): string {
  const known = normalizeMimeType(request.contentType ?? contentType);
  if (known && known !== ANY_MIME) return known;
  const name = request.fileName ?? fileName ?? nameOf(request.source);
  return normalizeMimeType(mimeTypeFromFilePath(name)) ?? known ?? ANY_MIME;
}

async function preparePicture(bytes: Buffer, mimeType: string): Promise<PreparedFile> {
  const size = await getImageMetadata(bytes).catch(() => null);
  const thumbnail = await thumbnailOf(bytes);
  return {
    ...plain(MediaKind.IMAGE, bytes, mimeType),
    hasCaption: true,
    ...(size?.width && size.height ? { width: size.width, height: size.height } : {}),
    ...(thumbnail ? { thumbnail } : {}),
  };
}

async function prepareVideo(bytes: Buffer, mimeType: string, gif: boolean): Promise<PreparedFile> {
  const size = await probeVideoDimensions(bytes).catch(() => undefined);
  const kind = gif ? MediaKind.GIF : MediaKind.VIDEO;
  return {
    ...plain(kind, bytes, mimeType),
    hasCaption: true,
    ...(size ? { width: size.width, height: size.height } : {}),
  };
}

/**
 * Sound is sent as a voice message, in Ogg with Opus. If it cannot be converted (there is no ffmpeg), it is sent as a
 * file, so that it is not lost.
 */
async function prepareAudio(
  bytes: Buffer,
  { mimeType, fileName, voice }: { mimeType: string; fileName: string; voice: boolean },
): Promise<PreparedFile> {
  const asVoice = (opus: Buffer) => ({ ...plain(MediaKind.VOICE, opus, VOICE_MIME), isVoice: true });
  if (!voice) return plain(MediaKind.AUDIO, bytes, mimeType);
  if (isOggOpus(bytes)) return asVoice(bytes);
  try {
    const opus = await transcodeAudioBufferToOpus({
      audioBuffer: bytes,
      inputFileName: cleanName(fileName) || "audio",
      tempPrefix: "whatsapp-voice-",
      outputFileName: "voice.ogg",
      maxDurationSeconds: MEDIA_FFMPEG_MAX_AUDIO_DURATION_SECS,
      sampleRateHz: 48_000,
      channels: 1,
      bitrate: "64k",
    });
    return asVoice(withStableSerial(opus));
  } catch {
    return plain(MediaKind.AUDIO, bytes, mimeType);
  }
}

function plain(kind: MediaKind, bytes: Buffer, mimeType: string): PreparedFile {
  return { kind, bytes, mimeType, fileName: "", hasCaption: false, isVoice: false };
}

async function thumbnailOf(buffer: Buffer): Promise<Uint8Array | undefined> {
  const thumbnail = await resizeToJpeg({ buffer, ...THUMBNAIL, withoutEnlargement: true }).catch(() => undefined);
  return thumbnail && thumbnail.byteLength <= MAX_THUMBNAIL_BYTES ? thumbnail : undefined;
}

/** The last part of a path or of a URL's path. */
function nameOf(source: MediaRequest["source"]): string {
  if (typeof source !== "string") return source.fileName ?? "";
  const path = URL.canParse(source) ? decodeName(new URL(source).pathname) : (source.split(/[?#]/, 1)[0] ?? "");
  return path.split(/[\\/]/).pop() ?? "";
}

function decodeName(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** A name that a recipient's client can show: no control characters. */
function cleanName(name: string): string {
  return [...name]
    .filter((char) => char >= " " && char !== "\x7f")
    .join("")
    .trim();
}
