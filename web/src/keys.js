/**
 * Keys that a keyboard lacks, or that the browser keeps to itself: a row of buttons, and the on-screen keyboard.
 *
 * Owned here: sticky modifiers, and turning what an on-screen keyboard does to a text field into key presses.
 */

import { SHIFT, keystrokes } from "./typing.js";

const MODIFIERS = [["Ctrl", 0xffe3], ["Alt", 0xffe9], ["Win", 0xffeb]];
const NAMED = [
  ["Esc", 0xff1b], ["Tab", 0xff09], ["←", 0xff51, "Left"], ["↑", 0xff52, "Up"], ["↓", 0xff54, "Down"],
  ["→", 0xff53, "Right"], ["Del", 0xffff], ["Home", 0xff50], ["End", 0xff57], ["PgUp", 0xff55], ["PgDn", 0xff56],
  ["Ins", 0xff63], ["Pause", 0xff13], ["PrtSc", 0xff61], ["Menu", 0xff67],
];
const FUNCTION_KEYS = Array.from({ length: 12 }, (_, index) => [`F${index + 1}`, 0xffbe + index]);

const BACKSPACE = 0xff08;
// Keys that on-screen keyboards do report by name.
const BY_NAME = new Map([
  ["Escape", 0xff1b], ["Tab", 0xff09], ["ArrowLeft", 0xff51], ["ArrowUp", 0xff52], ["ArrowRight", 0xff53],
  ["ArrowDown", 0xff54], ["Home", 0xff50], ["End", 0xff57], ["Delete", 0xffff],
]);
// Something to delete, so that the field reports Backspace; it never leaves this page.
const PADDING = "_".repeat(64);

export class Keys {
  #held = new Set();
  #buttons = new Map();

  /** `row`: where the buttons go. `press(keysym, down)`: what a key does. */
  constructor(row, press) {
    this.press = press;
    for (const [label, keysym] of MODIFIERS) {
      const button = this.#button(row, label, () => this.#toggle(keysym));
      button.ariaPressed = "false";
      this.#buttons.set(keysym, button);
    }
    for (const [label, keysym, name] of [...NAMED, ...FUNCTION_KEYS]) {
      const button = this.#button(row, label, () => this.stroke(keysym));
      if (name) button.ariaLabel = name;
    }
  }

  /** Press and release one key, with Shift if it takes it; modifiers that were set hold for this one. */
  stroke(keysym, shift = false) {
    if (shift) this.press(SHIFT, true);
    this.press(keysym, true);
    this.press(keysym, false);
    if (shift) this.press(SHIFT, false);
    this.release();
  }

  /** Let go of every modifier. */
  release() {
    for (const keysym of [...this.#held]) this.#toggle(keysym);
  }

  #toggle(keysym) {
    const down = !this.#held.has(keysym);
    this.press(keysym, down);
    if (down) this.#held.add(keysym);
    else this.#held.delete(keysym);
    this.#buttons.get(keysym).ariaPressed = String(down);
  }

  #button(row, label, action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("pointerdown", (event) => event.preventDefault()); // the keyboard stays open
    button.addEventListener("click", action);
    row.append(button);
    return button;
  }
}

/** The on-screen keyboard types into `field`, out of sight; what changes there becomes strokes. */
export function touchKeyboard(field, { stroke, lookup, changed }) {
  const reset = () => {
    field.value = PADDING;
    field.setSelectionRange(PADDING.length, PADDING.length);
  };
  let before = PADDING;
  field.addEventListener("input", () => {
    const { removed, added } = difference(before, field.value);
    for (let count = 0; count < removed; count += 1) stroke(BACKSPACE);
    for (const { keysym, shift } of keystrokes(added, lookup)) stroke(keysym, shift);
    if (field.value.length < PADDING.length / 2 || field.value.length > 4 * PADDING.length) reset();
    before = field.value;
  });
  field.addEventListener("keydown", (event) => {
    const keysym = event.isComposing ? undefined : BY_NAME.get(event.key);
    if (keysym === undefined) return;
    event.preventDefault();
    stroke(keysym);
  });
  for (const type of ["focus", "blur"]) field.addEventListener(type, () => changed(type === "focus"));
  return {
    toggle() {
      if (document.activeElement === field) return field.blur();
      reset();
      before = PADDING;
      field.focus({ preventScroll: true });
    },
  };
}

/** How many characters were removed from the end of `before`, and what was added, to make `after`. */
export function difference(before, after) {
  const [old, fresh] = [[...before], [...after]];
  let same = 0;
  while (same < old.length && same < fresh.length && old[same] === fresh[same]) same += 1;
  return { removed: old.length - same, added: fresh.slice(same).join("") };
}
