/** The table of sessions: a row stays the same while its session is there, so that nothing jumps under the pointer. */

import { ago, size } from "./figures.js";

export class Rows {
  #body;
  #end;
  #rows = new Map();

  /** `end(session)`: what the button of a row does. */
  constructor(body, end) {
    this.#body = body;
    this.#end = end;
  }

  get size() {
    return this.#rows.size;
  }

  show(sessions) {
    const there = new Set(sessions.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (there.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    let place = this.#body.firstElementChild;
    for (const session of sessions) {
      const row = this.#rows.get(session.id) ?? this.#made(session.id);
      fill(row, session);
      if (row === place) place = place.nextElementSibling;
      else this.#body.insertBefore(row, place);
    }
  }

  /** Hides the rows without `text` in them; gives how many are left. */
  filter(text) {
    const wanted = text.trim().toLowerCase();
    let shown = 0;
    for (const row of this.#rows.values()) {
      row.hidden = !row.dataset.text.includes(wanted);
      shown += !row.hidden;
    }
    return shown;
  }

  #made(id) {
    const row = document.createElement("tr");
    for (const kind of ["", "", "state", "number", "number", "number", "number", "number", "dim", ""]) {
      row.insertCell().className = kind;
    }
    for (const at of [0, 1, 2]) row.cells[at].append(document.createElement("b"), document.createElement("small"));
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "End";
    button.addEventListener("click", () => this.#end(row.session));
    row.cells[9].append(button);
    this.#rows.set(id, row);
    return row;
  }
}

function fill(row, session) {
  row.session = session;
  const { console: name, user, source, reference, state, upstream, replica, per_second: rate } = session;
  row.dataset.text = [session.id, name, user, source, reference, state, upstream, replica].join("\n").toLowerCase();
  row.dataset.state = state;
  const [where, who, how] = row.cells;
  put(where.firstChild, name);
  put(where.lastChild, upstream);
  put(who.firstChild, user);
  put(who.lastChild, reference ? `${source} · ${reference}` : source);
  put(how.firstChild, state);
  put(how.lastChild, session.rights.control ? "" : "view only");
  const figures = [
    ago(session.started_at),
    session.last_input_at ? ago(session.last_input_at) : "–",
    `${size(rate.bytes.to_browser)}/s`,
    `${size(rate.bytes.to_upstream)}/s`,
    session.splices,
    replica,
  ];
  figures.forEach((text, at) => put(row.cells[at + 3], String(text)));
  row.cells[5].title = `${size(session.passed.bytes.to_browser)} in ${session.passed.messages.to_browser} messages`;
  row.cells[6].title = `${size(session.passed.bytes.to_upstream)} in ${session.passed.messages.to_upstream} messages`;
  row.cells[9].firstChild.setAttribute("aria-label", `End the session of ${user} at ${name}`);
}

function put(place, text) {
  if (place.textContent !== text) place.textContent = text; // a text that is selected stays so
}
