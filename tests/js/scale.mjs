// The viewer measured: `node scale.mjs` starts it, `node scale.mjs FILE KEYS NAME_BYTES ...` opens large files, as
// `cargo xtask scale` has both. Prints a table of the start, or one for each file. The site is `AIKV_SITE`, else dist/site; `CHROME` names the browser. Linux only: memory is
// read from /proc.

import { statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { held, longestTask, quantile, residentBytes, scroll, start, timed, watch } from "./support/measure.mjs";
import { launchChromium, openPage, serve } from "./support/site.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const site = await serve(resolve(root, process.env.AIKV_SITE ?? "dist/site"), { isPacked: true });
const MANY = 1_000_000;
const PATIENCE_MS = 120_000;
const VISITS = 5;
const SMALL = `${root}tests/data/valkey-8.1/hashes.rdb`;
/** As Chromium's own tools have it: 150 ms there and back, 1.6 Mbit a second. */
const SLOW_LATENCY_MS = 150;
const SLOW_BYTES = 1.6e6 / 8;
/** A frame that comes after more than one and a half of its time has left one out. */
const DROPPED_MS = 25;
const files = [];
for (let at = 2; at < process.argv.length; at += 3) {
  const [path, keys, nameBytes] = process.argv.slice(at, at + 3);
  files.push({ path, keys: Number(keys), nameBytes: Number(nameBytes) });
}
if (!files.length) await inBrowser(async (browser) => table("start and a small file", await measureStart(browser)));
for (const file of files) {
  await inBrowser(async (browser) => table(`${basename(file.path)}: ${statSync(file.path).size} bytes, ${file.keys} keys`, await measure(browser, file)));
}
await site.close();

async function inBrowser(run) {
  const browser = await launchChromium();
  try {
    await run(browser);
  } finally {
    await browser.close();
  }
}

/** How the page starts, and what a small file takes. */
async function measureStart(browser) {
  const first = await openPage(browser, site.url, { watch });
  const cold = await start(first);
  const starts = [];
  const small = [];
  for (let visit = 0; visit < VISITS; visit += 1) {
    const page = await visited(first.context());
    starts.push(await start(page));
    const chooser = await chosen(page);
    small.push(await timed(page, () => chooser.setFiles(SMALL), () => document.querySelector("#grid .row:not([hidden]):not(.pending) .key") && /Read in/.test(document.getElementById("status").textContent) && performance.now()));
    await page.close();
  }
  await first.context().close();
  const context = await browser.newContext({ serviceWorkers: "block" });
  const slow = await start(await visited(context, { offline: false, latency: SLOW_LATENCY_MS, downloadThroughput: SLOW_BYTES, uploadThroughput: SLOW_BYTES }));
  await context.close();
  const median = (values) => `${quantile(values, 0.5).toFixed(0)} ms`;
  return [
    ["first paint, first visit", `${cold.paint.toFixed(0)} ms`, ""],
    ["the same on slow 4G", `${slow.paint.toFixed(0)} ms`, "1 s"],
    [`first paint, median of ${VISITS} later visits`, median(starts.map(({ paint }) => paint)), "200 ms"],
    ["from there until a file can be dropped", median(starts.map(({ ready }) => ready)), "300 ms"],
    [`a dump of ${statSync(SMALL).size} bytes to everything, median of ${VISITS}`, median(small), "200 ms"],
  ];
}

/** The page, once all of it is there; `conditions` are those of the network. */
async function visited(context, conditions) {
  const page = await context.newPage();
  await page.addInitScript(watch);
  if (conditions) await (await context.newCDPSession(page)).send("Network.emulateNetworkConditions", conditions);
  await page.goto(site.url);
  await page.waitForFunction(() => "whole" in document.body.dataset, null, { timeout: 0 });
  return page;
}

async function measure(browser, { path, keys, nameBytes }) {
  const lines = [];
  const line = (what, value, unit, budget = "") => lines.push([what, `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`, budget]);
  const page = await openPage(browser, site.url, { watch });
  page.setDefaultTimeout(PATIENCE_MS);
  const empty = await residentBytes(browser);

  const chooser = await chosen(page);
  const reading = await longestTask(browser, page, async () => {
    const from = performance.now();
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
    return (performance.now() - from) / 1000;
  });
  line("read whole", reading.result, "s");
  line("rate", statSync(path).size / 1e6 / reading.result, "MB/s");
  line("longest task of the main thread until then", reading.wall, "ms", "16 ms");
  line("the same, of the processor", reading.cpu, "ms", "16 ms");
  const full = await residentBytes(browser);
  line("memory of the page beside an empty one", (full - empty) / (1 << 20), "MiB");
  // With few rows it is that of buffers and of the page itself.
  if (keys >= MANY) line("the same without the bytes of the names, a row", (full - empty - nameBytes) / keys, "B", "48 B, for the index alone");

  const isSorted = ([id]) => /ending$/.test(document.getElementById(id).ariaSort) && document.getElementById("grid").getAttribute("aria-busy") !== "true" && document.querySelector(".row:not([hidden]):not(.pending)") !== null && performance.now();
  const frames = await scroll(page, 240);
  line("scrolling frame, p95", quantile(frames, 0.95), "ms", "16.7 ms at 60 Hz");
  line("frames dropped while scrolling", (100 * frames.filter((gap) => gap > DROPPED_MS).length) / frames.length, "%", "1 %");
  line("sort by size, to the first rows", await timed(page, () => page.click("#head-size button"), isSorted, "head-size"), "ms", "300 ms for 1 M, 3 s for 10 M");
  line("sort by key", await timed(page, () => page.click("#head-key button"), isSorted, "head-key"), "ms", "300 ms for 1 M, 3 s for 10 M");
  await page.fill("#search", ":000000");
  await page.waitForFunction(() => /^[\d,]+ of /.test(document.querySelector("#status .strong").textContent));
  const counted = await page.textContent("#status .strong");
  line("filter by text, all", await timed(page, () => page.keyboard.type("1"), ([before]) => document.getElementById("grid").getAttribute("aria-busy") !== "true" && document.querySelector("#status .strong").textContent !== before && performance.now(), counted), "ms", "150 ms for 1 M, 1.2 s for 10 M");
  await page.waitForFunction(() => document.getElementById("grid").getAttribute("aria-busy") !== "true");
  const values = [];
  for (const row of [1, 2, 3, 4, 5]) {
    const key = await page.textContent(`#row-${row} .key`);
    values.push(await timed(page, () => page.click(`#row-${row}`), ([text]) => document.querySelector(".detail-key").textContent === text && document.querySelector('.detail-body[aria-busy="false"] :is(.viewer, .el-body):not([hidden]) :is(.line, .el-row)') !== null && performance.now(), key));
  }
  line("value from click, the longest of five", Math.max(...values), "ms", "80 ms");
  lines.push(["layout shift, whole session", (await page.evaluate(() => window.seen.shift)).toFixed(3), "0"]);

  // A file that takes the place of the large one: what that had is given back.
  for (let press = 0; press < 2; press += 1) await page.keyboard.press("Escape");
  await (await chosen(page)).setFiles(SMALL);
  await page.waitForFunction(() => /^hash/.test(document.querySelector(".row:not([hidden]) .type")?.lastChild.textContent ?? ""));
  await held(page);
  await page.waitForTimeout(2000);
  line("memory that stays when another file was opened", (await residentBytes(browser) - empty) / (1 << 20), "MiB", "of " + ((full - empty) / (1 << 20)).toFixed(0));
  await page.context().close();
  return lines;
}

/** The dialog for files. */
async function chosen(page) {
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("o")]);
  return chooser;
}

function table(title, lines) {
  console.log(`\n${title}\n`);
  console.log("| what | measured | at most |\n| --- | ---: | --- |");
  for (const line of lines) console.log(`| ${line.join(" | ")} |`);
}
