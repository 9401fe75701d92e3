// What tests of the viewer do with a page: open it, drop a dump on it, find a key, read what is shown.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { drop, findChromium, openPage, serve, untilRead } from "./site.mjs";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
export const data = join(root, "tests/data");
const executablePath = findChromium();

/** Why the tests of a browser are left out, or false. */
export const skip = executablePath ? false : "no Chromium found: install it, or name one in CHROME";
if (skip && process.env.CI === "true") throw new Error(skip);

let browser;
let site;
before(async () => {
  if (skip) return;
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"] });
  site = await serve(resolve(root, process.env.AIKV_SITE ?? "dist/site"));
});
after(async () => {
  await browser?.close();
  await site?.close();
});

/** The site that pages are opened of, for what it should send. */
export const theSite = () => site;

export const dump = (name) => readFileSync(join(data, name));
export const expected = (name) => JSON.parse(readFileSync(join(data, name.replace(/\.rdb$/, ".json")), "utf8")).keys;
export const bytes = (value) => (typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value.$b64, "base64"));

/**
 * A page that is ready; nothing unwanted may have happened when `use` is done with it. Where the `address` names a file
 * of the server, that may be asked for.
 */
export async function withPage(use, { address = "", ...options } = {}) {
  const page = await openPage(browser, site.url + address, { ...options, site });
  try {
    await use(page);
    assert.deepEqual(page.record.problems, [], "errors, warnings and policy reports");
    const isUnwanted = (asked) => address === "" || asked !== "/opened-file";
    assert.deepEqual(page.record.requests.filter((asked) => isUnwanted(new URL(asked).pathname)), [], "requests after the page was ready");
    assert.deepEqual(site.asked.filter(isUnwanted), [], "requests that its server saw");
  } finally {
    await page.context().close();
  }
}

/** A page with these bytes dropped on it and read. */
export function withFile(content, use, options) {
  return withPage(async (page) => {
    await drop(page, "a.rdb", content);
    await untilRead(page);
    await use(page);
  }, options);
}

/** A page with a dump of a server, and what that server says is in it. */
export function withDump(name, use, options) {
  return withFile(dump(name), (page) => use(page, expected(name)), options);
}

/** A length as snapshots write it. */
function length(n) {
  if (n < 64) return Buffer.from([n]);
  const long = Buffer.alloc(5);
  long[0] = 0x80;
  long.writeUInt32BE(n, 1);
  return long;
}

function item(content) {
  const held = Buffer.from(content);
  return Buffer.concat([length(held.length), held]);
}

/** A snapshot, its checksum off, of strings: `[[key, value]]`. */
export function strings(pairs) {
  const body = pairs.map(([key, value]) => Buffer.concat([Buffer.from([0]), item(key), item(value)]));
  return snapshot("REDIS0011", Buffer.concat(body));
}

export function snapshot(magic, body) {
  return Buffer.concat([Buffer.from(magic), Buffer.from(body, "latin1"), Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0])]);
}

/** The table shows the answer to the last wish. */
export async function settled(page) {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.waitForFunction(() => document.getElementById("grid").getAttribute("aria-busy") !== "true");
}

/** Brings a key into sight by searching for it, and opens it. */
export async function openKey(page, key) {
  await page.fill("#search", key);
  await settled(page);
  const row = await page.waitForFunction((wanted) => [...document.querySelectorAll(".row:not([hidden]):not(.pending)")].find((one) => one.querySelector(".key").textContent === wanted)?.id, key);
  await page.click(`#${await row.jsonValue()}`);
  await page.waitForFunction((wanted) => {
    const seen = (query) => [...document.querySelectorAll(query)].some((node) => node.offsetParent !== null);
    return document.querySelector(".detail-key").textContent === wanted && (seen(".viewer .line") || seen(".element-body .el-row"));
  }, key);
}

/** The lines of the value that is shown, without their numbers. */
export function shownLines(page) {
  return page.evaluate(() => [...document.querySelectorAll(".viewer .line")].filter((line) => line.offsetParent !== null)
    .map((line) => [...line.childNodes].filter((node) => node.className !== "line-number").map((node) => node.textContent).join("")));
}

export function formatsOffered(page) {
  return page.evaluate(() => [...document.querySelectorAll(".viewer-formats [role=radio]")].filter((radio) => radio.offsetParent !== null).map((radio) => ({ name: radio.textContent, on: radio.ariaChecked === "true" })));
}

export const chosenFormat = async (page) => (await formatsOffered(page)).find((one) => one.on)?.name;

export const untilFormat = (page, name) => page.waitForFunction((wanted) => [...document.querySelectorAll(".viewer-formats [role=radio][aria-checked=true]")].some((radio) => radio.offsetParent !== null && radio.textContent === wanted) && [...document.querySelectorAll(".viewer .line")].some((line) => line.offsetParent !== null), name);

/** The cells of the elements that are shown, row by row. */
export const gridCells = (page) => page.evaluate(() => [...document.querySelectorAll(".el-body > .el-row")].filter((row) => row.offsetParent !== null).map((row) => [...row.children].map((cell) => cell.textContent)));
export const gridTitles = (page) => page.evaluate(() => [...document.querySelectorAll(".el-head > .el-td")].filter((cell) => cell.offsetParent !== null).map((cell) => cell.textContent));
export const facts = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll(".detail-facts > div")].map((one) => [one.children[0].textContent, one.children[1].textContent])));
