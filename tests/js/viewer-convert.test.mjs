// The viewer's Convert in headless Chromium: what each server would lose, and the file that is saved, which the command
// writes byte for byte and a real server loads. Needs what viewer.test.mjs needs, and the servers for one of the tests.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { findServer, withServer } from "./support/server.mjs";
import { drop, openPage, untilRead } from "./support/site.mjs";
import { browser, data, dump, root, site, skip } from "./support/viewer.mjs";

const command = process.env.AIKV_BIN ?? join(root, "target/debug/aikv");
const folder = mkdtempSync(join(tmpdir(), "aikv-convert-"));

after(() => rmSync(folder, { recursive: true, force: true }));

const DROPPED_AT = 1_700_000_000_000;

/** A page with a dump on it, in which files are saved as downloads; nothing unwanted may have happened. */
async function withDump(name, use, { bytes = dump(name), as = name.split("/").at(-1), ...options } = {}) {
  const page = await openPage(browser, site.url, { site, acceptDownloads: true, ...options });
  await page.evaluate((time) => {
    delete globalThis.showSaveFilePicker;
    // What is dropped has a time that a test can know.
    globalThis.File = class extends File {
      constructor(parts, fileName) {
        super(parts, fileName, { lastModified: time });
      }
    };
  }, DROPPED_AT);
  try {
    await drop(page, as, bytes);
    await untilRead(page);
    await use(page);
    assert.deepEqual(page.record.problems, [], "errors, warnings and policy reports");
    assert.deepEqual(page.record.requests.filter((url) => !url.startsWith("blob:")), [], "requests after the page was ready");
    assert.deepEqual(site.asked, [], "requests that its server saw");
  } finally {
    await page.context().close();
  }
}

async function openConvert(page) {
  await page.keyboard.press("g");
  await page.keyboard.press("c");
  await page.waitForFunction(() => document.querySelector(".target .outcome")?.textContent);
}

const outcomes = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll(".target")].map((node) => {
  const [range, format] = [...node.querySelectorAll(".num")].map((one) => one.textContent);
  return [`${range} ${format}`, node.querySelector(".outcome").textContent];
})));

async function chooseTarget(page, range) {
  await page.click(`.target:has(> .num:text-is("${range}"))`);
  await page.waitForFunction((wanted) => document.querySelector(".convert-head h2").textContent.endsWith(` ${wanted}`) || document.querySelector(".convert-head h2").textContent === "As JSON Lines", range);
}

/** The bytes of what the button saves, and the name. */
async function saved(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(".save-button")]);
  const path = join(folder, "saved");
  await download.saveAs(path);
  await page.waitForFunction(() => document.querySelector(".convert-note").textContent.startsWith("Saved"));
  return { name: download.suggestedFilename(), bytes: readFileSync(path) };
}

/** What the command line that is shown writes. */
async function byCommand(page, source) {
  const line = await page.textContent(".code-line code");
  const words = [...line.matchAll(/'((?:[^']|'\\'')*)'|(\S+)/g)].map(([, quoted, plain]) => plain ?? quoted.replaceAll("'\\''", "'"));
  assert.deepEqual(words.slice(0, 2), ["aikv", "convert"]);
  writeFileSync(join(folder, words[2]), source);
  rmSync(join(folder, words[3]), { force: true });
  const { status, stderr } = spawnSync(command, words.slice(1), { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return { name: words[3], bytes: readFileSync(join(folder, words[3])) };
}

test("every target tells what it would lose, and the header what loads the file", { skip }, async () => {
  await withDump("redis-8.6/field_expiry.rdb", async (page) => {
    assert.deepEqual(await page.$$eval(".load-chip", (chips) => chips.map((chip) => chip.textContent)), ["Redis 8.6 – 8.10", "Valkey 9: convert"]);
    await page.click('.load-chip:has-text("Valkey")');
    await page.waitForFunction(() => document.querySelector(".target .outcome")?.textContent);
    assert.equal(await page.textContent('.target[aria-checked="true"] .num'), "9.1");
    const found = await outcomes(page);
    assert.equal(found["8.10 RDB 15"], "as it is");
    assert.equal(found["8.6 RDB 13"], "as it is");
    assert.equal(found["8.0 – 8.4 RDB 12"], "nothing lost");
    assert.equal(found["7.2 RDB 11"], "1 loss");
    assert.equal(found["7.2 – 8.1 RDB 11"], "1 loss");
    await chooseTarget(page, "7.2 – 8.1");
    await page.waitForFunction(() => document.querySelector(".convert-panel dd")?.textContent);
    assert.match(await page.textContent(".convert-panel h3"), /^Expiry of single fields: \d+ fields in \d+ keys$/);
    assert.equal(await page.textContent(".convert-panel dd"), "The fields stay, and never expire");
    assert.equal(await page.textContent(".save-button"), "Save, with 1 loss");
    await page.click('.convert-policy [data-value="drop"]');
    await page.waitForFunction(() => document.querySelector(".convert-panel dd").textContent === "The fields are left out");
    assert.match(await page.textContent(".code-line code"), /--to valkey-8\.1 --on-loss drop$/);
    // So are all that lose something: as a filter, which is none that a file could be written by.
    const keys = await page.textContent('.convert-panel .link:has-text("Show the")');
    await page.click('.convert-panel .link:has-text("Show the")');
    await page.waitForFunction(() => /^10 of 12 keys/.test(document.querySelector("#status .strong").textContent));
    assert.equal(keys, "Show the 10 keys");
    assert.equal(await page.textContent(".menu-group.passing:not([hidden]) .active"), "Loses: expiry of single fields");
    await page.keyboard.press("e");
    assert.match(await page.textContent('[role="menu"]'), /cannot be exported alone$/);
    await page.keyboard.press("Escape");
    await page.click('.tab:has-text("Convert")');
    assert.equal(await page.isDisabled(".only-shown input"), true);
    await page.click('.tab:has-text("Keys")');
    await page.click('[aria-label="Clear What is lost"]');
    await page.waitForFunction(() => document.querySelector("#status .strong").textContent === "12 keys");
    await page.click('.tab:has-text("Convert")');
    // They are rows of this file, and of no other.
    await page.click('.convert-panel .link:has-text("Show the")');
    await page.waitForFunction(() => /^10 of 12 keys/.test(document.querySelector("#status .strong").textContent));
    await drop(page, "sets.rdb", dump("redis-8.6/sets.rdb"));
    await page.click("text=Open it");
    await page.waitForFunction(() => document.querySelector(".file-name").textContent === "sets.rdb" && /^\d+ keys$/.test(document.querySelector("#status .strong").textContent));
    await drop(page, "field_expiry.rdb", dump("redis-8.6/field_expiry.rdb"));
    await page.click("text=Open it");
    await page.waitForFunction(() => document.querySelector("#status .strong").textContent === "12 keys");
    await page.click('.tab:has-text("Convert")');
    await page.waitForFunction(() => document.querySelector(".target .outcome")?.textContent);
    await chooseTarget(page, "7.2 – 8.1");
    await page.waitForSelector('.convert-panel .link:has-text("Show the")');
    // The key that loses most is one click away.
    const key = await page.textContent(".convert-panel .link");
    await page.click(".convert-panel .link");
    await page.waitForFunction((wanted) => document.querySelector(".detail-key")?.textContent === wanted, key);
  });
});

test("what is saved is what the command line beside it writes", { skip }, async () => {
  for (const [name, range, container, policy] of [
    ["redis-8.6/field_expiry.rdb", "7.2 – 8.1", "rdb", "drop"], ["redis-8.6/streams.rdb", "5.0 – 6.2", "rdb", "degrade"],
    ["redis-8.6/functions.rdb", "4.0", "aof", "degrade"], ["redis-7.0/hashes.rdb", "9.1", "rdb", null], ["redis-7.0/plain.aof", "7.0", "rdb", null],
    ["valkey-9.1/field_expiry.rdb", "7.2", "jsonl", null],
  ]) {
    await withDump(name, async (page) => {
      await openConvert(page);
      await chooseTarget(page, range);
      await page.click(`.containers [data-value="${container}"]`);
      await page.waitForFunction(() => !document.querySelector(".save-button").disabled);
      if (policy) await page.click(`.convert-policy [data-value="${policy}"]`);
      await page.waitForFunction((wanted) => wanted === null || document.querySelector(".code-line code").textContent.endsWith(wanted), policy);
      const [file, expected] = [await saved(page), await byCommand(page, dump(name))];
      assert.equal(file.name, expected.name);
      // Replaying takes the time: consumers were seen at it, which is no difference to the command.
      if (name.endsWith(".aof")) assert.equal(spawnSync(command, ["diff", join(folder, "saved"), join(folder, expected.name)]).status, 0, `${name} to ${range}`);
      else assert.ok(file.bytes.equals(expected.bytes), `${name} to ${range}`);
    });
  }
});

test("where the browser can, a chosen file is written, and never the one that is open", { skip }, async () => {
  const name = "redis-8.6/streams.rdb";
  await withDump(name, async (page) => {
    // Files of the origin's own stand in for those that a dialog would give.
    await page.evaluate(() => {
      globalThis.showSaveFilePicker = async ({ suggestedName }) => (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
    });
    await openConvert(page);
    await chooseTarget(page, "5.0 – 6.2");
    await page.waitForFunction(() => !document.querySelector(".save-button").disabled);
    await page.click(".save-button");
    await page.waitForFunction(() => document.querySelector(".convert-note").textContent.startsWith("Saved"));
    const expected = await byCommand(page, dump(name));
    const written = await page.evaluate(async (file) => {
      const handle = await (await navigator.storage.getDirectory()).getFileHandle(file);
      return [...new Uint8Array(await (await handle.getFile()).arrayBuffer())];
    }, expected.name);
    assert.ok(expected.bytes.equals(Buffer.from(written)));
    // A file of the same name, size and time is the one that is open.
    await page.evaluate(([size, lastModified]) => {
      const open = { name: "streams.rdb", size, lastModified };
      globalThis.showSaveFilePicker = async () => ({ name: "streams.rdb", getFile: async () => open });
    }, [dump(name).length, DROPPED_AT]);
    await page.click(".save-button");
    await page.waitForFunction(() => document.querySelector(".convert-note").textContent.startsWith("This is the file that is open."));
  });
});

test("only the keys shown are written where that is asked for", { skip }, async () => {
  await withDump("redis-7.0/nocompress.rdb", async (page) => {
    await page.fill("#search", "LIST");
    await page.waitForFunction(() => / of /.test(document.querySelector("#status .strong").textContent));
    await page.click('.tab:has-text("Convert")');
    await page.waitForFunction(() => document.querySelector(".target .outcome")?.textContent);
    await chooseTarget(page, "5.0 – 6.2");
    await page.check(".only-shown input");
    const [file, expected] = [await saved(page), await byCommand(page, dump("redis-7.0/nocompress.rdb"))];
    assert.ok(file.bytes.equals(expected.bytes));
    assert.ok(file.bytes.length < dump("redis-7.0/nocompress.rdb").length / 2);
  });
});

test("what of a log is not in its data is named before it is saved", { skip }, async () => {
  const log = Buffer.from("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*3\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n0\r\n");
  await withDump("log.aof", async (page) => {
    await openConvert(page);
    assert.deepEqual(await page.$$eval(".load-chip", (chips) => chips.length), 0);
    await page.waitForSelector(".convert-panel li");
    assert.deepEqual(await page.$$eval(".convert-panel h3", (titles) => titles.map((title) => title.textContent)), ["What commands that are not carried out may have changed: 1 command", "Everything else"]);
    assert.match(await page.textContent(".convert-panel li"), /The first is EVAL\./);
    assert.deepEqual([...new Set(Object.values(await outcomes(page)))], ["1 loss"], "whoever it is for, and no server loads a log as a snapshot");
    assert.equal(await page.textContent(".save-button"), "Save, with 1 loss");
    assert.match(await page.textContent(".code-line code"), / --on-loss degrade( |$)/, "the command refuses it otherwise");
  }, { bytes: log });
});

test("a damaged file is loaded by no server, and is not converted in silence", { skip }, async () => {
  const bytes = dump("redis-7.0/hashes.rdb");
  await withDump("redis-7.0/hashes.rdb", async (page) => {
    assert.deepEqual(await page.$$eval(".load-chip", (chips) => chips.map((chip) => chip.textContent)), ["no server as it is"]);
    await page.click(".load-chip");
    await page.waitForFunction(() => document.body.dataset.screen === "findings");
    await page.click('.tab:has-text("Convert")');
    await page.waitForFunction(() => document.querySelector("#convert .nothing:not([hidden])")?.textContent.startsWith("This file cannot be converted as it is."));
  }, { bytes: bytes.subarray(0, bytes.length - 60), as: "cut.rdb" });
});

test("by keyboard alone: open, filter, detail, copy, convert, save, and a server loads what was saved", { skip }, async (t) => {
  const program = findServer("redis-7.0");
  if (!program) {
    t.skip("there is no redis-7.0; tests/data/servers.sh obtains it");
    return;
  }
  const page = await openPage(browser, site.url, { site, acceptDownloads: true, permissions: ["clipboard-read", "clipboard-write"] });
  await page.evaluate(() => { delete globalThis.showSaveFilePicker; });
  try {
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("o")]);
    await chooser.setFiles(join(data, "redis-8.6/hashes.rdb"));
    await untilRead(page);
    await page.keyboard.press("/");
    await page.keyboard.type("a");
    await page.waitForFunction(() => / of /.test(document.querySelector("#status .strong").textContent));
    await page.waitForFunction(() => document.getElementById("grid").getAttribute("aria-busy") !== "true" && document.querySelector("#row-0 .key")?.textContent);
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement?.id === "grid" && document.activeElement.getAttribute("aria-activedescendant"));
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".detail-key")?.textContent);
    const key = await page.textContent(".detail-key");
    await page.keyboard.press("c");
    await page.waitForFunction(async (wanted) => (await navigator.clipboard.readText()) === wanted, key);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await openConvert(page);
    const onFocus = (selector) => page.waitForFunction((wanted) => document.activeElement?.matches(wanted), selector);
    const tabTo = async (selector) => {
      for (let at = 0; at < 60; at += 1) {
        if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
        await page.keyboard.press("Tab");
      }
      assert.fail(`no way to ${selector}`);
    };
    await tabTo(".target");
    const chosen = () => page.textContent('.target[aria-checked="true"] .num');
    for (let now = await chosen(); now !== "7.0"; now = await chosen()) {
      await page.keyboard.press("ArrowDown");
      await page.waitForFunction((before) => document.querySelector('.target[aria-checked="true"] .num').textContent !== before, now);
    }
    await onFocus('.target[aria-checked="true"]');
    await tabTo(".save-button");
    const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
    const path = join(folder, "by-keyboard.rdb");
    await download.saveAs(path);
    assert.equal(download.suggestedFilename(), "hashes.redis-7.0.rdb");
    const keys = JSON.parse(readFileSync(join(data, "redis-8.6/hashes.json"), "utf8")).keys;
    await withServer(program, async (ask) => {
      const inFirst = keys.filter((one) => one.db === 0).length;
      assert.equal(await ask("DBSIZE"), inFirst);
    }, { "dump.rdb": readFileSync(path) });
    assert.deepEqual(page.record.problems, []);
  } finally {
    await page.context().close();
  }
});
