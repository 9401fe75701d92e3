// What tests of the viewer do with a page: open it, drop a dump on it, find a key, read what is shown.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { dump, expected, siteFolder } from "./content.mjs";
import { drop, launchChromium, openPage, serve, settled, skip, untilRead } from "./site.mjs";

export * from "./content.mjs";
export { settled, skip };

/** The browser of a test file, and the site that pages are opened of; there once the tests run. */
export let browser;
export let site;
before(async () => {
  if (skip) return;
  browser = await launchChromium();
  site = await serve(siteFolder);
});
after(async () => {
  await browser?.close();
  await site?.close();
});

/**
 * A page that is ready; nothing unwanted may have happened when `use` is done with it. Where the `address` names a file
 * of the server, that may be asked for, else what has a path that `asks` matches. `origin` is another site than the usual one.
 */
export async function withPage(use, { origin = site.url, address = "", asks = address ? /^\/opened-file$/ : /^$/, ...options } = {}) {
  const page = await openPage(browser, origin + address, { ...options, site });
  try {
    await use(page);
    assert.deepEqual(page.record.problems, [], "errors, warnings and policy reports");
    const isUnwanted = (path) => !asks.test(path);
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
