// What the viewer exports, in headless Chromium: byte for byte what the command line writes of the same file with the same
// filter. `AIKV_BIN` names the command; with `AIKV_SERVERS`, real servers load the snapshots. The rest of the environment is
// that of viewer.test.mjs.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { drop, untilRead, violations } from "./support/site.mjs";
import { data, dump, root, skip as noBrowser, withPage as withAnyPage } from "./support/viewer.mjs";

const command = process.env.AIKV_BIN && resolve(root, process.env.AIKV_BIN);
const skip = noBrowser || (command ? false : "AIKV_BIN names no aikv command");
if (skip && process.env.CI === "true") throw new Error(skip);

const folder = mkdtempSync(join(tmpdir(), "aikv-viewer-export-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const aikv = (...args) => execFileSync(command, args, { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] });

let serial = 0;
/** What `aikv` writes into a file; `args` has OUT where its name stands. */
function written(ending, ...args) {
  serial += 1;
  const out = join(folder, `native-${serial}${ending}`);
  aikv(...args.map((arg) => (arg === "OUT" ? out : arg)));
  return readFileSync(out);
}

const withPage = (use, options) => withAnyPage(async (page) => {
  // Downloads, unless a test says otherwise: no dialog can be answered here.
  await page.evaluate(() => (globalThis.showSaveFilePicker = undefined));
  await use(page);
}, options);

async function withFile(name, use, options) {
  await withPage(async (page) => {
    await drop(page, name.split("/").at(-1), dump(name));
    await untilRead(page);
    await use(page, join(data, name));
  }, options);
}

/** Chooses from the menu of exports by the keyboard; `title` is of the group, `label` of the format. */
async function choose(page, title, label) {
  await page.keyboard.press("e");
  await page.waitForSelector(".menu");
  const at = await page.evaluate(([wantedTitle, wantedLabel]) => {
    const nodes = [...document.querySelector(".menu").children];
    const group = nodes.findIndex((node) => node.className === "menu-title" && node.textContent.includes(wantedTitle));
    const found = nodes.findIndex((node, nth) => nth > group && node.firstElementChild?.textContent === wantedLabel);
    return group < 0 ? -1 : nodes.slice(0, found).filter((node) => node.tagName === "BUTTON").length;
  }, [title, label]);
  assert.ok(at >= 0, `${title} is in the menu`);
  for (let step = 0; step < at; step += 1) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
}

/** What is downloaded when this is chosen. */
async function exported(page, title, label) {
  const download = page.waitForEvent("download");
  await choose(page, title, label);
  const file = await download;
  await page.waitForFunction(() => document.querySelector(".news .text")?.textContent.startsWith("Saved "));
  const bytes = readFileSync(await file.path());
  await page.click(".news button:has-text('Close')");
  return { name: file.suggestedFilename(), bytes, text: bytes.toString("latin1") };
}

async function filtered(page) {
  await page.waitForFunction(() => / of /.test(document.querySelector("#status .strong").textContent) && document.getElementById("grid").getAttribute("aria-busy") !== "true");
}

const same = (found, wanted, what) => assert.ok(found.equals(wanted), `${what}: ${found.length} bytes, the command has ${wanted.length}`);

for (const name of ["valkey-9.1/hashes", "redis-8.0/streams", "redis-6.2/databases", "redis-8.6/modules"].filter((one) => existsSync(join(data, `${one}.rdb`)))) {
  test(`all keys of ${name} are exported as the command exports them`, { skip }, async () => {
    await withFile(`${name}.rdb`, async (page, file) => {
      same((await exported(page, "Export all", "JSON Lines")).bytes, aikv("export", file), "JSON Lines");
      same((await exported(page, "Export all", "CSV")).bytes, aikv("export", file, "--format", "csv"), "CSV");
      same((await exported(page, "Export all", "Commands")).bytes, aikv("export", file, "--format", "resp"), "commands");
      same((await exported(page, "Export all", "New snapshot")).bytes, written(".rdb", "filter", file, "OUT"), "snapshot");
    });
  });
}

test("a filter holds for what is exported: text, types, databases, expiry and size", { skip }, async () => {
  await withFile("redis-8.0/databases.rdb", async (page, file) => {
    const all = async (...filter) => {
      await filtered(page);
      same((await exported(page, "shown", "JSON Lines")).bytes, aikv("export", file, ...filter), `JSON Lines ${filter}`);
      same((await exported(page, "shown", "CSV")).bytes, aikv("export", file, "--format", "csv", ...filter), `CSV ${filter}`);
      same((await exported(page, "shown", "Commands")).bytes, aikv("export", file, "--format", "resp", ...filter), `commands ${filter}`);
      const { name, bytes } = await exported(page, "shown", "New snapshot");
      same(bytes, written(".rdb", "filter", file, "OUT", ...filter), `snapshot ${filter}`);
      assert.equal(name, "databases-shown.rdb");
    };
    await page.click(".filter-menu:has-text('db')");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    await filtered(page);
    const [, db] = /db: (\d+)/.exec(await page.textContent("#filter .filter-menus"));
    await all("-d", db);
  });
  await withFile("redis-8.0/expiry.rdb", async (page, file) => {
    const keys = JSON.parse(readFileSync(file.replace(".rdb", ".json"), "utf8")).keys;
    await page.click(".filter-menu:has-text('Expiry')");
    await page.keyboard.press("Enter");
    await filtered(page);
    const { text } = await exported(page, "shown", "JSON Lines");
    assert.equal(text.split("\n").filter((line) => line.startsWith('{"db"')).length, keys.filter((key) => key.expires_at_ms !== undefined).length);
    same(Buffer.from(text, "latin1"), aikv("export", file, "--expiry", "any"), "expiry");
  });
  await withFile("redis-8.0/hashes.rdb", async (page, file) => {
    await page.keyboard.press("/");
    await page.keyboard.press("Control+.");
    await page.keyboard.type("*-fields");
    await filtered(page);
    await page.keyboard.press("ArrowDown");
    same((await exported(page, "shown", "CSV")).bytes, aikv("export", file, "--format", "csv", "--glob", "*-fields"), "glob");
    await page.keyboard.press("/");
    await page.keyboard.press("Control+.");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("^[0-9]+-");
    await filtered(page);
    await page.keyboard.press("ArrowDown");
    same((await exported(page, "shown", "Commands")).bytes, aikv("export", file, "--format", "resp", "--key", "^[0-9]+-"), "regex");
    await page.click(".filter-menu:has-text('Size')");
    await page.keyboard.type("1");
    await page.keyboard.press("Enter");
    await filtered(page);
    const found = await exported(page, "shown", "New snapshot");
    same(found.bytes, written(".rdb", "filter", file, "OUT", "--key", "^[0-9]+-", "--bytes", "1KiB~"), "size");
  });
});

test("one key is exported, whatever its name is made of", { skip }, async () => {
  await withFile("redis-8.0/names.rdb", async (page, file) => {
    const keys = JSON.parse(readFileSync(file.replace(".rdb", ".json"), "utf8")).keys;
    await page.focus("#grid");
    await page.keyboard.press("Home");
    for (let at = 0; at < Math.min(keys.length, 6); at += 1) {
      await page.waitForFunction((wanted) => document.getElementById("grid").getAttribute("aria-activedescendant") === wanted, `row-${at}`);
      await page.keyboard.press("Enter");
      await page.waitForSelector(`#row-${at}[aria-selected=true]`);
      const { text } = await exported(page, "selected key", "JSON Lines");
      const lines = text.split("\n").filter((line) => line.startsWith('{"db"'));
      assert.equal(lines.length, 1, "keys");
      const all = aikv("export", file).toString("latin1").split("\n").filter((line) => line.startsWith('{"db"'));
      assert.equal(lines[0], all[at]);
      await page.focus("#grid");
      await page.keyboard.press("ArrowDown");
    }
  });
});

test("the keys of a log are exported as the command exports them, its commands too", { skip }, async () => {
  const name = "redis-6.2/preamble.aof";
  await withFile(name, async (page, file) => {
    // Times of consumers are those of the replay, so streams are left out.
    await page.click(".chip:has-text('hash')");
    await page.click(".chip:has-text('zset')");
    await filtered(page);
    const filter = ["-t", "hash", "-t", "zset"];
    same((await exported(page, "shown", "JSON Lines")).bytes, written(".jsonl", "convert", file, "OUT", ...filter), "JSON Lines");
    same((await exported(page, "shown", "CSV")).bytes, aikv("export", file, "--format", "csv", ...filter), "CSV");
    same((await exported(page, "shown", "Commands")).bytes, aikv("export", file, "--format", "resp", ...filter), "commands");
    same((await exported(page, "shown", "New snapshot")).bytes, written(".rdb", "convert", file, "OUT", "--to", "redis-6.2", ...filter), "snapshot");
    await page.keyboard.press("g");
    await page.keyboard.press("l");
    await page.waitForSelector("#commands:not([hidden]) .row:not(.pending)");
    const all = aikv("export", file);
    same((await exported(page, "Export all", "JSON Lines")).bytes, all, "the log");
    await page.fill("#command-search", "hset");
    await page.waitForFunction(() => / of /.test(document.querySelector("#status .strong").textContent));
    await page.press("#command-search", "Enter");
    const { text } = await exported(page, "shown", "JSON Lines");
    const wanted = all.toString("latin1").split("\n").filter((line) => line.startsWith('{"command"') && /hset/i.test(line));
    assert.equal(text, wanted.map((line) => `${line}\n`).join(""));
  });
});

test("the commands of a log of several files name their files, as the command does", { skip }, async () => {
  await withPage(async (page) => {
    const log = join(data, "redis-8.0/appendonlydir");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("button:has-text('whole appendonlydir folder')")]);
    await chooser.setFiles(log);
    await untilRead(page);
    await page.keyboard.press("g");
    await page.keyboard.press("l");
    await page.waitForSelector("#commands:not([hidden]) .row:not(.pending)");
    same((await exported(page, "Export all", "JSON Lines")).bytes, aikv("export", log), "the log");
  });
});

/** As the dialog would: a real file of the browser's own disk. `how` may make it fail. */
async function answerDialog(page, name) {
  await page.evaluate((wanted) => {
    globalThis.showSaveFilePicker = async () => (await navigator.storage.getDirectory()).getFileHandle(wanted, { create: true });
  }, name);
}

const stored = (page, name) => page.evaluate(async (wanted) => {
  const file = await (await (await navigator.storage.getDirectory()).getFileHandle(wanted)).getFile();
  return [...new Uint8Array(await file.arrayBuffer())];
}, name).then((bytes) => Buffer.from(bytes));

test("where the browser lets a page write, the export goes into the file that was named", { skip }, async () => {
  await withFile("redis-8.0/zsets.rdb", async (page, file) => {
    await answerDialog(page, "named.jsonl");
    await choose(page, "Export all", "JSON Lines");
    await page.waitForFunction(() => document.querySelector(".news .text")?.textContent.startsWith("Saved "));
    same(await stored(page, "named.jsonl"), aikv("export", file), "the file");
    assert.deepEqual(await violations(page), []);
  });
});

test("a dialog that is closed saves nothing and says nothing", { skip }, async () => {
  await withFile("redis-8.0/zsets.rdb", async (page) => {
    await page.evaluate(() => {
      globalThis.showSaveFilePicker = async () => { throw new DOMException("closed", "AbortError"); };
    });
    await choose(page, "Export all", "CSV");
    await page.waitForTimeout(300);
    assert.equal(await page.isHidden(".news"), true);
  });
});

test("an export can be stopped, and leaves the file as it was", { skip }, async () => {
  await withPage(async (page) => {
    // Large enough to be stopped: the same command many times over, put together in the page.
    await page.evaluate(([base64, times]) => {
      const part = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File(Array.from({ length: times }, () => part), "long.aof"));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }, [Buffer.from(`*2\r\n$3\r\nDEL\r\n$1000\r\n${"k".repeat(1000)}\r\n`).toString("base64"), 100_000]);
    await untilRead(page);
    await page.keyboard.press("g");
    await page.keyboard.press("l");
    await page.waitForSelector("#commands:not([hidden]) .row:not(.pending)");
    await page.evaluate(async () => {
      const handle = await (await navigator.storage.getDirectory()).getFileHandle("stopped.jsonl", { create: true });
      const writable = await handle.createWritable();
      await writable.write("before");
      await writable.close();
      globalThis.showSaveFilePicker = async () => handle;
    });
    await choose(page, "Export all", "JSON Lines");
    await page.click(".news button:has-text('Stop')");
    await page.waitForFunction(() => /Nothing was saved/.test(document.querySelector(".news .text").textContent));
    assert.equal((await stored(page, "stopped.jsonl")).toString(), "before");
    assert.deepEqual(await violations(page), []);
  });
});

test("the file that is open is never written over", { skip }, async () => {
  await withFile("redis-8.0/zsets.rdb", async (page) => {
    const content = dump("redis-8.0/zsets.rdb").toString("base64");
    // The same file again, now as the browser's own disk has it.
    await page.evaluate(async (base64) => {
      const handle = await (await navigator.storage.getDirectory()).getFileHandle("opened.rdb", { create: true });
      const writable = await handle.createWritable();
      await writable.write(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
      await writable.close();
      const transfer = new DataTransfer();
      transfer.items.add(await handle.getFile());
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
      globalThis.showSaveFilePicker = async () => handle;
    }, content);
    await page.click("button:has-text('Open it')");
    await page.waitForFunction(() => document.querySelector(".file-name").textContent === "opened.rdb" && /Read in/.test(document.getElementById("status").textContent));
    await choose(page, "Export all", "New snapshot");
    await page.waitForFunction(() => /is the file that is open/.test(document.querySelector(".news .text")?.textContent ?? ""));
    same(await stored(page, "opened.rdb"), dump("redis-8.0/zsets.rdb"), "the file");
  });
});

test("a real server starts on a snapshot of the keys shown, and on the keys of a log", { skip: skip || (process.env.AIKV_SERVERS ? false : "AIKV_SERVERS names no folder of servers") }, async () => {
  await withFile("valkey-9.1/hashes.rdb", async (page) => {
    await page.fill("#search", "fields");
    await filtered(page);
    await page.focus("#grid");
    const { bytes } = await exported(page, "shown", "New snapshot");
    assert.equal(await keysOn("valkey-9.1", bytes), (await page.textContent("#status .strong")).split(" ")[0]);
  });
  await withFile("redis-6.2/preamble.aof", async (page) => {
    const { bytes } = await exported(page, "Export all", "New snapshot");
    assert.equal(await keysOn("redis-6.2", bytes), (await page.textContent("#status .strong")).split(" ")[0]);
  });
});

/** How many keys a server has that starts on a snapshot. */
async function keysOn(name, snapshot) {
  const home = mkdtempSync(join(tmpdir(), "aikv-s-"));
  writeFileSync(join(home, "dump.rdb"), snapshot);
  const server = spawn(join(process.env.AIKV_SERVERS, name, "server"), ["--port", "0", "--unixsocket", "s", "--save", "", "--dbfilename", "dump.rdb", "--dir", ".", "--databases", "64"], { cwd: home, stdio: "ignore" });
  try {
    const info = await ask(join(home, "s"), "INFO keyspace\r\n");
    return String([...info.matchAll(/keys=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0));
  } finally {
    server.kill();
    await new Promise((done) => (server.exitCode === null ? server.once("exit", done) : done()));
    rmSync(home, { recursive: true, force: true });
  }
}

async function ask(socket, request) {
  for (let tries = 0; tries < 500; tries += 1) {
    const answer = await new Promise((done) => {
      const connection = createConnection(socket);
      connection.once("connect", () => connection.write(request));
      connection.once("data", (bytes) => {
        connection.destroy();
        done(bytes.toString());
      });
      connection.once("error", () => done(null));
    });
    if (answer && !answer.startsWith("-LOADING")) return answer;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error("the server does not start");
}
