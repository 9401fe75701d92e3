// The viewer with large files, measured: `node scale.mjs FILE KEYS NAME_BYTES ...`, as `cargo xtask scale` runs it.
// Prints a table for each file. The site is `AIKV_SITE`, else dist/site; `CHROME` names the browser. Linux only: memory is
// read from /proc.

import { statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { firstPaint, held, quantile, residentBytes, scroll, timed, watch } from "./support/measure.mjs";
import { launchChromium, openPage, serve } from "./support/site.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const site = await serve(resolve(root, process.env.AIKV_SITE ?? "dist/site"));
const MANY = 1_000_000;
const files = [];
for (let at = 2; at < process.argv.length; at += 3) {
  const [path, keys, nameBytes] = process.argv.slice(at, at + 3);
  files.push({ path, keys: Number(keys), nameBytes: Number(nameBytes) });
}
for (const file of files) {
  const browser = await launchChromium();
  try {
    table(`${basename(file.path)}: ${statSync(file.path).size} bytes, ${file.keys} keys`, await measure(browser, file));
  } finally {
    await browser.close();
  }
}
await site.close();

async function measure(browser, { path, keys, nameBytes }) {
  const lines = [];
  const line = (what, value, unit, budget = "") => lines.push([what, `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`, budget]);
  const page = await openPage(browser, site.url, { watch });
  page.setDefaultTimeout(0);
  line("first paint", await firstPaint(page), "ms", "200 ms warm");
  const empty = await residentBytes(browser);

  const reading = performance.now();
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("o")]);
  await chooser.setFiles(path);
  await page.waitForFunction(() => window.seen.sinceChosen !== null, null, { polling: "raf" });
  line("chosen to first row", await page.evaluate(() => window.seen.sinceChosen), "ms", "150 ms");
  await page.evaluate(() => { window.seen.keys = []; });
  for (let press = 0; press < 30; press += 1) {
    await page.keyboard.press("j");
    await page.waitForTimeout(30);
  }
  line("key press to paint while reading, p95", quantile(await page.evaluate(() => window.seen.keys), 0.95), "ms", "50 ms");
  await page.waitForFunction(() => /Read in/.test(document.getElementById("status").textContent));
  const seconds = (performance.now() - reading) / 1000;
  line("read whole", seconds, "s");
  line("rate", statSync(path).size / 1e6 / seconds, "MB/s");
  line("longest task of the main thread until then", Math.max(0, ...await page.evaluate(() => window.seen.tasks)), "ms", "16 ms; tasks under 50 are not told");
  const full = await residentBytes(browser);
  line("memory of the page beside an empty one", (full - empty) / (1 << 20), "MiB");
  // With few rows it is that of buffers and of the page itself.
  if (keys >= MANY) line("the same without the bytes of the names, a row", (full - empty - nameBytes) / keys, "B", "48 B, for the index alone");

  const isSettled = () => document.getElementById("grid").getAttribute("aria-busy") !== "true";
  line("scrolling frame, p95", quantile(await scroll(page, 120), 0.95), "ms", "16.7 ms at 60 Hz");
  line("sort by size, to the first rows", await timed(page, () => page.click("#head-size button"), () => document.getElementById("head-size").ariaSort !== null && document.getElementById("grid").getAttribute("aria-busy") !== "true" && document.querySelector(".row:not([hidden]):not(.pending)") !== null), "ms", "300 ms for 1 M, 3 s for 10 M");
  line("sort by key", await timed(page, () => page.click("#head-key button"), () => document.getElementById("head-key").ariaSort !== null && document.getElementById("grid").getAttribute("aria-busy") !== "true" && document.querySelector(".row:not([hidden]):not(.pending)") !== null), "ms", "300 ms for 1 M, 3 s for 10 M");
  const counted = await page.textContent("#status .strong");
  line("filter by text, all", await timed(page, () => page.fill("#search", ":0000001"), ([before]) => document.getElementById("grid").getAttribute("aria-busy") !== "true" && document.querySelector("#status .strong").textContent !== before, counted), "ms", "150 ms for 1 M, 1.2 s for 10 M");
  await page.waitForFunction(isSettled);
  line("value from click", await timed(page, () => page.click("#row-1"), () => document.querySelector(".viewer:not([hidden]) .line, .element-body:not([hidden]) .el-row") !== null), "ms", "80 ms");
  line("layout shift, whole session", await page.evaluate(() => window.seen.shift), "", "0");
  line("longest task of the main thread, whole session", Math.max(0, ...await page.evaluate(() => window.seen.tasks)), "ms");

  // A file that takes the place of the large one: what that had is given back.
  const [again] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Escape").then(() => page.keyboard.press("Escape")).then(() => page.keyboard.press("o"))]);
  await again.setFiles(`${root}tests/data/valkey-8.1/hashes.rdb`);
  await page.waitForFunction(() => /^hash/.test(document.querySelector(".row:not([hidden]) .type")?.lastChild.textContent ?? ""));
  await held(page);
  await page.waitForTimeout(2000);
  line("memory that stays when another file was opened", (await residentBytes(browser) - empty) / (1 << 20), "MiB", "of " + ((full - empty) / (1 << 20)).toFixed(0));
  await page.context().close();
  return lines;
}

function table(title, lines) {
  console.log(`\n${title}\n`);
  console.log("| what | measured | at most |\n| --- | ---: | --- |");
  for (const line of lines) console.log(`| ${line.join(" | ")} |`);
}
