import type { Content, Poll } from "@openclaw-agent/client";
import { MediaKind } from "@openclaw-agent/client";
import { formatLocationText } from "openclaw/plugin-sdk/channel-inbound";

/** A file of a message, before its download. */
export interface MediaFacts {
  kind: "image" | "video" | "audio" | "document" | "sticker";
  contentType?: string;
  fileName?: string;
  sizeBytes?: number;
  durationMs?: number;
  width?: number;
  height?: number;
  /** False if the agent has no address of the file. */
  downloadable: boolean;
}

/** A location, in the SDK's shape. */
export interface LocationFacts {
  latitude: number;
  longitude: number;
  name?: string;
  caption?: string;
  source: "live" | "place" | "pin";
  isLive: boolean;
}

/** Contact cards, in the shape of the official channel's structured context. */
export interface ContactFacts {
  kind: "contact" | "contacts";
  total: number;
  contacts: { name?: string; phones: string[] }[];
}

type Kinds = Pick<Content, "kind">;

/** The text of a message as the gateway reads it. Empty if it has none. */
export function textOf(content: Kinds): string {
  const location = locationOf(content);
  return [ownText(content), location ? formatLocationText(location) : ""].filter(Boolean).join("\n").trim();
}

function ownText(content: Kinds): string {
  const { kind } = content;
  switch (kind.case) {
    case "text":
      return kind.value.body.trim();
    case "media":
      return kind.value.caption.trim();
    case "choice":
      return kind.value.text.trim() || kind.value.id.trim();
    case "choices":
      return [kind.value.text.trim(), ...kind.value.options.map((option) => bullet(option.text))]
        .filter(Boolean)
        .join("\n");
    case "poll":
      return pollText(kind.value);
    case "contacts":
      return contactsText(kind.value.cards.length);
    case "calendarEvent":
      return [`<event: ${kind.value.title.trim()}>`, kind.value.description.trim()].filter(Boolean).join("\n");
    case "groupInvite":
      return [`<group invite: ${kind.value.title.trim()}>`, kind.value.caption.trim()].filter(Boolean).join("\n");
    case "other":
      return kind.value.text.trim();
    // Votes, pins, timers and the announcement of an album say nothing to the gateway; an album's files are messages.
    default:
      return "";
  }
}

function bullet(text: string): string {
  return text.trim() && `- ${text.trim()}`;
}

function pollText(poll: Poll): string {
  return [poll.question.trim(), ...poll.options.map((option) => bullet(option.name))].filter(Boolean).join("\n");
}

function contactsText(total: number): string {
  if (total === 0) return "";
  return total === 1 ? "<contact>" : `<contacts: ${total} contacts>`;
}

/** The file of a message. */
export function mediaOf(content: Kinds): MediaFacts | undefined {
  if (content.kind.case !== "media") return undefined;
  const media = content.kind.value;
  const type = TYPES[media.kind];
  if (!type) return undefined;
  const facts: MediaFacts = { kind: type.kind, downloadable: media.downloadable };
  const contentType = media.mimeType || type.fallback;
  if (contentType) facts.contentType = contentType;
  if (media.fileName) facts.fileName = media.fileName;
  if (media.sizeBytes > 0n) facts.sizeBytes = Number(media.sizeBytes);
  if (media.duration)
    facts.durationMs = Number(media.duration.seconds) * 1_000 + Math.round(media.duration.nanos / 1e6);
  if (media.width) facts.width = media.width;
  if (media.height) facts.height = media.height;
  return facts;
}

/** WhatsApp's own formats, for senders that leave the MIME type out. */
const TYPES: Partial<Record<MediaKind, { kind: MediaFacts["kind"]; fallback?: string }>> = {
  [MediaKind.IMAGE]: { kind: "image", fallback: "image/jpeg" },
  [MediaKind.VIDEO]: { kind: "video", fallback: "video/mp4" },
  [MediaKind.GIF]: { kind: "video", fallback: "video/mp4" },
  [MediaKind.VIDEO_NOTE]: { kind: "video", fallback: "video/mp4" },
  [MediaKind.AUDIO]: { kind: "audio", fallback: "audio/ogg; codecs=opus" },
  [MediaKind.VOICE]: { kind: "audio", fallback: "audio/ogg; codecs=opus" },
  [MediaKind.DOCUMENT]: { kind: "document" },
  [MediaKind.STICKER]: { kind: "sticker", fallback: "image/webp" },
};

/** The location of a message. */
export function locationOf(content: Kinds): LocationFacts | undefined {
  if (content.kind.case !== "location") return undefined;
  const { latitude, longitude, name, caption, live } = content.kind.value;
  if (!Number.isFinite(latitude) || !Number.isFinite(longitude)) return undefined;
  const facts: LocationFacts = { latitude, longitude, source: live ? "live" : name ? "place" : "pin", isLive: live };
  if (name) facts.name = name;
  if (caption) facts.caption = caption;
  return facts;
}

/** The contact cards of a message. */
export function contactsOf(content: Kinds): ContactFacts | undefined {
  if (content.kind.case !== "contacts" || content.kind.value.cards.length === 0) return undefined;
  const contacts = content.kind.value.cards.map((card) => ({
    ...(card.name.trim() ? { name: card.name.trim() } : {}),
    phones: [...card.phones],
  }));
  return { kind: contacts.length === 1 ? "contact" : "contacts", total: contacts.length, contacts };
}
