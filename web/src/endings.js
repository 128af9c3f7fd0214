/**
 * How a console ends, and when to come back: the part of client.js that needs no browser.
 *
 * Owned here: the public names of endings with their words for the user, and the retry schedule of each.
 * Left to client.js: doing it.
 */

/**
 * When to come back without being asked. `delays` are seconds, the last one repeats; `tries` and `lasting`
 * (seconds since the trouble began) end it; `jitter` spreads many browsers that were cut in one moment.
 */
const policy = (fields) =>
  Object.freeze({ delays: [], tries: Infinity, lasting: Infinity, jitter: "around", ...fields });

const NEVER = policy({ tries: 0 });
export const AT_ONCE = policy({ delays: [2, 1, 2, 4, 8], lasting: 120, jitter: "first" });
const THREE_TIMES = policy({ delays: [1, 2, 4], tries: 3 });
const FIVE_TIMES = policy({ delays: [1, 2, 4, 8, 16], tries: 5 });
const BACK_OFF = policy({ delays: [2, 4, 8, 16, 32, 60], lasting: 600 });
const ONCE = policy({ delays: [1], tries: 1 });

const PORTAL = "Open the console again from where you came.";

/**
 * Every way for a console to end, by its public name: `code` is the WebSocket close code, or null where it
 * is told otherwise; `text` is for the user; `retry` says when to come back by itself; `button` is the label
 * for coming back by hand, or null where that cannot help. The names keep their meaning within a major version.
 */
export const endings = Object.freeze({
  closed: ending(1000, "The console was closed.", NEVER),
  going_away: ending(1001, "The gateway is being restarted.", AT_ONCE),
  protocol_error: ending(1002, "The gateway did not understand what this browser sent.", NEVER),
  not_binary: ending(1003, "This browser sent text where binary data is due.", NEVER),
  too_big: ending(1009, "This browser sent more at once than the gateway takes.", NEVER),
  internal_error: ending(1011, "Something went wrong inside the gateway.", THREE_TIMES),
  unauthenticated: ending(4401, `Your access has ended, or the link was used before or is too old. ${PORTAL}`, NEVER),
  no_such_instance: ending(4404, "There is no such machine.", NEVER),
  idle: ending(4408, "Closed because keyboard and mouse were not used for a while.", NEVER, "Continue"),
  taken_over: ending(4409, "Somebody else has opened this console.", NEVER, "Take it back"),
  ended_by_admin: ending(4410, "An administrator ended this session.", NEVER),
  duration: ending(4411, `The longest time for one session is over. ${PORTAL}`, NEVER),
  in_use: ending(4419, "Somebody else is using this console.", NEVER, "Try again"),
  instance_not_running: ending(4423, "The machine is not running, or not ready yet.", FIVE_TIMES),
  contended: ending(4424, "Somebody outside this gateway keeps taking this console.", NEVER),
  rate_limited: ending(4429, "The cloud limits how often this console may be opened.", BACK_OFF),
  upstream_lost: ending(4502, "The machine's screen cannot be reached.", FIVE_TIMES),
  cloud_refused: ending(4503, "The cloud refused the gateway. Its operator has to look into this.", NEVER),
  upstream_changed: ending(4504, "The machine's screen changed in a way that this browser cannot follow.", ONCE),
  upstream_auth: ending(4505, "The machine's VNC server did not let the gateway in. Its operator has to look into this.", NEVER),
  not_understood: ending(4506, "The machine does not send a picture that can be understood.", ONCE),
  browser_lost: ending(null, "The connection to the gateway was lost.", AT_ONCE),
  // Told before the WebSocket, by a problem document.
  malformed: ending(null, "This is not the address of a console.", NEVER),
  forbidden: ending(null, "You may not open this console.", NEVER),
  bad_origin: ending(null, "This page may not open consoles here. The gateway's operator has to allow its address.", NEVER),
  not_found: ending(null, "There is no such console here.", NEVER),
  wrong_host: ending(null, "The gateway does not answer to this host name.", NEVER),
  too_many: ending(null, "You have too many consoles open. Close one first.", NEVER, "Try again"),
  full: ending(null, "The gateway is full.", AT_ONCE),
  draining: ending(null, "The gateway is being restarted.", AT_ONCE),
  state_away: ending(null, "The gateway cannot check your access at the moment.", AT_ONCE),
  audit_away: ending(null, "The gateway cannot write down what it does at the moment.", AT_ONCE),
  unavailable: ending(null, "The gateway does not answer.", AT_ONCE),
});

function ending(code, text, retry, button = retry === NEVER ? null : "Try again") {
  return Object.freeze({ code, text, retry, button });
}

const BY_CODE = new Map(
  Object.entries(endings)
    .filter(([, { code }]) => code !== null)
    .map(([name, { code }]) => [code, name]),
);
const BY_STATUS = new Map([
  [400, "malformed"],
  [401, "unauthenticated"],
  [403, "forbidden"],
  [404, "not_found"],
  [408, "unavailable"], // a proxy that has waited for a slow line
  [421, "wrong_host"],
  [426, "malformed"],
  [429, "too_many"],
  [431, "malformed"],
  [500, "internal_error"],
]);

/** The ending of that public name. */
export const named = (name) => ({ name, ...endings[name] });

/** The ending of a refused request: the name in its problem document, else what the status means. */
export function endingOfStatus(status, name) {
  if (Object.hasOwn(endings, name ?? "")) return named(name);
  return named(BY_STATUS.get(status) ?? (status < 500 ? "forbidden" : "unavailable"));
}

/** The ending `{name, code, text, retry, button}` that a WebSocket close event stands for. */
export function endingOf(code, reason = "") {
  const name = BY_CODE.get(code);
  if (name) return named(name);
  const stranger = { name: reason || `code_${code}`, code };
  // A newer gateway may know more endings than this module: the class of the code says what to do.
  if (code >= 4400 && code < 4500) {
    return { ...stranger, text: "The gateway ended this session.", retry: NEVER, button: null };
  }
  if (code >= 4500 && code < 4600) {
    return { ...stranger, text: "The gateway lost the machine's screen.", retry: NEVER, button: "Try again" };
  }
  return named("browser_lost"); // 1005, 1006, 1012 and the like: somebody between us and the gateway
}

/** Decides when to come back. One object lives as long as the console is wanted. Times are milliseconds. */
export class Retry {
  #tries = new Map(); // policy -> tries made under it since the last success
  #began = null;
  #now;
  #random;

  constructor({ now = () => Date.now(), random = Math.random } = {}) {
    this.#now = now;
    this.#random = random;
  }

  /** Milliseconds to wait before the next try, or null: no more by itself. `after`: what the gateway asked for. */
  next({ retry }, after = 0) {
    this.#began ??= this.#now();
    const made = this.#tries.get(retry) ?? 0;
    if (made >= retry.tries) return null;
    const delay = 1000 * retry.delays[Math.min(made, retry.delays.length - 1)];
    const wait = Math.max(after, this.#spread(delay, retry.jitter, made));
    if (this.#now() + wait - this.#began > 1000 * retry.lasting) return null;
    this.#tries.set(retry, made + 1);
    return wait;
  }

  /** Forget what went wrong: a picture lived, or the user asked for another try. */
  reset() {
    this.#tries.clear();
    this.#began = null;
  }

  #spread(delay, jitter, made) {
    if (jitter === "first") return made === 0 ? delay * this.#random() : delay;
    return delay * (0.75 + this.#random() / 2);
  }
}
