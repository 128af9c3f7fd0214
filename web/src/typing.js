/**
 * Text as keystrokes, for machines without a clipboard: a log-in prompt, a boot menu, a rescue shell.
 *
 * Owned here: which keys a text takes and how fast they go. Left to the caller: what a key press does.
 */

/** Longest text that is typed: about three minutes of keystrokes; more is better copied over the network. */
export const MAX_TYPED = 4096;

// Between two key events. QEMU hands the guest one event every 10 ms and drops what its queue cannot hold.
const PACE = 12; // ms

export const SHIFT = 0xffe1;
const RETURN = 0xff0d;
const TAB = 0xff09;
// Servers that map a keysym to a key (QEMU) do not press Shift for it. On a US keyboard these take it.
const SHIFTED = /[A-Z~!@#$%^&*()_+{}|:"<>?]/;

/** The key presses for `text`: `{keysym, shift}` each. `lookup(codePoint)` gives a keysym. */
export function keystrokes(text, lookup) {
  const strokes = [];
  for (const character of text.replace(/\r\n?/g, "\n")) {
    const code = character.codePointAt(0);
    if (character === "\n") strokes.push({ keysym: RETURN, shift: false });
    else if (character === "\t") strokes.push({ keysym: TAB, shift: false });
    else if (code >= 0x20 && (code < 0x7f || code >= 0xa0)) {
      strokes.push({ keysym: lookup(code), shift: SHIFTED.test(character) });
    } // other control characters have no key
  }
  return strokes;
}

/**
 * Type `strokes` through `press(keysym, down)`, calling `progress(done)` after each; stops when `signal`
 * is aborted. No key stays down. Resolves to the number of strokes typed.
 */
export async function type(strokes, { press, progress = () => {}, signal, pace = PACE }) {
  let done = 0;
  for (const { keysym, shift } of strokes) {
    if (signal?.aborted) break;
    const events = [[keysym, true], [keysym, false]];
    if (shift) events.unshift([SHIFT, true]), events.push([SHIFT, false]);
    for (const [key, down] of events) {
      press(key, down);
      await new Promise((resolve) => setTimeout(resolve, pace));
    }
    progress((done += 1));
  }
  return done;
}
