/**
 * The operator's page: every open session, live, and a button that ends one.
 *
 * It is a user of the admin API like any other and asks for an API key, which this tab keeps until it is closed.
 * Nothing that the API answers becomes markup: texts are put in as texts.
 */

import { ago, size } from "./figures.js";
import { Rows } from "./rows.js";

const REFRESH = 2_000; // ms between an answer and the next question, at least
const SHARE = 20; // and so many times what the answer took: to watch many sessions must cost the gateway little
const PAGES = 10; // of 1000 sessions each: more is nothing that anybody reads
const KEY = "vnc-gateway-admin-key"; // in sessionStorage
const API = new URL("../api/v1/", import.meta.url);
const REFUSED = { 401: "This key is not known.", 403: "This key may not list sessions." };

const e = Object.fromEntries([...document.querySelectorAll("[id]")].map((one) => [one.id, one]));
const rows = new Rows(e.rows, sure);
let timer = 0;
let asked = 0; // answers to earlier questions are of no more use
let ending = null;

class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function ask(method, path) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEY)}` };
  const response = await fetch(new URL(path, API), { method, headers, cache: "no-store", credentials: "omit" });
  if (response.status === 204) return null;
  const body = await response.json();
  if (!response.ok) throw new Refused(response.status, body.detail ?? body.title ?? body.name);
  return body;
}

async function everySession() {
  const sessions = [];
  let answer = { next: "" };
  for (let page = 0; page < PAGES && answer.next !== undefined; page++) {
    answer = await ask("GET", `sessions${answer.next ? `?cursor=${encodeURIComponent(answer.next)}` : ""}`);
    sessions.push(...answer.sessions);
  }
  return { sessions, away: answer.state === "away", more: answer.next !== undefined };
}

async function refresh() {
  clearTimeout(timer);
  const mine = ++asked;
  const began = performance.now();
  try {
    const answer = await everySession();
    if (mine !== asked) return;
    show(answer);
  } catch (error) {
    if (mine !== asked) return;
    if (error.status in REFUSED) return askForKey(REFUSED[error.status]);
    e.status.textContent = `The gateway does not answer${error.status ? `: ${error.message}` : ""}. Trying again.`;
    e.status.classList.add("bad");
  }
  if (!document.hidden) timer = setTimeout(refresh, Math.max(REFRESH, SHARE * (performance.now() - began)));
}

function show({ sessions, away, more }) {
  e.ask.hidden = true;
  for (const part of [e.list, e.filter, e.leave]) part.hidden = false;
  e.count.textContent = more ? `${sessions.length}+` : sessions.length;
  e.status.classList.toggle("bad", away);
  e.status.textContent = away ? "What replicas share is away: these are of one replica." : "";
  rows.show(sessions.reverse()); // the newest first
  filter();
}

function filter() {
  const shown = rows.filter(e.filter.value);
  e.none.hidden = shown > 0;
  e.none.textContent = rows.size > 0 ? "No session has this text." : "No session is open.";
}

function askForKey(note = "") {
  clearTimeout(timer);
  asked++;
  sessionStorage.removeItem(KEY);
  rows.show([]);
  e.sure.close();
  for (const part of [e.list, e.filter, e.leave]) part.hidden = true;
  e.count.textContent = e.status.textContent = "";
  e["ask-note"].textContent = note;
  e.ask.hidden = false;
  e.key.value = "";
  e.key.focus();
}

function sure(session) {
  ending = session;
  e["sure-who"].textContent = `${session.user} at ${session.console}, open for ${ago(session.started_at)}, `
    + `${size(session.passed.bytes.to_browser)} seen`;
  e["sure-note"].textContent = "";
  e["sure-yes"].disabled = false;
  e.sure.showModal();
}

async function end() {
  e["sure-yes"].disabled = true;
  try {
    await ask("DELETE", `sessions/${encodeURIComponent(ending.id)}`);
  } catch (error) {
    if (error.status !== 404) {
      e["sure-note"].textContent = error.status === 403 ? "This key may not end sessions." : `Not ended: ${error.message}`;
      e["sure-yes"].disabled = false;
      return;
    }
  }
  e.sure.close();
  refresh();
}

e.ask.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, e.key.value.trim());
  refresh();
});
e.leave.addEventListener("click", () => askForKey());
e.filter.addEventListener("input", filter);
e["sure-no"].addEventListener("click", () => e.sure.close());
e["sure-yes"].addEventListener("click", end);
document.addEventListener("visibilitychange", () => !document.hidden && sessionStorage.getItem(KEY) && refresh());

if (sessionStorage.getItem(KEY)) refresh();
else askForKey();
