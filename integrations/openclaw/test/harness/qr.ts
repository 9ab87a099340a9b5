/** A phone's camera: reads the code in a picture. */

import jsqr from "jsqr";
import { PNG } from "pngjs";

// jsqr is CommonJS with a `default` of its own.
const read = (jsqr as unknown as { default?: typeof jsqr }).default ?? jsqr;

/** The text of the QR code in a PNG data URL. */
export function readQr(dataUrl: string): string {
  const png = PNG.sync.read(Buffer.from(dataUrl.slice(dataUrl.indexOf(",") + 1), "base64"));
  const code = (read as unknown as (data: Uint8ClampedArray, width: number, height: number) => { data: string } | null)(
    new Uint8ClampedArray(png.data),
    png.width,
    png.height,
  );
  if (!code) throw new Error("the picture has no QR code");
  return code.data;
}
