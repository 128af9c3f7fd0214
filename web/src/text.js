/**
 * The text panel: type a text as keystrokes, put it on the machine's clipboard, see what was copied there.
 */

import { MAX_TYPED, keystrokes, type } from "./typing.js";

const MAX_CLIPBOARD = 256 * 1024; // bytes; the gateway takes no larger clipboard message

export class TextPanel {
  #typing = null;

  /** `elements` by id; `screen()`: the Screen; `lookup`: code point to keysym. */
  constructor(elements, { screen, lookup }) {
    this.e = elements;
    this.screen = screen;
    this.lookup = lookup;
    this.e.textType.addEventListener("click", () => (this.#typing ? this.stop() : this.#type()));
    this.e.textSend.addEventListener("click", () => this.#send(this.e.textArea.value));
    this.e.textCopy.addEventListener("click", () => this.#copy());
    window.addEventListener("focus", () => this.#bring());
  }

  /** Show only what `rights` allow. */
  allow({ control, clipboard }) {
    this.rights = { control, toMachine: control && ["both", "to_vm"].includes(clipboard) };
    this.e.textType.hidden = !control;
    this.e.textSend.hidden = !this.rights.toMachine;
  }

  /** The machine's clipboard has new text: shown here, and put on this computer's clipboard where allowed. */
  async received(text) {
    this.brought = text; // not to be sent back
    if (!this.#typing && document.activeElement !== this.e.textArea) this.e.textArea.value = text;
    const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    this.e.textNote.textContent = copied ? "Copied from the machine to this computer." : "Copied in the machine.";
  }

  /** Stop typing. */
  stop() {
    this.#typing?.abort();
  }

  async #type() {
    const strokes = keystrokes(this.e.textArea.value, (code) => this.lookup(code));
    if (strokes.length > MAX_TYPED) {
      this.e.textNote.textContent = `Too long to type: ${strokes.length} characters, at most ${MAX_TYPED}.`;
      return;
    }
    this.#typing = new AbortController();
    this.#busy(true);
    const done = await type(strokes, {
      press: (keysym, down) => this.screen().press(keysym, down),
      progress: (count) => (this.e.textProgress.value = count / strokes.length),
      signal: this.#typing.signal,
    });
    this.#typing = null;
    this.#busy(false);
    this.e.textNote.textContent =
      done < strokes.length ? `Stopped after ${done} of ${strokes.length} characters.` : `Typed ${done} characters.`;
  }

  #busy(on) {
    this.e.textProgress.value = 0;
    this.e.textProgress.hidden = !on;
    this.e.textType.textContent = on ? "Stop" : "Type it";
    this.e.textArea.readOnly = on;
    if (on) this.e.textNote.textContent = "Typing…";
  }

  #send(text) {
    if (new Blob([text]).size > MAX_CLIPBOARD) {
      this.e.textNote.textContent = "Too long for the clipboard.";
      return;
    }
    this.screen().rfb?.clipboardPasteFrom(text);
    this.e.textNote.textContent = "On the machine's clipboard.";
  }

  async #copy() {
    this.e.textArea.select();
    const copied = await navigator.clipboard?.writeText(this.e.textArea.value).then(() => true, () => false);
    this.e.textNote.textContent = copied ? "Copied." : "Press Ctrl-C to copy.";
  }

  /** Back in this window: bring its clipboard along, where the user has already allowed reading it. */
  async #bring() {
    if (!this.rights?.toMachine || !this.screen().rfb) return;
    const permission = await navigator.permissions?.query({ name: "clipboard-read" }).catch(() => null);
    if (permission?.state !== "granted") return;
    const text = await navigator.clipboard.readText().catch(() => "");
    if (!text || text === this.brought || text.length > MAX_CLIPBOARD) return;
    this.brought = text;
    this.screen().rfb?.clipboardPasteFrom(text);
  }
}
