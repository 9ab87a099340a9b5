/** A phone's camera: reads the code in a picture. */

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
