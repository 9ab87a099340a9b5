/**
 * Ogg pages of a voice message (RFC 3533, RFC 7845).
 *
 * An encoder chooses a random serial number for each stream, so that the same sound, converted twice, has other bytes.
 * The agent takes that for another file, and refuses a repeated send: a fixed number makes the conversion repeatable.
 */

const CAPTURE = "OggS";
const HEADER_BYTES = 27;
const [SERIAL_AT, CRC_AT, SEGMENTS_AT] = [14, 22, 26];
const SERIAL = 0x6f63_6167;

/** Whether a file is Opus in an Ogg container. */
export function isOggOpus(file: Buffer): boolean {
  const first = pageAt(file, 0);
  return first !== undefined && file.subarray(first.bodyAt, first.bodyAt + 8).toString("latin1") === "OpusHead";
}

/** The same file with the serial number that all files get here; unchanged if it is not one well-formed Ogg stream. */
export function withStableSerial(file: Buffer): Buffer {
  return withSerial(file, SERIAL);
}

/** The same stream under another serial number. */
export function withSerial(file: Buffer, serial: number): Buffer {
  const copy = Buffer.from(file);
  let at = 0;
  const serials = new Set<number>();
  while (at < copy.length) {
    const page = pageAt(copy, at);
    if (!page) return file;
    serials.add(copy.readUInt32LE(at + SERIAL_AT));
    copy.writeUInt32LE(serial, at + SERIAL_AT);
    copy.writeUInt32LE(0, at + CRC_AT);
    copy.writeUInt32LE(crc(copy.subarray(at, page.end)), at + CRC_AT);
    at = page.end;
  }
  return serials.size === 1 ? copy : file;
}

function pageAt(file: Buffer, at: number): { bodyAt: number; end: number } | undefined {
  if (file.length < at + HEADER_BYTES || file.toString("latin1", at, at + 4) !== CAPTURE) return undefined;
  const bodyAt = at + HEADER_BYTES + file.readUInt8(at + SEGMENTS_AT);
  if (bodyAt > file.length) return undefined;
  const end = file.subarray(at + HEADER_BYTES, bodyAt).reduce((sum, size) => sum + size, bodyAt);
  return end <= file.length ? { bodyAt, end } : undefined;
}

/** CRC-32 with the polynomial 0x04c11db7, neither reflected nor inverted. */
function crc(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum << 1) ^ (sum & 0x8000_0000 ? 0x04c1_1db7 : 0);
  }
  return sum >>> 0;
}
