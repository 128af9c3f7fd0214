/**
 * The card in the middle: how far connecting has come, why it ended, and the button that helps.
 *
 * Words come from the endings (client.js); nothing is decided here.
 */

const UNNOTICED = 1_000; // ms that the machine may be away before anything is shown
const SLOW = 8_000; // ms of waiting for the machine after which a word of comfort is due
const STEPS = ["grant", "dial", "picture"];

export class StatusCard {
  #slow = 0;
  #countdown = 0;

  /** `elements`: the card's parts by id; `again()`: what the button does. */
  constructor(elements, { name, again }) {
    this.e = elements;
    this.e.cardConsole.textContent = name;
    this.e.cardButton.addEventListener("click", again);
  }

  /** "grant", "dial", "picture": how far this try is. After a loss the reason stays, without the steps. */
  step(step) {
    const at = STEPS.indexOf(step);
    if (document.body.dataset.state === "waiting") return this.#trying();
    if (at === 0) this.#write("connecting", "Connecting");
    this.e.steps.hidden = false;
    for (const item of this.e.steps.children) {
      const place = STEPS.indexOf(item.dataset.step);
      item.className = place < at ? "done" : place === at ? "now" : "";
      item.toggleAttribute("aria-current", place === at);
    }
    if (step === "picture") {
      this.#slow = setTimeout(() => this.#note("Still waiting. A machine that is starting takes a little longer."), SLOW);
    }
  }

  connected() {
    this.#write("connected", "Connected");
  }

  /** Lost, comes back in `wait` ms: the seconds count down beside the reason. */
  waiting(ending, wait) {
    this.#write("waiting", ending.text);
    this.#button("Try now");
    const due = Date.now() + wait;
    const show = () => {
      const seconds = Math.max(0, Math.ceil((due - Date.now()) / 1000));
      this.e.cardAgain.textContent = seconds > 0 ? `Trying again in ${seconds} s` : "Trying again";
    };
    this.e.cardAgain.hidden = false;
    show();
    this.#countdown = setInterval(show, 500);
  }

  /** `other`: `{user, since}` where somebody else has the console. */
  ended(ending, session, other) {
    this.#write("ended", ending.text);
    if (other) this.#note(`${other.user} has had it since ${when(other.since)}.`);
    this.#button(ending.button);
    const facts = [ending.name, ending.code, session && `session ${session}`].filter(Boolean);
    this.e.cardFacts.textContent = facts.join(" · ");
    this.e.cardFacts.hidden = false;
  }

  /** Something went wrong in the page itself. */
  failed(text) {
    this.#write("ended", text);
  }

  #trying() {
    clearInterval(this.#countdown);
    this.e.cardAgain.textContent = "Trying again…";
    this.e.cardButton.hidden = true;
  }

  #write(state, title) {
    clearTimeout(this.#slow);
    clearInterval(this.#countdown);
    document.body.dataset.state = state;
    this.e.cardTitle.textContent = title;
    this.e.announce.textContent = title;
    this.#note("");
    for (const part of [this.e.steps, this.e.cardAgain, this.e.cardButton, this.e.cardFacts]) part.hidden = true;
  }

  #note(text) {
    this.e.cardNote.textContent = text;
    this.e.cardNote.hidden = !text;
  }

  #button(label) {
    this.e.cardButton.hidden = !label;
    this.e.cardButton.textContent = label ?? "";
    // never focused by itself: what the user was typing must not press it
  }
}

/** A time of today as such, an earlier one with its day. */
function when(date) {
  const today = date.toDateString() === new Date().toDateString();
  return today ? date.toLocaleTimeString([], { timeStyle: "short" }) : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** How long there is until the session ends, counted down in the bar once the gateway has announced it. */
export class EndMark {
  #element;
  #announce;
  #timer = 0;

  constructor({ ends, announce }) {
    this.#element = ends;
    this.#announce = announce;
  }

  /** The session ends in `seconds`; null: nothing is known of its end. */
  show(seconds) {
    clearInterval(this.#timer);
    this.#element.hidden = seconds === null;
    if (seconds === null) return;
    const due = Date.now() + 1000 * seconds;
    const count = () => (this.#element.textContent = `Ends in ${duration(Math.max(0, due - Date.now()))}`);
    count();
    this.#timer = setInterval(count, 1000);
    this.#announce.textContent = `This session ends in ${duration(1000 * seconds)}.`;
  }
}

function duration(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

/** The small mark over the picture while the gateway gets the machine back; most returns are too quick for it. */
export class ReconnectingMark {
  #element;
  #timer = 0;

  constructor(element) {
    this.#element = element;
  }

  show(on) {
    clearTimeout(this.#timer);
    if (on) this.#timer = setTimeout(() => (this.#element.hidden = false), UNNOTICED);
    else this.#element.hidden = true;
  }
}
