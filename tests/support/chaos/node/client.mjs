/**
 * The real noVNC without a browser: any number of clients, driven by JSON lines on stdin, answered on stdout.
 *
 *   node client.mjs DIRECTORY-OF-NOVNC
 *
 * A line is {"id", "do", "client", …}; its answer carries the same id. What happens by itself is a line with "event".
 * What noVNC has to say goes to stderr.
 */

import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

import WebSocket from "ws";

import { Canvas, ImageData } from "./canvas.mjs";
import { Element, install } from "./dom.mjs";
import { Picture } from "./picture.mjs";

console.log = console.info = console.debug = console.warn = console.error; // stdout is for answers
install({ canvas: () => new Canvas() }, { WebSocket, Image: Picture, ImageData });
const { default: RFB } = await import(pathToFileURL(join(resolve(process.argv[2]), "core/rfb.js")));

const clients = new Map();
const wishes = new WeakMap(); // noVNC's socket -> {encodings, without}

/** A first pseudo-encoding or above: pixels come in encodings from 0 to 255, and in TightPNG. */
const carriesPixels = (encoding) => (encoding >= 0 && encoding < 256) || encoding === -260;

const send = RFB.messages.clientEncodings;
RFB.messages.clientEncodings = (socket, own) => {
  const { encodings, without } = wishes.get(socket);
  const pseudo = own.filter((encoding) => !carriesPixels(encoding) && !without.includes(encoding));
  send(socket, encodings ? [...encodings, ...pseudo] : own.filter((encoding) => !without.includes(encoding)));
};

const DO = {
  open({ client, url, encodings = null, without = [], width = 0, height = 0 }) {
    const target = new Element();
    target.size = { width, height };
    const socket = new WebSocket(url, ["binary"], { perMessageDeflate: false, maxPayload: 0 });
    const counts = { updates: 0, bytes: 0, bells: 0 };
    socket.addEventListener("message", ({ data }) => (counts.bytes += data.byteLength));
    socket.addEventListener("close", ({ code, reason }) => tell({ event: "closed", client, code, reason }));
    const rfb = new RFB(target, socket, { shared: true });
    wishes.set(rfb._sock, { encodings, without });
    count(rfb, counts);
    overhear(rfb, client);
    for (const event of ["connect", "disconnect", "bell", "clipboard", "desktopname", "capabilities"]) {
      rfb.addEventListener(event, ({ detail }) => tell({ event, client, detail }));
    }
    clients.set(client, { rfb, socket, counts, target });
  },
  /** Write the visible canvas as RGBA, row by row. */
  dump({ client, file }) {
    const { rfb } = clients.get(client);
    const { width, height, pixels } = rfb._canvas;
    writeFileSync(file, pixels);
    return { width, height };
  },
  status({ client }) {
    const { rfb, counts } = clients.get(client);
    return { ...counts, state: rfb._rfbConnectionState, continuous: rfb._enabledContinuousUpdates };
  },
  /** Leave out some more encodings from now on, and ask for the whole picture. */
  refine({ client, without }) {
    const { rfb } = clients.get(client);
    wishes.get(rfb._sock).without.push(...without);
    rfb._sendEncodings();
    RFB.messages.fbUpdateRequest(rfb._sock, false, 0, 0, rfb._fbWidth, rfb._fbHeight);
  },
  mouse({ client, x, y, buttons }) {
    clients.get(client).rfb._sendMouse(x, y, buttons);
  },
  key({ client, keysym, code, down }) {
    clients.get(client).rfb.sendKey(keysym, code, down);
  },
  /** Ask for another size of the machine's screen, by making the page's own box that large. */
  resize({ client, width, height }) {
    const { rfb, target } = clients.get(client);
    target.size = { width, height };
    rfb.resizeSession = true;
  },
  /** Stop reading from the socket, or go on. */
  pause({ client, on }) {
    const { socket } = clients.get(client);
    if (on) socket.pause();
    else socket.resume();
  },
  close({ client }) {
    clients.get(client).rfb.disconnect();
  },
};

/** Count the updates that noVNC has taken to their end. */
function count(rfb, counts) {
  const update = rfb._framebufferUpdate.bind(rfb);
  rfb._framebufferUpdate = () => {
    const whole = update();
    if (whole) counts.updates++;
    return whole;
  };
}

/** Tell at once why noVNC gives up; its own event waits for the socket to close. */
function overhear(rfb, client) {
  const fail = rfb._fail.bind(rfb);
  rfb._fail = (details) => {
    tell({ event: "failed", client, detail: details });
    return fail(details);
  };
}

function tell(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { id, do: what, ...how } = JSON.parse(line);
    try {
      tell({ id, answer: DO[what](how) ?? null });
    } catch (error) {
      tell({ id, error: `${error.stack}` });
    }
  })
  .on("close", () => process.exit(0));

// noVNC throws out of its socket's callback when it cannot go on: a browser writes that to its console and stays.
process.on("uncaughtException", (error) => {
  console.error(error);
  tell({ event: "error", client: null, detail: `${error.stack}` });
});
tell({ event: "ready" });
