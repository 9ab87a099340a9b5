/** A phone's camera: reads the code in a picture. */

import { stripVTControlCharacters } from "node:util";
import jsqr from "jsqr";
import { PNG } from "pngjs";

// jsqr is CommonJS: in Node the function is the `default` of its default export.
const read = (jsqr as unknown as { default: typeof jsqr.default }).default ?? jsqr;

/** The text of the QR code in a PNG data URL. */
export function readQr(dataUrl: string): string {
  const { data, width, height } = PNG.sync.read(Buffer.from(dataUrl.slice(dataUrl.indexOf(",") + 1), "base64"));
  const code = read(new Uint8ClampedArray(data), width, height);
  if (!code) throw new Error("the picture has no QR code");
  return code.data;
}

const BLACK_ON_WHITE = "\u001B[47m\u001B[30m";
/** Characters of half a module's height. */
const UPPER = "▀█";
const LOWER = "▄█";
/** Pixels of a module's side, and modules of the white margin. */
const SCALE = 4;
const MARGIN = 4;

/** The text of the last QR code in these lines of a terminal, if the whole code is there. */
export function readQrLines(lines: string[]): string | undefined {
  const isCode = (line: string) => line.startsWith(BLACK_ON_WHITE);
  const until = lines.slice(0, lines.findLastIndex(isCode) + 1);
  const shown = until.slice(until.findLastIndex((line) => !isCode(line)) + 1).map(stripVTControlCharacters);
  const modules = shown.flatMap((line) => [UPPER, LOWER].map((half) => [...line].map((cell) => half.includes(cell))));
  const width = (Math.max(0, ...modules.map((row) => row.length)) + 2 * MARGIN) * SCALE;
  const height = (modules.length + 2 * MARGIN) * SCALE;
  const picture = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [row, column] = [y, x].map((pixel) => Math.floor(pixel / SCALE) - MARGIN) as [number, number];
      if (modules[row]?.[column]) picture.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return read(picture, width, height)?.data;
}
