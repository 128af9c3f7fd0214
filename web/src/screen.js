/**
 * The picture: one noVNC object per try, its size in the window, and the last frame while there is none.
 *
 * Left to noVNC: RFB, the mouse, the keyboard and touch gestures on the picture.
 */

const BACKGROUND = "transparent"; // the page's own shows around the picture

export class Screen {
  #rfb = null;
  #scale = "fit";

  /** `RFB`: noVNC's class. `on`: callbacks `connected()`, `undecodable()`, `clipboard(text)`, `clipping(boolean)`. */
  constructor({ target, last, RFB, on }) {
    this.target = target;
    this.last = last;
    this.RFB = RFB;
    this.on = on;
  }

  /** Follow `socket`, which is still connecting. `rights` are those of the grant. */
  attach(socket, rights) {
    let canvas = null;
    // Registered before noVNC's own, which takes the canvas away.
    socket.addEventListener("close", () => this.#rfb === rfb && this.#keep(canvas));
    const rfb = new this.RFB(this.target, socket, { shared: true });
    canvas = this.target.lastElementChild.querySelector("canvas");
    rfb.background = BACKGROUND;
    rfb.viewOnly = !rights.control;
    rfb.showDotCursor = true; // a machine without a cursor picture would leave the user with none
    rfb.addEventListener("connect", () => this.#connected(rfb));
    rfb.addEventListener("disconnect", ({ detail }) => {
      if (!detail.clean && socket.readyState === WebSocket.CLOSING) this.on.undecodable();
      if (this.#rfb === rfb) this.#rfb = null;
    });
    rfb.addEventListener("clipboard", ({ detail }) => this.on.clipboard(detail.text));
    rfb.addEventListener("clippingviewport", ({ detail }) => this.on.clipping(detail));
    this.#rfb = rfb;
    this.#applyScale();
  }

  /** noVNC's object while there is a connection, else null. */
  get rfb() {
    return this.#rfb;
  }

  /** "fit" into the window, "actual" pixels, or "resize" the machine's screen to the window. */
  set scale(scale) {
    this.#scale = scale;
    this.#applyScale();
  }

  /** Dragging moves the picture instead of the mouse (1:1 on a touch screen). */
  set pan(on) {
    if (this.#rfb) this.#rfb.dragViewport = on;
  }

  focus() {
    this.#rfb?.focus({ preventScroll: true });
  }

  press(keysym, down) {
    this.#rfb?.sendKey(keysym, null, down);
  }

  #applyScale() {
    if (!this.#rfb) return;
    const touch = matchMedia("(pointer: coarse)").matches;
    this.#rfb.clipViewport = this.#scale === "actual" && touch; // a mouse has scroll bars
    this.#rfb.scaleViewport = this.#scale !== "actual";
    this.#rfb.resizeSession = this.#scale === "resize";
  }

  #connected(rfb) {
    this.#applyScale();
    this.on.connected();
    if (!rfb.viewOnly && document.activeElement === document.body) this.focus();
  }

  /** Keep the last frame of `canvas` to be seen while there is no connection. */
  #keep(canvas) {
    if (!canvas.width || !canvas.height) return;
    this.last.width = canvas.width;
    this.last.height = canvas.height;
    this.last.getContext("2d").drawImage(canvas, 0, 0);
    this.last.hidden = false;
  }
}
