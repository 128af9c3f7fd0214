/** JPEG and PNG pictures in data URLs, decoded a moment later, as a browser does. One that is broken never loads. */

import jpeg from "jpeg-js";
import { PNG } from "pngjs";

const DECODERS = {
  "image/jpeg": (bytes) => jpeg.decode(bytes, { useTArray: true, formatAsRGBA: true }),
  "image/png": (bytes) => PNG.sync.read(bytes),
};

export class Picture extends EventTarget {
  complete = false;
  width = 0;
  height = 0;
  pixels = new Uint8ClampedArray(0);

  set src(url) {
    if (!url) return; // noVNC lets go of it
    const [, type, text] = url.match(/^data: ?([^;]+);base64,(.*)$/s);
    setImmediate(() => this.#load(DECODERS[type], Buffer.from(text, "base64")));
  }

  #load(decode, bytes) {
    try {
      const { width, height, data } = decode(bytes);
      Object.assign(this, { width, height, pixels: data, complete: true });
    } catch (error) {
      console.error(`picture of ${bytes.length} bytes: ${error.message}`);
      return;
    }
    this.dispatchEvent(new Event("load"));
  }
}
