// What the viewer holds after many files: opened one after the other, each gives back what the one before had.
// The figures for large files are those of `cargo xtask scale`, which are measured, not asserted.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { held, residentBytes } from "./support/measure.mjs";
import { drop, openPage } from "./support/site.mjs";
import { browser, site, skip } from "./support/viewer.mjs";

const folder = mkdtempSync(join(tmpdir(), "aikv-scale-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Their index takes some 3 MB: fifteen of them that stayed would be 45. */
const KEYS = 50_000;
const FILES = 20;
/** Their data takes 240 MB while commands are applied; their index and those of the commands some 50. */
const LOG_KEYS = 400_000;
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

test("what makes the keys of a log gives its memory back", { skip, timeout: 240_000 }, async () => {
  const page = await openPage(browser, site.url);
  const before = await residentBytes(browser);
  const command = (n) => `*3\r\n$3\r\nSET\r\n$10\r\nkey:${String(n).padStart(6, "0")}\r\n$100\r\n${"x".repeat(100)}\r\n`;
  const log = join(folder, "many.aof");
  writeFileSync(log, Array.from({ length: LOG_KEYS }, (_, n) => command(n)).join(""));
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("o")]);
  await chooser.setFiles(log);
  await page.waitForFunction(() => /commands applied/.test(document.getElementById("status").textContent), null, { timeout: 0 });
  await page.waitForTimeout(1000);
  const grown = (await residentBytes(browser)) - before;
  await page.context().close();
  assert.ok(grown < 140 << 20, `resident: ${grown} more than before`);
});
