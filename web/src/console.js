/**
 * The console page: wires the connection (client.js), the picture (noVNC) and what is around it.
 */

import { Connection, activated, locate, takeTicket } from "./client.js";
import { framePoster } from "./frame.js";
import { Keys, touchKeyboard } from "./keys.js";
import { Screen } from "./screen.js";
import { EndMark, ReconnectingMark, StatusCard } from "./status.js";
import { TextPanel } from "./text.js";

const SCALE_KEY = "vnc-gateway:scale";

const camel = (id) => id.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
const elements = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [camel(element.id), element]));

const [provider, instance] = location.pathname.split("/").filter(Boolean).slice(-2).map(decodeURIComponent);
const tell = framePoster();
let connection = null;

const mark = new ReconnectingMark(elements.mark);
const endMark = new EndMark(elements);
const card = new StatusCard(elements, { name: `${provider}/${instance}`, again: () => connection.again() });

async function open() {
  elements.nameInstance.textContent = instance;
  elements.nameProvider.textContent = provider;
  document.title = `${instance} · ${provider}`;
  const token = takeTicket();
  await activated();
  const { RFB, keysyms } = await import("./novnc.js");
  const screen = new Screen({
    target: elements.screen,
    last: elements.last,
    RFB,
    on: {
      connected: () => connection.established(),
      undecodable: () => connection.undecodable(),
      clipboard: (text) => panel.received(text),
      clipping: (on) => (elements.pan.hidden = !on),
    },
  });
  const lookup = (code) => keysyms.lookup(code);
  const panel = new TextPanel(elements, { screen: () => screen, lookup });
  const keys = new Keys(elements.keys, (keysym, down) => screen.press(keysym, down));
  wireTools({ screen, panel, keys, lookup });
  follow(token, { screen, panel, keys });
  window.addEventListener("hashchange", () => {
    const fresh = takeTicket(); // the portal sent this tab a new link
    if (fresh === null) return;
    connection.close();
    follow(fresh, { screen, panel, keys });
  });
}

/** Open the console and show what becomes of it. */
function follow(token, { screen, panel, keys }) {
  const mine = new Connection(locate(provider, instance), { token });
  connection = mine;
  const usable = (on) => document.querySelectorAll(".needs-control").forEach((button) => (button.disabled = !on));
  const on = (type, listener) => mine.addEventListener(type, ({ detail }) => mine === connection && listener(detail));
  on("step", ({ step }) => {
    card.step(step);
    elements.leave.disabled = false;
    if (step === "grant") tell("connecting");
  });
  on("socket", ({ socket, grant }) => {
    showRights(grant.rights, panel);
    screen.attach(socket, grant.rights);
  });
  on("established", () => {
    elements.last.hidden = true;
    usable(true);
    card.connected();
    tell("connected");
  });
  on("notice", ({ state, ends_in }) => {
    if (state) mark.show(state === "reconnecting");
    if (ends_in !== undefined) endMark.show(ends_in);
  });
  const lost = () => {
    mark.show(false);
    endMark.show(null);
    usable(false);
    panel.stop();
    keys.release();
  };
  on("waiting", ({ ending, wait }) => {
    lost();
    card.waiting(ending, wait);
    tell("waiting", ending);
  });
  on("ended", ({ ending, session, other }) => {
    lost();
    elements.leave.disabled = true;
    card.ended(ending, session, other);
    tell("ended", ending);
  });
  mine.start();
}

function showRights(rights, panel) {
  document.body.classList.toggle("view-only", !rights.control);
  elements.viewOnly.hidden = rights.control;
  elements.textToggle.hidden = !rights.control && !["both", "from_vm"].includes(rights.clipboard);
  panel.allow(rights);
}

function wireTools({ screen, panel, keys, lookup }) {
  const click = (element, action) => element.addEventListener("click", action);
  click(elements.ctrlAltDel, () => {
    screen.rfb?.sendCtrlAltDel();
    screen.focus();
  });
  const keyboard = touchKeyboard(elements.touchInput, {
    stroke: (keysym, shift) => keys.stroke(keysym, shift),
    lookup,
    changed: (open) => (elements.keyboardToggle.ariaPressed = String(open)),
  });
  elements.keyboardToggle.addEventListener("pointerdown", (event) => event.preventDefault());
  click(elements.keyboardToggle, () => keyboard.toggle());
  disclose(elements.keysToggle, elements.keys);
  disclose(elements.textToggle, elements.text, () => elements.textArea.focus());
  click(elements.textClose, () => elements.textToggle.click());
  click(elements.pan, () => {
    const on = elements.pan.ariaPressed !== "true";
    elements.pan.ariaPressed = String(on);
    screen.pan = on;
  });
  click(elements.leave, () => connection.close());
  wireScale(screen);
  wireFullScreen(screen);
  wireLeaving();
  for (const [target, type] of [[window, "online"], [document, "visibilitychange"]]) {
    target.addEventListener(type, () => document.hidden || connection.hurry());
  }
}

/** A button that shows and hides `part`. */
function disclose(button, part, opened = () => {}) {
  button.addEventListener("click", () => {
    part.hidden = !part.hidden;
    button.ariaExpanded = String(!part.hidden);
    if (!part.hidden) opened();
  });
}

function wireScale(screen) {
  try {
    elements.scale.value = localStorage.getItem(SCALE_KEY) ?? "fit";
  } catch {
    // storage refused: the choice lasts as long as the page
  }
  if (!elements.scale.value) elements.scale.value = "fit";
  screen.scale = elements.scale.value;
  elements.scale.addEventListener("change", () => {
    screen.scale = elements.scale.value;
    try {
      localStorage.setItem(SCALE_KEY, elements.scale.value);
    } catch {
      // as above
    }
    screen.focus();
  });
}

function wireFullScreen(screen) {
  elements.full.hidden = !document.fullscreenEnabled; // not on an iPhone, not in every frame
  elements.full.addEventListener("click", async () => {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen().catch(() => {});
    await navigator.keyboard?.lock?.().catch(() => {}); // Escape, Alt-Tab and the like go to the machine, too
    screen.focus();
  });
}

/**
 * The picture takes every key, Tab, too. Ctrl, Alt and Shift, pressed together and released, lead out of it to the
 * tools. Only when all are up: the machine must not be left with a key down.
 */
function wireLeaving() {
  let armed = false;
  const leaving = ({ type, ctrlKey, altKey, shiftKey, key }) => {
    if (type === "keydown") armed = ctrlKey && altKey && shiftKey && ["Control", "Alt", "Shift"].includes(key);
    else if (armed && !ctrlKey && !altKey && !shiftKey) {
      armed = false;
      setTimeout(() => elements.tools.querySelector("button:not(:disabled)").focus()); // after noVNC saw it, too
    }
  };
  for (const type of ["keydown", "keyup"]) elements.screen.addEventListener(type, leaving, { capture: true });
}

/** An on-screen keyboard that covers the page (iOS) instead of shrinking it: make the page what is left. */
window.visualViewport?.addEventListener("resize", ({ target }) => {
  if (target.scale === 1) document.body.style.height = `${target.height}px`;
});

open().catch(() => card.failed("This page could not be loaded completely. Reload it."));
