// What the viewer holds after many files: opened one after the other, each gives back what the one before had.
// The figures for large files are those of `cargo xtask scale`, which are measured, not asserted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { held, residentBytes } from "./support/measure.mjs";
import { drop, openPage } from "./support/site.mjs";
import { browser, site, skip } from "./support/viewer.mjs";

/** Their index takes some 3 MB: fifteen of them that stayed would be 45. */
const KEYS = 50_000;
const FILES = 20;
/** By then, everything that is made once is there. */
const SETTLED = 5;

/** A snapshot of small strings whose keys have the number of the file in them. */
function manyKeys(file) {
  const parts = [Buffer.from("REDIS0011\xfe\x00", "latin1")];
  for (let n = 0; n < KEYS; n += 1) {
    const key = Buffer.from(`file${file}:${n}`);
    parts.push(Buffer.from([0, key.length]), key, Buffer.from([1, 0x78]));
  }
  parts.push(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0]));
  return Buffer.concat(parts);
}

test("twenty files leave no more behind than five", { skip, timeout: 240_000 }, async () => {
  const page = await openPage(browser, site.url);
  let settled;
  for (let file = 1; file <= FILES; file += 1) {
    await drop(page, `${file}.rdb`, manyKeys(file));
    // The page asks before it lets go of a file.
    if (file > 1) await page.click("button:has-text('Open it')");
    await page.waitForFunction((start) => /Read in/.test(document.getElementById("status").textContent)
      && document.getElementById("row-0")?.querySelector(".key")?.textContent.startsWith(start), `file${file}:`);
    // A value and a filter hold something too.
    await page.click("#row-0");
    await page.waitForFunction((start) => document.querySelector(".detail-key")?.textContent.startsWith(start), `file${file}:`);
    if (file === SETTLED) settled = { ...await held(page), residentBytes: await residentBytes(browser) };
  }
  const end = { ...await held(page), residentBytes: await residentBytes(browser) };
  const grown = (what) => end[what] - settled[what];
  assert.ok(grown("nodes") < 200, `nodes: ${settled.nodes}, then ${end.nodes}`);
  assert.ok(grown("listeners") < 50, `listeners: ${settled.listeners}, then ${end.listeners}`);
  assert.ok(grown("heapBytes") < 2 << 20, `heap: ${settled.heapBytes}, then ${end.heapBytes}`);
  assert.ok(grown("residentBytes") < 24 << 20, `resident: ${settled.residentBytes}, then ${end.residentBytes}`);
  assert.deepEqual(page.record.problems, []);
  await page.context().close();
});
