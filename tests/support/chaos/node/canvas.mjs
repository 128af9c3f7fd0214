/**
 * A canvas that is nothing but memory: the few operations that noVNC draws with, exact to the byte.
 *
 * No scaling, no blending: noVNC asks for neither. What lies outside of the canvas is clipped, as the HTML standard says.
 */

import { Element } from "./dom.mjs";

export class ImageData {
  constructor(data, width, height) {
    Object.assign(this, { data, width, height: height ?? data.length / 4 / width });
  }
}

export class Canvas extends Element {
  #width = 0;
  #height = 0;
  #context = new Context(this);
  pixels = new Uint8ClampedArray(0);

  get width() {
    return this.#width;
  }

  set width(width) {
    this.#resize(width, this.#height);
  }

  get height() {
    return this.#height;
  }

  set height(height) {
    this.#resize(this.#width, height);
  }

  getContext() {
    return this.#context;
  }

  toDataURL() {
    return "data:,"; // noVNC makes a cursor of it, which nobody sees here
  }

  #resize(width, height) {
    this.#width = width;
    this.#height = height;
    this.pixels = new Uint8ClampedArray(4 * width * height); // setting a size clears, even to the same one
  }
}

class Context {
  #fill = [0, 0, 0, 255];

  constructor(canvas) {
    this.canvas = canvas;
  }

  set fillStyle(style) {
    const [red, green, blue] = style.match(/^rgb\((\d+),(\d+),(\d+)\)$/).slice(1).map(Number);
    this.#fill = [red, green, blue, 255];
  }

  fillRect(x, y, width, height) {
    this.#paint(x, y, width, height, this.#fill);
  }

  clearRect(x, y, width, height) {
    this.#paint(x, y, width, height, [0, 0, 0, 0]);
  }

  putImageData(image, x, y) {
    this.#copy(image.data, image.width, 0, 0, image.width, image.height, x, y);
  }

  getImageData(x, y, width, height) {
    const part = new Canvas();
    part.width = width;
    part.height = height;
    part.getContext().drawImage(this.canvas, x, y, width, height, 0, 0, width, height);
    return new ImageData(part.pixels, width, height);
  }

  drawImage(source, ...places) {
    const [sx, sy, width, height, dx, dy, toWidth, toHeight] =
      places.length > 2 ? places : [0, 0, source.width, source.height, ...places, source.width, source.height];
    if (width !== toWidth || height !== toHeight) throw new Error("noVNC has begun to scale: draw that, too");
    const own = source === this.canvas; // a move within the canvas reads what was there before
    this.#copy(own ? source.pixels.slice() : source.pixels, source.width, sx, sy, width, height, dx, dy);
  }

  #paint(x, y, width, height, colour) {
    const canvas = this.canvas;
    const [left, right] = [Math.max(0, x), Math.min(canvas.width, x + width)];
    if (left >= right) return;
    const pixel = new Uint32Array(new Uint8ClampedArray(colour).buffer)[0];
    const words = new Uint32Array(canvas.pixels.buffer);
    for (let row = Math.max(0, y); row < Math.min(canvas.height, y + height); row++) {
      words.fill(pixel, row * canvas.width + left, row * canvas.width + right);
    }
  }

  #copy(pixels, stride, sx, sy, width, height, dx, dy) {
    const canvas = this.canvas;
    const rows = Math.floor(pixels.length / 4 / (stride || 1));
    const left = Math.max(0, -dx, -sx);
    const right = Math.min(width, canvas.width - dx, stride - sx);
    if (left >= right) return;
    for (let row = Math.max(0, -dy, -sy); row < Math.min(height, canvas.height - dy, rows - sy); row++) {
      const from = 4 * ((sy + row) * stride + sx);
      canvas.pixels.set(pixels.subarray(from + 4 * left, from + 4 * right), 4 * ((dy + row) * canvas.width + dx + left));
    }
  }
}
