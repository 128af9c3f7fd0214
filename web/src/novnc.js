/*! noVNC, unmodified, as it comes from npm (@novnc/novnc). MPL-2.0 and others: novnc.LICENSE.txt beside this file. */
export { default as RFB } from "@novnc/novnc";
// Not among the package's exports, but the one table of keysyms: what noVNC sends when a key is typed.
export { default as keysyms } from "../node_modules/@novnc/novnc/core/input/keysymdef.js";
