// The viewer in headless Chromium: the assembled site (`AIKV_SITE`, else dist/site), dumps of real servers
// from tests/data, and what those servers say is in them. Needs playwright-core and axe-core. `CHROME` names
// the browser, `AIKV_BIN` the `aikv` command that serves the page in one of the tests.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { drop, openPage, untilRead, violations } from "./support/site.mjs";
import { browser, bytes, data, dump, expected, settled, site, siteFolder, skip, withPage } from "./support/viewer.mjs";

const folder = mkdtempSync(join(tmpdir(), "aikv-viewer-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const text = (value) => (typeof value === "string" ? value : Buffer.from(value.$b64, "base64").toString("latin1"));

/** A page with a dump of a server dropped on it; `use` gets both, and nothing unwanted may have happened. */
async function withDump(name, use, options) {
  await withPage(async (page) => {
    await drop(page, name.split("/").at(-1), dump(name));
    await untilRead(page);
    await use(page, expected(name));
  }, options);
}


async function drawnRows(page) {
  await settled(page);
  return page.evaluate(() => [...document.querySelectorAll(".row:not([hidden])")].filter((row) => !row.classList.contains("pending"))
  .sort((a, b) => a.getAttribute("aria-rowindex") - b.getAttribute("aria-rowindex"))
  .map((row) => ({ key: row.querySelector(".key").textContent, type: row.querySelector(".type").lastChild.textContent, size: row.querySelector(".size").title })));
}
const statusCount = (page) => page.textContent("#status .strong");
const untilCount = (page, wanted) => page.waitForFunction((words) => document.querySelector("#status .strong").textContent.startsWith(words), wanted);
const untilActive = (page, id) => page.waitForFunction((wanted) => document.getElementById("grid").getAttribute("aria-activedescendant") === wanted, id);
const rowCount = (page) => page.getAttribute("#grid", "aria-rowcount").then((count) => Number(count) - 1);

/** Brings a key into sight by searching for it, and opens it. */
async function openKey(page, key) {
  await page.fill("#search", key);
  await settled(page);
  await page.waitForFunction((wanted) => document.getElementById("row-0")?.querySelector(".key").textContent === wanted, key);
  await page.press("#search", "Enter");
  await page.keyboard.press("Enter");
  await page.waitForFunction((wanted) => document.querySelector(".detail-key").textContent === wanted && [...document.querySelectorAll("#detail .viewer .line, #detail .el-body > .el-row, #detail .element-body > .value-note")].some((node) => node.offsetParent !== null), key);
}

/** A snapshot of `count` small strings, made here: the key of row n is `key:n`. */
function manyKeys(count) {
  const parts = [Buffer.from("REDIS0011\xfe\x00", "latin1")];
  for (let n = 0; n < count; n += 1) {
    const key = Buffer.from(`key:${n}`);
    parts.push(Buffer.from([0, key.length]), key, Buffer.from([1, 0x78]));
  }
  parts.push(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0]));
  return Buffer.concat(parts);
}

async function choose(page, name, content) {
  const path = join(folder, name);
  writeFileSync(path, content);
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("o")]);
  await chooser.setFiles(path);
}

test("a dropped snapshot is listed whole, as its server reports it", { skip }, async () => {
  await withDump("valkey-8.1/hashes.rdb", async (page, keys) => {
    assert.equal(await rowCount(page), keys.length);
    const rows = await drawnRows(page);
    assert.deepEqual(rows.map((row) => row.key).sort(), keys.map((key) => text(key.key)).sort());
    assert.deepEqual(new Set(rows.map((row) => row.type)), new Set(["hash"]));
    assert.match(await page.textContent(".file-facts"), /Valkey 8\.1\.8.*RDB 11/);
    assert.match(await page.textContent("#status"), /checksum matches/);
  });
});

test("filters by text, glob, type and expiry agree with the server's keys", { skip }, async () => {
  await withDump("valkey-8.1/expiry.rdb", async (page, keys) => {
    const hashes = keys.filter((key) => key.type === "hash").length;
    await page.click(".chip:has-text('hash')");
    await untilCount(page, `${hashes} of ${keys.length} `);
    assert.deepEqual(new Set((await drawnRows(page)).map((row) => row.type)), new Set(["hash"]));
    await page.click(".chip:has-text('hash')");
    await page.fill("#search", "SET");
    const sets = keys.filter((key) => text(key.key).toLowerCase().includes("set"));
    await untilCount(page, `${sets.length} of `);
    assert.deepEqual((await drawnRows(page)).map((row) => row.key).sort(), sets.map((key) => text(key.key)).sort());
    await page.press("#search", "Control+.");
    await page.fill("#search", "?set");
    const matching = keys.filter((key) => /^.set$/s.test(text(key.key))).length;
    await untilCount(page, `${matching} of `);
    await page.press("#search", "Escape");
    await untilCount(page, `${keys.length} keys`);
    await page.click(".filter-menu:has-text('Expiry')");
    await page.click(".menu-item:has-text('never')");
    const never = keys.filter((key) => key.expires_at_ms === undefined || key.expires_at_ms === null).length;
    await untilCount(page, `${never} of `);
    assert.match(page.url(), /#expiry=never$/);
  });
});

test("a search text and a key never come into the address, the title or the storage", { skip }, async () => {
  await withDump("valkey-8.1/hashes.rdb", async (page) => {
    await openKey(page, "nearly-integers");
    const places = await page.evaluate(() => [location.href, document.title, JSON.stringify(localStorage)].join(" "));
    assert.doesNotMatch(places, /nearly/);
  });
});

test("every column sorts, and the third press gives the order of the file", { skip }, async () => {
  await withDump("valkey-8.1/hashes.rdb", async (page) => {
    const fileOrder = (await drawnRows(page)).map((row) => row.key);
    const sizes = async () => (await drawnRows(page)).map((row) => Number(row.size.replace(/[^0-9]/g, "")));
    const pressed = async (id, sort) => {
      await page.click(`#head-${id} button`);
      await page.waitForFunction(([name, wanted]) => document.getElementById(`head-${name}`).ariaSort === wanted, [id, sort]);
    };
    await pressed("size", "descending");
    const down = await sizes();
    assert.deepEqual(down, [...down].sort((a, b) => b - a));
    assert.notDeepEqual((await drawnRows(page)).map((row) => row.key), fileOrder);
    await pressed("size", "ascending");
    assert.deepEqual(await sizes(), [...down].reverse());
    await pressed("size", "none");
    assert.deepEqual((await drawnRows(page)).map((row) => row.key), fileOrder);
    await pressed("key", "ascending");
    assert.deepEqual((await drawnRows(page)).map((row) => row.key), [...fileOrder].sort());
    for (const id of ["type", "elements", "expires"]) await pressed(id, id === "type" ? "ascending" : "descending");
  });
});

test("a hash shows its fields and values, a string its bytes in hex", { skip }, async () => {
  await withDump("valkey-8.1/hashes.rdb", async (page, keys) => {
    const { value } = keys.find((key) => key.key === "small" || key.key === "one");
    await openKey(page, keys.find((key) => key.value === value).key);
    const shown = await page.evaluate(() => [...document.querySelectorAll(".element-body:not([hidden]) .el-body .el-row")].map((row) => [...row.children].map((cell) => cell.textContent)));
    assert.deepEqual(Object.fromEntries(shown), value);
  });
  await withDump("valkey-8.1/strings.rdb", async (page, keys) => {
    const whole = keys.find((key) => key.key === "binary:all-bytes");
    await openKey(page, whole.key);
    await page.click(".viewer:not([hidden]) [role=radio]:has-text('Hex')");
    const lines = await page.evaluate(() => [...document.querySelectorAll(".viewer:not([hidden]) .line")].map((line) => line.textContent));
    const digits = lines.map((line) => line.slice(10, 58).replaceAll(" ", "")).join("");
    assert.equal(digits, bytes(whole.value).toString("hex"));
  });
});

test("pages of a long list follow the order of the server", { skip }, async () => {
  await withDump("valkey-8.1/lists.rdb", async (page, keys) => {
    const { value } = keys.find((key) => key.key === "512-elements");
    await openKey(page, "512-elements");
    const items = () => page.evaluate(() => [...document.querySelectorAll(".element-body:not([hidden]) .el-body .el-row")].map((row) => row.lastChild.textContent));
    assert.deepEqual(await items(), value.slice(0, 200).map(text));
    await page.keyboard.press("]");
    await page.waitForFunction(() => document.querySelector(".element-body:not([hidden]) .pager").textContent.includes("201"));
    assert.deepEqual(await items(), value.slice(200, 400).map(text));
  });
});

test("keys with markup, bidi marks and names of objects are text", { skip }, async () => {
  await withDump("valkey-8.1/names.rdb", async (page, keys) => {
    assert.equal(await rowCount(page), keys.length);
    const seen = new Set();
    for (let at = 0; at < keys.length; at += 15) {
      await page.evaluate((row) => { document.getElementById("grid").scrollTop = row * 28; }, at);
      for (const row of await drawnRows(page)) seen.add(row.key);
    }
    for (const name of ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "__proto__", "constructor", "hasOwnProperty", "&amp;\"'`"]) assert.ok(seen.has(name), name);
    assert.ok(seen.has("bidi \\u202Egnp.exe\\u202C"), "bidi marks are written out");
    assert.ok(seen.has("\\x1B[31mred\\x1B[0m"), "escapes of terminals are written out");
    assert.ok([...seen].every((name) => !/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/.test(name)), "nothing unseen reaches the page");
    assert.equal(await page.evaluate(() => document.querySelectorAll("#keys img, #keys script").length), 0);
    await openKey(page, "__proto__");
  });
});

test("module values are shown as the JSON they hold, and as their parts", { skip }, async () => {
  await withDump("modules/modules.rdb", async (page, keys) => {
    const shown = () => page.evaluate(() => [...document.querySelectorAll(".viewer:not([hidden]) .line")].map((line) => [...line.childNodes].filter((node) => node.className !== "line-number").map((node) => node.textContent).join("")).join("\n"));
    await openKey(page, "json:nested");
    assert.deepEqual(JSON.parse(await shown()), JSON.parse(keys.find((key) => key.key === "json:nested").document));
    assert.deepEqual(await violations(page), []);
    await page.click('[role="radio"]:text("Parts")');
    await page.waitForSelector('.el-row:has-text("string")');
    assert.equal(await page.isVisible(".detail-body > .viewer"), false);
    assert.deepEqual(await violations(page), []);
    await page.click('[role="radio"]:text("Value")');
    // Its lines are drawn in the frame after it appears.
    await page.waitForSelector(".detail-body > .viewer .line");
    assert.match(await shown(), /"__proto__"/);
    await openKey(page, "bloom:scaled");
    const { debug } = keys.find((key) => key.key === "bloom:scaled");
    const facts = JSON.parse(await shown());
    assert.deepEqual(facts.filters.map((filter) => filter.items), debug.slice(1).map((line) => Number(/ size:(\d+)/.exec(line)[1])));
  });
});

test("a truncated file opens its findings, with the byte and the keys before it", { skip }, async () => {
  await withPage(async (page) => {
    const name = "valkey-8.1/hashes.rdb";
    const cut = dump(name).subarray(0, 12_000);
    await drop(page, "cut.rdb", cut);
    await untilRead(page);
    await page.waitForSelector("#findings:not([hidden])");
    assert.match(await page.textContent(".explain"), /12,000/);
    assert.match(await page.textContent(".finding"), /truncated/);
    await page.click(".tab:has-text('Keys')");
    const kept = (await drawnRows(page)).map((row) => row.key);
    const all = expected(name).map((key) => text(key.key));
    assert.ok(kept.length > 0 && kept.length < all.length);
    assert.ok(kept.every((key) => all.includes(key)));
    assert.deepEqual(await violations(page), []);
  });
});

test("a wrong checksum is a finding, and every key is there", { skip }, async () => {
  await withPage(async (page) => {
    const name = "valkey-8.1/hashes.rdb";
    const wrong = Buffer.from(dump(name));
    wrong[wrong.length - 1] ^= 1;
    await drop(page, "wrong.rdb", wrong);
    await untilRead(page);
    assert.equal(await rowCount(page), expected(name).length);
    assert.equal(await page.textContent(".tab .count"), "1");
    await page.click(".tab:has-text('Findings')");
    assert.match(await page.textContent(".finding"), /bad-checksum/);
  });
});

test("a compressed snapshot is unpacked and shown like any other", { skip }, async () => {
  const keys = expected("redis-7.0/nocompress.rdb");
  for (const [extension, compression] of [["gz", "gzip"], ["lz4", "lz4"], ["zst", "zstd"]]) {
    await withPage(async (page) => {
      await drop(page, `nocompress.rdb.${extension}`, dump(`compressed/nocompress.rdb.${extension}`));
      await untilRead(page);
      assert.equal(await rowCount(page), keys.length);
      assert.match(await page.textContent(".file-facts"), new RegExp(`^${compression}, [\\d.]+ (KiB|B) unpacked to 2.32 KiB`));
      assert.equal(await page.textContent(".tab .count"), "0");
      await openKey(page, "string");
      const value = keys.find((key) => key.key === "string").value;
      await page.waitForFunction((words) => document.querySelector(".viewer").textContent.includes(words), text(value).slice(0, 20));
      assert.deepEqual(await violations(page), []);
    });
  }
});

test("damage to the compression is a finding of the compressed file", { skip }, async () => {
  const keys = expected("redis-7.0/nocompress.rdb");
  const whole = dump("compressed/nocompress.rdb.zst");
  await withPage(async (page) => {
    const wrong = Buffer.from(whole);
    wrong[wrong.length - 1] ^= 1;
    await drop(page, "wrong.zst", wrong);
    await untilRead(page);
    assert.equal(await rowCount(page), keys.length, "every key is there");
    assert.equal(await page.textContent(".tab .count"), "1");
    await page.click(".tab:has-text('Findings')");
    assert.match(await page.textContent(".finding"), new RegExp(`bad-checksum.*byte ${wrong.length - 4} of the zstd file`));
    await page.waitForSelector(".hexdump .fault");
    const fault = wrong[wrong.length - 4].toString(16).padStart(2, "0");
    await page.waitForFunction((digits) => document.querySelector(".bytes-around .hexdump .fault").textContent.trim() === digits, fault);
    assert.deepEqual(await violations(page), []);
  });
  await withPage(async (page) => {
    const gzip = dump("compressed/nocompress.rdb.gz");
    await drop(page, "cut.gz", gzip.subarray(0, 600));
    await untilRead(page);
    await page.waitForSelector("#findings:not([hidden])");
    const found = await page.$$eval(".finding", (all) => all.map((one) => one.textContent));
    assert.equal(found.length, 2, "the file, and what is inside of it");
    assert.match(found[0], /truncated.*byte 600 of the gzip file/);
    assert.match(found[1], /truncated/);
    await page.click(".tab:has-text('Keys')");
    assert.ok((await rowCount(page)) < keys.length);
  });
});

test("what a compressed file holds is refused by its own bytes", { skip }, async () => {
  await withPage(async (page) => {
    const refused = (words) => page.waitForFunction((wanted) => new RegExp(wanted).test(document.querySelector(".refusal:not([hidden])")?.textContent), words);
    await drop(page, "squares.lz4", dump("compressed/squares.lz4"));
    await refused("What this lz4 file holds does not begin like an RDB or AOF file");
    await drop(page, "broken.gz", Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 2, 3, 4]));
    await refused("compressed by gzip and cannot be unpacked.*expected deflate data");
    await drop(page, "twice.zst", Buffer.from("28b52ffd20031900001f8b08", "hex"));
    await refused("In the compressed file \\(zstd\\): expected a file that is compressed once, found gzip inside");
  });
});

test("what is no dump, and a version that is not known, are refused by their bytes", { skip }, async () => {
  await withPage(async (page) => {
    await drop(page, "a.zip", Buffer.from([0x50, 0x4b, 3, 4, 20, 0, 0, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8]));
    await page.waitForSelector(".refusal:not([hidden])");
    assert.match(await page.textContent(".refusal"), /does not begin like an RDB or AOF file.*ZIP archive: unpack it first.*50 4B 03 04/);
    await drop(page, "new.rdb", snapshot("VALKEY081"));
    await page.waitForFunction(() => /VALKEY 81/.test(document.querySelector(".refusal").textContent));
    assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll(".cell.wrong b")].map((cell) => cell.textContent).join("")), "081");
    assert.deepEqual(await violations(page), []);
    // There never was one, so there is nothing to try.
    await drop(page, "none.rdb", snapshot("REDIS0000"));
    await page.waitForFunction(() => /RDB 0/.test(document.querySelector(".refusal").textContent));
    assert.equal(await page.locator("text=Try to read it anyway").count(), 0);
  });
});

/** A snapshot with `body`, its checksum off. */
function snapshot(magic, body = "") {
  return Buffer.from(`${magic}${body}\xff\0\0\0\0\0\0\0\0`, "latin1");
}

/** A set without members, a packed hash with a wrong size of an entry, a string. */
const ODD = "\x02\x01e\x00\x10\x01h\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x03\xff\x00\x01k\x01v";

const findingCodes = (page) => page.evaluate(() => [...document.querySelectorAll(".finding .code")].map((code) => code.textContent));

test("a version to come is read as far as it goes where the reader asks for it", { skip }, async () => {
  await withPage(async (page) => {
    await drop(page, "later.rdb", snapshot("REDIS0099", ODD));
    await page.click("text=Try to read it anyway");
    await untilRead(page);
    assert.deepEqual((await drawnRows(page)).map((row) => row.key), ["h", "k"]);
    await openKey(page, "h");
    assert.deepEqual(await gridCells(page), [["f", "v"]]);
    await page.click(".tab:has-text('Findings')");
    assert.deepEqual(await findingCodes(page), ["unsupported-version", "bad-value", "bad-packed"]);
    assert.match(await page.textContent(".finding-note"), /reading went on with the next key/);
    assert.deepEqual(await violations(page), []);
  });
});

test("a file is read on past what is wrong with single keys", { skip }, async () => {
  await withPage(async (page) => {
    await drop(page, "odd.rdb", snapshot("REDIS0011", ODD));
    await untilRead(page);
    assert.equal(await page.textContent(".tab .count"), "2");
    assert.deepEqual((await drawnRows(page)).map((row) => row.key), ["h", "k"]);
    await page.click(".tab:has-text('Findings')");
    assert.deepEqual(await findingCodes(page), ["bad-value", "bad-packed"]);
  });
});

/** The cells of the elements that are shown, row by row. */
const gridCells = (page) => page.evaluate(() => [...document.querySelectorAll(".el-body > .el-row")].filter((row) => row.offsetParent).map((row) => [...row.children].map((cell) => cell.textContent)));
const gridTitles = (page) => page.evaluate(() => [...document.querySelectorAll(".el-head > .el-td")].filter((cell) => cell.offsetParent).map((cell) => cell.textContent));
const factsShown = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll(".detail-facts > div")].map((one) => [one.children[0].textContent, one.children[1].textContent])));

test("arrays show their indices, and how many between them are empty", { skip }, async () => {
  await withPage(async (page) => {
    const array = "\x1c\x01a\x03\x01\x03\x00\x01\xfb\xff\xff\xff\xff\xff\xff\xff\x01\x02\0\0\0\0\0\0\xf8\x3f\x80\x00\x0f\x42\x40\x03\x02zz";
    await drop(page, "array.rdb", snapshot("REDIS0014", `${array}\x00\x01k\x01v`));
    await untilRead(page);
    await page.click(".chip:has-text('array')");
    await untilCount(page, "1 of 2 ");
    await openKey(page, "a");
    assert.deepEqual(await gridTitles(page), ["Index", "Value"]);
    assert.deepEqual(await gridCells(page), [["0", "-5"], ["1", "1.5"], ["", "999,998 empty"], ["1,000,000", "zz"]]);
    assert.equal((await factsShown(page)).Inserted, "at 3");
    await page.click(".el-body > .el-row:nth-child(4)");
    await page.waitForSelector(".lower:not([hidden]) .line");
    assert.match(await page.textContent(".lower .line"), /zz/);
    assert.deepEqual(await violations(page), []);
  });
});

for (const server of ["redis-8.6", "valkey-9.1"]) {
  test(`fields that expire have a column for it: ${server}`, { skip }, async () => {
    await withDump(`${server}/field_expiry.rdb`, async (page, keys) => {
      const { value } = keys.find(({ key }) => key === "all");
      await openKey(page, "all");
      assert.deepEqual(await gridTitles(page), ["Field", "Value", "Expires"]);
      const cells = await gridCells(page);
      assert.deepEqual(Object.fromEntries(cells), Object.fromEntries(Object.entries(value).map(([field, one]) => [field, one.value])));
      assert.ok(cells.every(([, , expires]) => /^in \d+\sy$/.test(expires)), String(cells));
      await openKey(page, "none");
      assert.deepEqual(await gridTitles(page), ["Field", "Value"]);
    });
  });
}

test("a stream tells of its producers and of entries that were handed back", { skip }, async () => {
  await withPage(async (page) => {
    const id = "\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x01";
    const group = `\x01g\x07\x01\x01\x01${id}\0\0\0\0\0\0\0\0\x01\x00\x01${id}`;
    const stream = `\x1b\x01s\x00\x00\x09\x00\x00\x00\x00\x00\x09\x01${group}\x40\x64\x0a\x01\x01p\x01\x01i\x07\x01\x03\x01`;
    await drop(page, "stream.rdb", snapshot("REDIS0014", stream));
    await untilRead(page);
    await openKey(page, "s");
    const facts = await factsShown(page);
    assert.deepEqual([facts.Producers, facts.Encoding], ["1", "stream-listpacks-5"]);
    const cells = await page.evaluate(() => ["th", "td"].map((tag) => [...document.querySelectorAll(`.groups ${tag}`)].map((cell) => cell.textContent)));
    assert.deepEqual(Object.fromEntries(cells[0].map((title, at) => [title, cells[1][at]])), { Group: "g", "Last delivered": "7-1", Lag: "8", Pending: "1", "Handed back": "1", Consumers: "0", "Seen, UTC": "–" });
  });
});

test("a key is copied as the line that export writes, with the names that stand at the head of the file", { skip }, async () => {
  await withPage(async (page) => {
    await drop(page, "templates.rdb", snapshot("REDIS0015", "\xf2\x03\x02\x01a\x02bb\x20\x01h\x03\x01x\x01y"));
    await untilRead(page);
    await openKey(page, "h");
    assert.deepEqual(await gridCells(page), [["a", "x"], ["bb", "y"]]);
    await page.click(".detail-tools button:has-text('Copy')");
    await page.click(".menu-item:has-text('JSON line')");
    await page.waitForFunction(() => /Copied/.test(document.querySelector(".detail-tools").textContent));
    assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), { db: 0, key: "h", type: "hash", encoding: "hash-tmpl-array-ref", value: { a: "x", bb: "y" } });
  }, { permissions: ["clipboard-read", "clipboard-write"] });
});

test("of 400,000 keys only those in sight are in the page, and both ends are reached", { skip }, async () => {
  await withPage(async (page) => {
    const total = 400_000;
    await choose(page, "many.rdb", manyKeys(total));
    await untilRead(page);
    await untilCount(page, "400,000 keys");
    assert.ok((await page.locator(".row").count()) < 80);
    await page.focus("#grid");
    await page.keyboard.press("End");
    const shows = (key) => page.waitForFunction((wanted) => [...document.querySelectorAll(".row:not([hidden]):not(.pending)")].some((row) => row.querySelector(".key").textContent === wanted), key);
    await shows(`key:${total - 1}`);
    assert.equal(await page.evaluate(() => document.querySelector(".row.current").getAttribute("aria-rowindex")), String(total + 1));
    for (let n = 0; n < 3; n += 1) await page.keyboard.press("ArrowUp");
    await page.waitForFunction((index) => document.querySelector(".row.current")?.getAttribute("aria-rowindex") === index, String(total - 2));
    await page.keyboard.press("Home");
    await shows("key:0");
    // The wheel moves by pixels, also where the thumb cannot.
    await page.mouse.move(400, 500);
    await page.mouse.wheel(0, 28 * 40);
    await shows("key:45");
    assert.ok((await page.locator(".row").count()) < 80);
  });
});

test("a page opened by the server reads its file by ranges, stops, and reads on", { skip }, async () => {
  const content = manyKeys(150_000);
  const name = "žofie & co.rdb";
  site.opened = { name, bytes: content, stallAfter: 1_000_000 };
  await withPage(async (page) => {
    await page.waitForSelector(".news button:has-text('Stop')");
    assert.equal(await page.textContent(".file-name"), name);
    await page.waitForFunction(() => Number(document.getElementById("grid").getAttribute("aria-rowcount")) > 1000);
    await page.click("#row-3");
    await page.waitForFunction(() => document.querySelector(".viewer:not([hidden]) .line")?.textContent.endsWith("x"));
    await page.click(".news button:has-text('Stop')");
    await page.waitForFunction(() => /^Stopped at \d+ %\. [\d,]+ keys are shown\.$/.test(document.querySelector(".news .text")?.textContent ?? ""));
    assert.ok((await rowCount(page)) < 150_000);
    site.resume();
    await page.click(".news button:has-text('Read on')");
    await untilRead(page);
    await untilCount(page, "150,000 keys");
    assert.ok(page.record.requests.every((address) => address === `${site.url}opened-file`), "only the file is asked for");
  }, { address: `?file=${encodeURIComponent(name)}`, asks: /./ });
  site.opened = null;
});

test("an unpacking stops, and goes on", { skip }, async () => {
  const content = gzipSync(manyKeys(150_000));
  site.opened = { name: "many.rdb.gz", bytes: content, stallAfter: content.length >> 1 };
  await withPage(async (page) => {
    await page.waitForFunction(() => /^Unpacking \d+ %/.test(document.querySelector(".news").textContent));
    await page.click(".news button:has-text('Stop')");
    await page.waitForFunction(() => /^Unpacking stopped at \d+ %\.$/.test(document.querySelector(".news .text")?.textContent ?? ""));
    site.resume();
    await page.click(".news button:has-text('Read on')");
    await untilRead(page);
    await untilCount(page, "150,000 keys");
    assert.match(await page.textContent(".file-facts"), /^gzip, \d+ KiB unpacked to 1\.90 MiB/);
    assert.ok(page.record.requests.every((address) => address === `${site.url}opened-file`), "only the file is asked for");
  }, { address: "?file=many.rdb.gz", asks: /./ });
  site.opened = null;
});

const command = process.env.AIKV_BIN;
const skipCommand = skip || (command ? false : "no aikv command named in AIKV_BIN");
test("aikv view serves the page with its file", { skip: skipCommand }, async () => {
  const name = "valkey-8.1/hashes.rdb";
  const server = spawn(command, ["view", "--www", siteFolder, "--no-open", "--port", "0", join(data, name)], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [line] = await once(server.stdout, "data");
    const address = new URL(String(line).trim());
    await withPage(async (page) => {
      await untilRead(page);
      assert.equal(await page.textContent(".file-name"), "hashes.rdb");
      assert.equal(await rowCount(page), expected(name).length);
      await openKey(page, "small");
      assert.ok(page.record.requests.every((request) => request === `${address.origin}/opened-file`), "only the file is asked for");
    }, { origin: address.href, asks: /./ });
  } finally {
    server.kill();
  }
});

test("aikv view serves the page with the folder of a log", { skip: skipCommand }, async () => {
  const log = join(data, "redis-8.6/appendonlydir");
  const keys = spawnSync(command, ["export", log], { encoding: "utf8" }).stdout.match(/"key":/g).length;
  const server = spawn(command, ["view", "--www", siteFolder, "--no-open", "--port", "0", log], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [line] = await once(server.stdout, "data");
    const address = new URL(String(line).trim());
    await withPage(async (page) => {
      await untilRead(page);
      assert.equal(await page.textContent(".file-name"), "appendonlydir");
      assert.equal(await rowCount(page), keys);
      await page.click('.tab:has-text("Commands")');
      await page.waitForFunction(() => /^[\d,]+ commands/.test(document.querySelector("#status .strong").textContent));
      assert.ok(page.record.requests.every((request) => request.startsWith(`${address.origin}/opened-file`)), "only the log is asked for");
    }, { origin: address.href, asks: /./ });
  } finally {
    server.kill();
  }
});

test("the sample opens when asked for, with one request", { skip }, async () => {
  await withPage(async (page) => {
    await page.click("button:has-text('Open a sample')");
    await untilRead(page);
    assert.ok((await rowCount(page)) > 100);
    assert.deepEqual(page.record.requests, [`${site.url}sample.rdb`]);
  }, { asks: /./ });
});

test("a second file is asked about in the header, not by a dialog", { skip }, async () => {
  await withDump("valkey-8.1/hashes.rdb", async (page) => {
    await drop(page, "sets.rdb", dump("valkey-8.1/sets.rdb"));
    await page.waitForSelector(".news .text:has-text('Open sets.rdb instead of hashes.rdb?')");
    await page.click("button:has-text('Keep this file')");
    assert.equal(await page.textContent(".file-name"), "hashes.rdb");
    await drop(page, "sets.rdb", dump("valkey-8.1/sets.rdb"));
    await page.click("button:has-text('Open it')");
    await page.waitForFunction(() => document.querySelector(".file-name").textContent === "sets.rdb");
    await untilCount(page, `${expected("valkey-8.1/sets.rdb").length} keys`);
  });
});

test("the keyboard alone finds, opens, widens and closes", { skip }, async () => {
  await withDump("valkey-8.1/hashes.rdb", async (page, keys) => {
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className);
    await page.keyboard.press("/");
    assert.equal(await focused(), "search");
    await page.keyboard.type("field");
    await untilCount(page, `${keys.filter((key) => key.key.includes("field")).length} of `);
    // The rows come behind their count.
    await settled(page);
    await page.keyboard.press("ArrowDown");
    assert.equal(await focused(), "grid");
    await page.keyboard.press("j");
    await untilActive(page, "row-1");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".row[aria-selected=true]");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#detail.wide");
    await page.keyboard.press("d");
    assert.match(await focused(), /el-grid/);
    await page.keyboard.press("Enter");
    await page.waitForSelector(".lower:not([hidden]) .line");
    for (const gone of [".lower:not([hidden])", "#detail.wide", ".row[aria-selected=true]"]) {
      await page.keyboard.press("Escape");
      await page.waitForSelector(gone, { state: "detached" });
    }
    assert.equal(await focused(), "grid");
    await page.keyboard.press("Escape");
    await untilCount(page, `${keys.length} keys`);
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowUp");
    await untilActive(page, "head-key");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#head-key[aria-sort=ascending]");
    await page.keyboard.press("g");
    await page.keyboard.press("f");
    await page.waitForSelector("#findings:not([hidden])");
    await page.goBack();
    await page.waitForSelector("#keys:not([hidden])");
    await page.keyboard.press("?");
    await page.waitForSelector("dialog.help[open]");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog.help[open]", { state: "detached" });
  });
});

test("every stop of the Tab key shows where it is", { skip }, async () => {
  await withDump("valkey-8.1/hashes.rdb", async (page) => {
    const stops = [];
    for (let n = 0; n < 60; n += 1) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(() => {
        const node = document.activeElement;
        if (node === document.body) return null;
        const row = document.getElementById(node.getAttribute("aria-activedescendant")) ?? node;
        const { outlineStyle, boxShadow } = getComputedStyle(row);
        return { name: node.getAttribute("aria-label") || node.textContent.trim().slice(0, 30), id: node.id, seen: outlineStyle !== "none" || boxShadow !== "none" };
      });
      if (!stop) break;
      stops.push(stop);
    }
    assert.ok(stops.some((stop) => stop.id === "grid"), "the table is reached");
    assert.deepEqual(stops.filter((stop) => !stop.seen || !stop.name), [], "stops without a name or a ring");
  });
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing, ${colorScheme}`, { skip }, async () => {
    await withPage(async (page) => {
      assert.deepEqual(await violations(page), [], "start");
      for (const [name, key] of [["hashes", "512-fields"], ["streams", "many-readers"], ["zsets", "integers"]]) {
        await drop(page, `${name}.rdb`, dump(`valkey-8.1/${name}.rdb`));
        if (name !== "hashes") await page.click("button:has-text('Open it')");
        await page.waitForFunction((wanted) => document.querySelector(".file-name").textContent === wanted, `${name}.rdb`);
        await untilRead(page);
        await openKey(page, key);
        assert.deepEqual(await violations(page), [], `${name}, ${key}`);
      }
      await page.keyboard.press("Enter");
      await page.waitForSelector("#detail.wide");
      assert.deepEqual(await violations(page), [], "wide");
      await page.click(".filter-menu:has-text('Expiry')");
      assert.deepEqual(await violations(page), [], "menu");
      await page.keyboard.press("Escape");
      await page.keyboard.press("?");
      assert.deepEqual(await violations(page), [], "help");
    }, { colorScheme });
  });
}

test("at 390 px nothing scrolls sideways, rows have two lines, and the value is a page of its own", { skip }, async () => {
  await withDump("valkey-8.1/hashes.rdb", async (page, keys) => {
    const sideways = () => page.evaluate(() => document.getElementById("app").scrollWidth - document.getElementById("app").clientWidth);
    assert.equal(await sideways(), 0);
    assert.equal(await page.evaluate(() => document.getElementById("row-0").offsetHeight), 56);
    // A short file is read before the browser has told how large the rows are.
    assert.equal(await page.evaluate(() => document.querySelector("#keys .rows").offsetHeight), 56 * keys.length);
    assert.deepEqual(await violations(page), []);
    await page.tap("button.more");
    assert.deepEqual(await page.$$eval(".menu-item", (items) => items.map((item) => item.textContent)), ["Open a file", "Open a sample", "Export…", "Theme as the system", "Light theme", "Dark theme", "Keyboard", "Docs"]);
    await page.tap(".menu-item:has-text('Docs')");
    await page.waitForSelector("dialog.docs[open]");
    assert.match(await page.textContent("dialog.docs"), /bad-packed.*A listpack, ziplist, intset or zipmap contradicts itself/s);
    await page.keyboard.press("Escape");
    await page.tap("#row-1");
    await page.waitForSelector("#detail:not([hidden])");
    assert.deepEqual(await violations(page), []);
    await page.goBack();
    await page.waitForSelector("#detail", { state: "hidden" });
    for (const view of ["Summary", "Findings", "Keys"]) {
      await page.tap(`.bottom-tab:has-text('${view}')`);
      await page.waitForSelector(`.bottom-tab[aria-current=page]:has-text('${view}')`);
      assert.equal(await sideways(), 0, view);
      assert.deepEqual(await violations(page), [], view);
    }
  }, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
});
