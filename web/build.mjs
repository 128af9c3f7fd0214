/**
 * Builds the pages into `--out DIR` (default: where the gateway serves them from).
 *
 * noVNC is bundled into a file of its own, with its licences beside it. client.js, endings.js and tab.js are
 * copied as they are: people read them, and import them from other pages.
 */

import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const NOVNC = join(HERE, "node_modules", "@novnc", "novnc");
const COPIED = ["client.js", "endings.js", "tab.js", "console.html", "landing.html", "operator.html", "icon.svg"];
const BUNDLED = ["novnc.js", "console.js", "landing.js", "operator.js", "page.css", "operator.css"];

const flag = process.argv.indexOf("--out");
const out = flag > 0 ? process.argv[flag + 1] : join(HERE, "..", "gateway", "web", "static");

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await build({
  entryPoints: BUNDLED.map((name) => join(HERE, "src", name)),
  outdir: out,
  bundle: true,
  external: ["./client.js", "./novnc.js"],
  format: "esm",
  target: ["es2022"],
  minify: true,
  legalComments: "inline",
  logLevel: "warning",
});
await Promise.all(COPIED.map((name) => copyFile(join(HERE, "src", name), join(out, name))));

const licences = ["LICENSE.txt", "docs/LICENSE.MPL-2.0", "vendor/pako/LICENSE"];
const texts = await Promise.all(licences.map((name) => readFile(join(NOVNC, name), "utf8")));
const { version } = JSON.parse(await readFile(join(NOVNC, "package.json"), "utf8"));
const heading = `novnc.js is built from the npm package @novnc/novnc ${version}, unmodified. Its licences follow.\n`;
await writeFile(join(out, "novnc.LICENSE.txt"), [heading, ...texts].join("\n----------\n\n"));
