// Every state of the viewer that its design names, each reached as a reader would reach it. A scene opens one page and goes
// from state to state; `look(name)` is called in each. `states.mjs` photographs them, `viewer-scenes.test.mjs` has them judged.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { data, dump, root, siteFolder, snapshot, strings } from "./content.mjs";
import { drop, limited, settled, untilRead } from "./site.mjs";

const SAMPLE = readFileSync(join(root, "www/sample.rdb"));

/** What is in sight; a view that is hidden has such a node too. */
const visible = (query) => `${query}:visible`;
const news = (page, words) => page.waitForFunction((wanted) => new RegExp(wanted).test(document.querySelector(".news:not([hidden])")?.textContent ?? ""), words);
const button = (page, words) => page.click(visible(`button:has-text("${words}")`));

/** A view by its tab, or by the bar at the bottom of a phone. */
async function view(page, name) {
  await page.click([".tab", ".bottom-tab"].map((tab) => visible(`${tab}:has-text("${name}")`)).join(", "));
}

async function choose(page, path) {
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("o")]);
  await chooser.setFiles(path);
}

async function open(page, name, bytes) {
  await drop(page, name, bytes);
  await untilRead(page);
  await drawn(page);
}

/** Everything in sight stands. */
async function drawn(page) {
  await page.waitForSelector(".turning, .detail-body[aria-busy=true]", { state: "detached" });
  // A table that came into sight asks for its rows a frame later.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.waitForFunction(() => [...document.querySelectorAll(".grid")].every((grid) => grid.offsetParent === null || (grid.getAttribute("aria-busy") !== "true" && !grid.querySelector(".row.pending:not([hidden])"))));
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** Finds a key and opens its value. */
async function openKey(page, key) {
  await page.fill("#search", key);
  await settled(page);
  const row = await page.waitForFunction((wanted) => [...document.querySelectorAll("#keys .row:not([hidden]):not(.pending)")].find((one) => one.querySelector(".key").textContent === wanted)?.id, key);
  await page.click(`#${await row.jsonValue()}`);
  await page.waitForFunction((wanted) => document.querySelector(".detail-key").textContent === wanted && document.querySelector(".detail-body").getAttribute("aria-busy") === "false", key);
  await drawn(page);
}

async function closeKey(page, phone) {
  if (phone) await page.goBack();
  else await page.click("#detail [aria-label=Close]");
  await page.fill("#search", "");
  await settled(page);
}

/** A menu or form that opens beside a button, looked at and closed. */
async function menu(page, query, look, name) {
  await page.click(visible(query));
  await page.waitForSelector(".menu");
  await look(name);
  await page.keyboard.press("Escape");
}

const manyKeys = (count) => strings(Array.from({ length: count }, (_, n) => [`key:${n}`, "x"]));

/** The sample with the ends of two packed hashes zeroed: what stands around them can be read. */
function damaged() {
  const bytes = Buffer.from(SAMPLE);
  for (const key of ["user:1003", "user:1030"]) bytes.fill(0, bytes.indexOf(`\x10\x09${key}`) + 60, bytes.indexOf(`\x10\x09${key}`) + 90);
  return bytes;
}

/** `asks`: what the page may ask its server for, where that is not nothing. */
export const SCENES = [
  {
    name: "start",
    async run(page, look) {
      await look("start");
      await button(page, "Docs");
      await look("docs");
      await page.keyboard.press("Escape");
      const drag = (type) => page.evaluate((name) => {
        const held = new DataTransfer();
        held.items.add(new File(["x"], "x.rdb"));
        document.body.dispatchEvent(new DragEvent(name, { dataTransfer: held, bubbles: true, cancelable: true }));
      }, type);
      await drag("dragenter");
      await look("drag-over");
      await drag("dragleave");
      for (const [name, file, bytes] of [
        ["not-a-dump", "backup.rdb", Buffer.from("504b0304140000000800010203040506", "hex")],
        ["json", "keys.json", Buffer.from('{"a": [1, 2, 3]}')],
        ["unknown-version", "later.rdb", snapshot("REDIS0099", "\x00\x01k\x01v")],
      ]) {
        await drop(page, file, bytes);
        await page.waitForFunction((wanted) => document.querySelector(".refusal:not([hidden])")?.textContent.includes(wanted), file);
        await look(name);
      }
      await button(page, "Try to read it anyway");
      await untilRead(page);
      await drawn(page);
      await look("unknown-version-read");
    },
  },
  {
    name: "reading",
    address: "?file=warehouse.rdb",
    // A new worker is made of the page's own scripts, since those that stood by have ended too.
    asks: /^\/opened-file$|\.js$/,
    prepare(site) {
      const bytes = manyKeys(150_000);
      site.opened = { name: "warehouse.rdb", bytes, stallAfter: bytes.length >> 1 };
    },
    async run(page, look, { site }) {
      await news(page, "^Reading (49|50) %");
      await page.waitForFunction(() => Number(document.getElementById("grid").getAttribute("aria-rowcount")) > 1000);
      await drawn(page);
      await look("reading");
      await button(page, "Stop");
      await news(page, "^Stopped at");
      await look("stopped");
      await button(page, "Read on");
      await news(page, "^Reading");
      for (const worker of page.workers()) await worker.evaluate(() => self.close()).catch(() => {});
      await news(page, "^The reader stopped at");
      await look("crashed");
      site.resume();
    },
  },
  {
    name: "read",
    async run(page, look, { phone }) {
      await open(page, "shop.rdb", SAMPLE);
      await look("read");
      if (phone) {
        await menu(page, "button.more", look, "menu");
        await menu(page, "#filter .filter-menu.only-narrow", look, "sort-menu");
        await view(page, "Prefixes");
        await page.waitForSelector("#prefixes [role=treeitem]");
        await look("prefixes");
        await view(page, "Summary");
        await look("summary");
        await view(page, "Keys");
      } else {
        await page.click("#head-size button");
        await drawn(page);
        await page.waitForSelector("#prefixes [role=treeitem]");
        await page.click("#prefixes [role=treeitem] >> nth=0");
        await drawn(page);
        await look("prefix-chosen");
        await page.focus("#grid");
        await page.keyboard.press("m");
        await drawn(page);
        await look("treemap-large");
        await page.keyboard.press("m");
        await page.focus("#search");
        await page.keyboard.press("Escape");
        await page.keyboard.press("Escape");
        await settled(page);
        await menu(page, "#filter .filter-menu:has-text('Expiry')", look, "expiry-menu");
        await menu(page, "#filter .filter-menu:has-text('Size')", look, "size-form");
        await menu(page, ".columns-button", look, "columns-menu");
        await menu(page, ".tools button:has-text('Export')", look, "export-menu");
        await menu(page, ".tools [aria-label=Theme]", look, "theme-menu");
        await page.click(".tools [aria-label='Keyboard and help']");
        await look("keyboard");
        await page.keyboard.press("Escape");
      }
      await menu(page, "#filter .mode", look, "mode-menu");
      await page.fill("#search", "no such key");
      await page.waitForSelector("#keys .table-note:not([hidden])");
      await look("nothing-matches");
      await page.focus("#search");
      await page.keyboard.press("Control+.");
      await page.keyboard.press("Control+.");
      await page.fill("#search", "user:[0-9");
      await page.waitForSelector(".search-error:not([hidden])");
      await look("bad-pattern");
      await page.keyboard.press("Control+.");
      await page.fill("#search", "");
      await settled(page);
      await drop(page, "dump.rdb", dump("valkey-8.1/sets.rdb"));
      await news(page, "^Open dump");
      await look("offered");
    },
  },
  {
    name: "detail",
    async run(page, look, { phone }) {
      await open(page, "shop.rdb", SAMPLE);
      for (const [name, key] of [["string", "order:480007"], ["hash", "cart:1003"], ["zset", "leaderboard:all-time"], ["list", "queue:imports"], ["set", "stock:empty"], ["stream", "events:orders"], ["hyperloglog", "visitors:2026"], ["long", "cache:reviews:all"]]) {
        await openKey(page, key);
        if (name === "hash") await page.click("#detail .el-body > .el-row >> nth=1");
        await look(`detail-${name}`);
        if (!phone && ["string", "hash", "stream"].includes(name)) {
          await page.click("#detail [aria-label=Wider]");
          await drawn(page);
          await look(`detail-${name}-wide`);
          await page.click("#detail [aria-label=Narrower]");
        }
        if (name === "string") await menu(page, ".detail-tools button:has-text('Copy')", look, "copy-menu");
        if (name === "stream") {
          await page.click("#detail [role=radio]:visible:has-text('Pending')");
          await drawn(page);
          await look("detail-stream-pending");
        }
        await closeKey(page, phone);
      }
    },
  },
  {
    name: "odd values",
    async run(page, look, { phone }) {
      await open(page, "modules.rdb", dump("modules/modules.rdb"));
      await page.click("#row-0");
      await drawn(page);
      await look("detail-module");
      await drop(page, "expiring.rdb", dump("redis-8.0/field_expiry.rdb"));
      if (phone) await page.goBack();
      await button(page, "Open it");
      await untilRead(page);
      await page.waitForFunction(() => document.querySelector(".file-name").textContent === "expiring.rdb");
      await drawn(page);
      await page.click("#row-0");
      await drawn(page);
      await look("detail-field-expiry");
    },
  },
  {
    name: "no keys",
    async run(page, look) {
      await open(page, "empty.rdb", snapshot("REDIS0011", "\xfa\x09redis-ver\x057.2.5\xfa\x05ctime\x03abc\xf5\x21#!lua name=stock\nredis.register()"));
      await page.waitForSelector("#keys .table-note:not([hidden])");
      await look("no-keys");
    },
  },
  {
    name: "damaged",
    async run(page, look, { phone }) {
      await open(page, "shop.rdb", damaged());
      await look("damaged-keys");
      await view(page, "Findings");
      await page.waitForSelector(".hexdump .fault");
      await page.waitForSelector(".repaired [role=radiogroup]");
      await look("findings");
      await button(page, "Keep its");
      await page.waitForSelector(".choice:nth-child(2)[aria-checked=true]");
      await look("findings-kept");
      await button(page, "Save a repaired copy");
      await page.waitForFunction(() => /dropped|left out|kept/.test(document.querySelector(".repair, .repair-panel, .menu, dialog[open]")?.textContent ?? ""));
      await look("repair");
      void phone;
    },
  },
  {
    name: "cut",
    async run(page, look) {
      await open(page, "cut.rdb", SAMPLE.subarray(0, 60_000));
      await page.waitForSelector(".finding-title");
      await look("truncated");
      await view(page, "Keys");
      await drawn(page);
      await look("truncated-keys");
    },
  },
  {
    name: "unreadable",
    async run(page, look) {
      // A type that is none stands where the next key would.
      await open(page, "unreadable.rdb", Buffer.concat([SAMPLE.subarray(0, SAMPLE.indexOf("\x10\x09user:1003")), Buffer.alloc(60_000, 99)]));
      await page.waitForSelector(".finding-title");
      await look("unreadable");
    },
  },
  {
    name: "lost bytes",
    async run(page, look) {
      const from = SAMPLE.indexOf("\x10\x09user:1003");
      await open(page, "hole.rdb", Buffer.concat([SAMPLE.subarray(0, from), Buffer.alloc(4096), SAMPLE.subarray(from + 4096)]));
      await view(page, "Findings");
      await page.waitForSelector(".hexdump .fault");
      await look("lost-bytes");
    },
  },
  {
    name: "several files",
    async run(page, look) {
      await page.evaluate((files) => {
        const held = new DataTransfer();
        for (const [name, base64] of files) held.items.add(new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], name));
        for (const type of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(type, { dataTransfer: held, bubbles: true, cancelable: true }));
      }, ["hashes", "sets"].map((name) => [`${name}.rdb`, dump(`valkey-8.1/${name}.rdb`).toString("base64")]));
      await untilRead(page);
      await drawn(page);
      await look("several-files");
    },
  },
  {
    name: "convert",
    async run(page, look) {
      await open(page, "fields.rdb", dump("redis-8.0/field_expiry.rdb"));
      await view(page, "Findings");
      await look("no-findings");
      await view(page, "Convert");
      await page.waitForFunction(() => document.querySelector(".target .outcome")?.textContent);
      await look("convert");
      await page.click('.target:has(> .num:text-is("7.2 – 8.1"))');
      await page.waitForFunction(() => document.querySelector(".convert-head h2").textContent.includes("Valkey 7.2"));
      await look("convert-losses");
      await page.evaluate(() => (globalThis.showSaveFilePicker = undefined));
      await page.click(".save-button");
      await page.waitForFunction(() => document.querySelector(".convert-note").textContent.startsWith("Saved "));
      await look("converted");
    },
  },
  {
    name: "export",
    async run(page, look) {
      await open(page, "shop.rdb", SAMPLE);
      await page.evaluate(() => (globalThis.showSaveFilePicker = undefined));
      await page.keyboard.press("e");
      await page.click(".menu-item >> nth=0");
      await news(page, "^Saved");
      await look("exported");
    },
  },
  {
    name: "log",
    async run(page, look, { phone }) {
      await choose(page, join(data, "redis-8.0/plain.aof"));
      await untilRead(page);
      await drawn(page);
      await look("log-keys");
      await view(page, "Commands");
      await page.waitForSelector("#commands .row:not([hidden]):not(.pending)");
      await drawn(page);
      await look("commands");
      await page.click("#command-2");
      await page.waitForSelector("#command .detail-head, #command h2");
      await look("command");
      if (phone) await page.goBack();
      await page.fill("#command-search", "no such command");
      await page.waitForSelector("#commands .table-note:not([hidden])");
      await look("no-command-matches");
    },
  },
  {
    name: "torn log",
    async run(page, look) {
      const log = dump("redis-8.0/plain.aof");
      await open(page, "torn.aof", log.subarray(0, log.length - 3));
      await view(page, "Findings");
      await page.waitForSelector(".finding-title");
      await look("torn-log");
    },
  },
  {
    name: "memory",
    prepare(site) {
      site.replaced.set(MODULE, limited(readFileSync(join(siteFolder, MODULE)), 640));
    },
    async run(page, look) {
      await fromDisk(async (path) => {
        writeFileSync(path("warehouse.rdb"), manyKeys(1_000_000));
        await choose(page, path("warehouse.rdb"));
        await news(page, "^This tab has no memory for more keys");
        await drawn(page);
        await look("memory");
      });
    },
  },
  {
    name: "changed",
    async run(page, look) {
      await fromDisk(async (path) => {
        const content = strings(Array.from({ length: 300 }, (_, n) => [`key:${n}`, "v".repeat(100)]));
        writeFileSync(path("changing.rdb"), content);
        await choose(page, path("changing.rdb"));
        await untilRead(page);
        await drawn(page);
        writeFileSync(path("changing.rdb"), content.subarray(0, 5000));
        await page.click("#row-3");
        await page.waitForSelector(".value-failure:not([hidden])");
        await look("changed");
      });
    },
  },
];

const MODULE = "/aikv/aikv_bg.wasm";

/** Files of the reader's disk, for as long as they are needed. */
async function fromDisk(use) {
  const folder = mkdtempSync(join(tmpdir(), "aikv-scenes-"));
  try {
    await use((name) => join(folder, name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
