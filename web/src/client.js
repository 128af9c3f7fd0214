/**
 * The way to a console, without a page: an ES module without dependencies.
 *
 *   import { Connection, locate } from "https://console.example.com/static/client.js";
 *   import RFB from "…/novnc/core/rfb.js";
 *
 *   const connection = new Connection(locate("lab", "desktop"), { token: ticketFromMyPortal });
 *   connection.addEventListener("socket", ({ detail }) => {
 *     const rfb = new RFB(element, detail.socket);          // at once, while the socket still connects
 *     rfb.viewOnly = !detail.grant.rights.control;
 *     rfb.addEventListener("connect", () => connection.established());
 *   });
 *   connection.addEventListener("waiting", ({ detail }) => …);   // returns by itself in detail.wait ms
 *   connection.addEventListener("ended", ({ detail }) => …);     // detail.ending.text says why
 *   connection.start();
 *
 * Owned here: trading a ticket for a grant, opening the WebSocket, what each ending means, when to come
 * back by itself, and keeping the resume token in the tab. Left to the caller: RFB and every pixel.
 *
 * What each ending means and when to come back is in endings.js, what concerns the browser's tab in tab.js; both are
 * exported here, too.
 * Called from another origin, that origin must be in the gateway's `allowed_origins`.
 */

import { AT_ONCE, endingOf, endingOfStatus, named, Retry } from "./endings.js";
import { STORAGE_PREFIX, tabStorage } from "./tab.js";

const GRANT_TIMEOUT = 20_000; // ms; the gateway answers a grant without asking the cloud
const OPEN_TIMEOUT = 20_000; // ms; the upgrade is answered before the machine is dialled
const SETTLED = 10_000; // ms a picture must live before earlier failures are forgotten
const KNOWN_TO_BE_HELD = ["taken_over", "in_use"]; // endings that tell the user who has the console

export { endings, endingOf, Retry } from "./endings.js";
export { activated, takeTicket } from "./tab.js";

/** Where a console is: `{base, provider, instance}`; `base` is the gateway's own address unless given. */
export function locate(provider, instance, base = new URL("..", import.meta.url)) {
  return Object.freeze({ base: new URL(base), provider, instance });
}

const address = ({ base, provider, instance }, kind) =>
  new URL(`${kind}/${encodeURIComponent(provider)}/${encodeURIComponent(instance)}`, base);

/** A grant that was not given: `ending` says why, `after` how many ms the gateway asked to wait. */
export class Refused extends Error {
  constructor(reason, after = 0, cause = undefined) {
    super(reason.text, { cause });
    this.name = "Refused";
    this.ending = reason;
    this.after = after;
  }
}

/**
 * Trade `token` (a ticket, a JWT or a resume token; nothing where the gateway or a proxy in front knows the
 * user otherwise) for `{ticket, resume, session, rights, expires_at}`. Throws Refused.
 */
export async function grant(place, { token = null, signal = null } = {}) {
  const limit = AbortSignal.timeout(GRANT_TIMEOUT);
  let response;
  try {
    response = await fetch(address(place, "grant"), {
      method: "POST",
      headers: token ? { Authorization: `Bearer ${token}` } : {},
      cache: "no-store",
      redirect: "manual", // a proxy that wants a log-in: its page is of no use here
      signal: signal && AbortSignal.any ? AbortSignal.any([signal, limit]) : limit,
    });
    if (response.ok) return await response.json();
  } catch (error) {
    throw new Refused(named("browser_lost"), 0, error);
  }
  throw await refusal(response);
}

async function refusal(response) {
  if (response.type === "opaqueredirect") return new Refused(named("unauthenticated"));
  const after = 1000 * (Number.parseInt(response.headers.get("Retry-After"), 10) || 0);
  const problem = await response.json().catch(() => null); // RFC 9457, unless a proxy answered
  return new Refused(endingOfStatus(response.status, problem?.name), after);
}

/**
 * Open the WebSocket with the `ticket` of a grant: once, within 30 s. Give it to noVNC while it connects.
 *
 * `onNotice`, where given, hears what the gateway tells about the session beside the picture, by one of
 *   {state}               "reconnecting" when it replaces a lost machine's connection, "open" when that is done
 *   {ends_in}             seconds until the session will end
 *   {ended, user, since}  why it ends now, where somebody else has the console: who, and since when (Unix seconds)
 * Notices are text messages on the same socket; RFB is binary and never sees them.
 *
 * `take`: whether a console that somebody else has is to be taken over; false where the user does not ask for that.
 */
export function dial(place, ticket, { onNotice = null, take = true } = {}) {
  const url = address(place, "ws");
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("ticket", ticket);
  if (!take) url.searchParams.set("take", "0");
  if (onNotice) url.searchParams.set("notices", "1");
  const socket = new WebSocket(url, ["binary"]);
  socket.binaryType = "arraybuffer";
  if (onNotice) {
    // First in line, before RFB is given the socket.
    socket.addEventListener("message", (event) => {
      if (typeof event.data !== "string") return;
      event.stopImmediatePropagation();
      onNotice(JSON.parse(event.data));
    });
  }
  return socket;
}

/**
 * One console for as long as it is wanted: grant, dial, and coming back.
 *
 * Events, each with `detail`:
 *   "step"     {step}: "grant", "dial", "picture" (waiting for the machine), in this order on each try
 *   "socket"   {socket, grant}: hand the socket to RFB before returning
 *   "established" {grant}
 *   "notice"   {state}: "reconnecting" while the gateway replaces the machine's connection, then "open";
 *              or {ends_in}: seconds until the session will end
 *   "waiting"  {ending, wait, tries}: lost, comes back in `wait` ms
 *   "ended"    {ending, session, other}: over; `again()` may be offered where `ending.button` is a label;
 *              `other` is {user, since} where somebody else has the console now, else null
 *
 * The first try takes the console from whoever has it, where that is allowed, and so does `again()` once the user
 * was told who that is. What comes back by itself takes it from nobody.
 */
export class Connection extends EventTarget {
  #place;
  #token;
  #retry;
  #storage;
  #socket = null;
  #grant = null;
  #tries = 0;
  #settling = 0;
  #running = false;
  #closed = false;
  #undecodable = false;
  #take = true; // the console, from whoever has it
  #other = null;
  #wake = () => {};

  /** `token`: a ticket or JWT, if there is one. `storage`: where the resume token is kept (default: this tab). */
  constructor(place, { token = null, storage = tabStorage(), retry = new Retry() } = {}) {
    super();
    this.#place = place;
    this.#token = token;
    this.#storage = storage;
    this.#retry = retry;
    if (token) this.#forget(); // a new ticket may be somebody else's: never fall back to the old user's grant
  }

  /** Begin. Returns at once; everything else is told by events. */
  start() {
    if (this.#running) return;
    this.#running = true;
    this.#closed = false;
    void this.#run();
  }

  /** The user asks for another try, now: also ends a wait early. */
  again() {
    this.#retry.reset();
    if (this.#running) this.#wake();
    else this.start();
  }

  /** While waiting after a lost connection: look at once (the network is back, the tab is in front). */
  hurry() {
    this.#wake("hurry");
  }

  /** The picture is there: earlier failures are forgotten once it has lived a while. */
  established() {
    this.#settling = setTimeout(() => this.#retry.reset(), SETTLED);
    this.#tries = 0;
    this.#tell("established", { grant: this.#grant });
  }

  /** RFB gave up on what came: this try ends as `not_understood`. */
  undecodable() {
    this.#undecodable = true;
    this.#socket?.close(4506, "not_understood");
  }

  /** The user is done: the gateway is told so and nothing comes back by itself. */
  close() {
    this.#closed = true;
    this.#socket?.close(1000, "closed");
    this.#wake();
  }

  async #run() {
    for (;;) {
      const { reason, after } = await this.#attempt();
      clearTimeout(this.#settling);
      if (this.#closed) return this.#end(named("closed"));
      const wait = this.#retry.next(reason, after);
      if (wait === null) return this.#end(reason);
      this.#tries += 1;
      this.#take = false;
      this.#tell("waiting", { ending: reason, wait, tries: this.#tries });
      await this.#pause(wait, reason.retry === AT_ONCE);
      if (this.#closed) return this.#end(named("closed"));
    }
  }

  /** One try from the grant to the end of its socket. */
  async #attempt() {
    this.#undecodable = false;
    this.#other = null;
    try {
      this.#tell("step", { step: "grant" });
      this.#grant = await this.#ask();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { reason: error.ending, after: error.after };
    }
    if (this.#closed) return { reason: named("closed"), after: 0 };
    this.#tell("step", { step: "dial" });
    const onNotice = (notice) => this.#noticed(notice);
    const socket = dial(this.#place, this.#grant.ticket, { onNotice, take: this.#take });
    return { reason: await this.#follow(socket), after: 0 };
  }

  #noticed(notice) {
    if (notice.ended) this.#other = { user: notice.user, since: new Date(1000 * notice.since) };
    else this.#tell("notice", notice);
  }

  async #ask() {
    const token = this.#token ?? this.#storage.getItem(this.#key);
    const given = await grant(this.#place, { token }).catch((error) => {
      const stale = !this.#token && token && error.ending?.name === "unauthenticated";
      if (!stale) throw error;
      this.#forget(); // where no token is needed (open, behind a proxy) the console opens without it
      return grant(this.#place);
    });
    if (given.resume) {
      this.#storage.setItem(this.#key, given.resume);
      this.#token = null; // a ticket works once
    }
    return given;
  }

  #follow(socket) {
    this.#socket = socket;
    const opening = setTimeout(() => socket.close(), OPEN_TIMEOUT);
    return new Promise((resolve) => {
      socket.addEventListener("open", () => {
        clearTimeout(opening);
        this.#tell("step", { step: "picture" });
      });
      socket.addEventListener("close", ({ code, reason }) => {
        clearTimeout(opening);
        this.#socket = null;
        resolve(this.#undecodable ? named("not_understood") : endingOf(code, reason));
      });
      this.#tell("socket", { socket, grant: this.#grant });
    });
  }

  #pause(wait, network) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#wake = (why) => {
        if (why === "hurry" && !network) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #end(reason) {
    this.#running = false;
    this.#take = KNOWN_TO_BE_HELD.includes(reason.name);
    this.#tell("ended", { ending: reason, session: this.#grant?.session ?? null, other: this.#other });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #forget() {
    this.#storage.removeItem(this.#key);
  }

  get #key() {
    return STORAGE_PREFIX + address(this.#place, "console").pathname;
  }
}
