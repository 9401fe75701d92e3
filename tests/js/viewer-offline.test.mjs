// The viewer without a network: kept by its service worker, installed, and inside of the command. Needs what
// viewer.test.mjs needs; `AIKV_BIN` names a command that was built with the page.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { drawn, ICONS } from "./support/icons.mjs";
import { drop, openPage, serve, untilRead } from "./support/site.mjs";
import { browser, data, root, siteFolder, skip } from "./support/viewer.mjs";

const folder = mkdtempSync(join(tmpdir(), "aikv-offline-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const DUMP = "valkey-8.1/hashes.rdb";
const dump = readFileSync(join(data, DUMP));
const keys = JSON.parse(readFileSync(join(data, DUMP.replace(/\.rdb$/, ".json")), "utf8")).keys.length;
const rowCount = (page) => page.getAttribute("#grid", "aria-rowcount").then((count) => Number(count) - 1);

/** A copy of the site in a folder of a host: `{ site, address, files }`. */
async function hosted(name, within) {
  const files = join(folder, name, within);
  mkdirSync(files, { recursive: true });
  cpSync(siteFolder, files, { recursive: true });
  const site = await serve(join(folder, name));
  return { site, address: `${site.url}${within}`, files };
}

/** The page, once all of it is kept. */
async function kept(address) {
  const page = await openPage(browser, address);
  await page.evaluate(async () => { await navigator.serviceWorker.ready; });
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  return page;
}

/** Opens the page again, as a reader does. */
async function again(page, address = page.url(), options = {}) {
  await page.goto(address, options);
  await page.waitForFunction(() => "ready" in document.body.dataset);
}

const cachesOf = (page) => page.evaluate(() => caches.keys());
const keptBy = (page) => page.evaluate(async () => {
  const found = [];
  for (const name of await caches.keys()) for (const request of await (await caches.open(name)).keys()) found.push(request.url);
  return found.sort();
});

function filesOf(at) {
  const found = readdirSync(at, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return found.map((entry) => relative(at, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
}

test("after one visit the page needs no network, in a folder of any host", { skip }, async () => {
  const { site, address } = await hosted("plain", "tools/viewer/");
  const page = await kept(address);
  const wanted = filesOf(siteFolder).filter((name) => name !== "sw.js").map((name) => address + (name === "index.html" ? "" : name));
  assert.deepEqual(await keptBy(page), wanted.sort(), "every file of the page is kept");

  await page.context().setOffline(true);
  await site.close();
  await again(page);
  await page.click("button:has-text('Open a sample')");
  await untilRead(page);
  assert.ok((await rowCount(page)) > 100);
  await again(page, `${address}index.html`);
  await drop(page, "hashes.rdb", dump);
  await untilRead(page);
  assert.equal(await rowCount(page), keys);
  assert.ok(page.record.requests.every((request) => request.startsWith(address)), "no other address is asked");
  assert.deepEqual(page.record.problems, []);
  await page.context().close();
});

test("a page that is whole needs its host no more, for any of its views, even without a service worker", { skip }, async () => {
  const { site, address } = await hosted("gone", "");
  const page = await openPage(browser, address, { serviceWorkers: "block", acceptDownloads: true });
  await site.close();
  await page.evaluate(() => (globalThis.showSaveFilePicker = undefined));
  await drop(page, "plain.aof", readFileSync(join(data, "redis-8.0/plain.aof")));
  await untilRead(page);
  await page.click("#row-0");
  await page.waitForFunction(() => document.querySelector(".detail-key")?.textContent);
  await page.waitForSelector("#prefixes [role=treeitem]");
  await page.click(".tab:has-text('Commands')");
  await page.waitForSelector("#commands .row:not(.pending)");
  await page.click(".tab:has-text('Convert')");
  await page.waitForFunction(() => document.querySelector(".target .outcome")?.textContent);
  await page.click(".tab:has-text('Keys')");
  await page.keyboard.press("e");
  const [saved] = await Promise.all([page.waitForEvent("download"), page.click(".menu-item >> nth=0")]);
  assert.match(saved.suggestedFilename(), /\.jsonl$/);
  await page.keyboard.press("?");
  await page.waitForSelector("dialog.help[open]");
  assert.deepEqual(page.record.requests, []);
  await page.context().close();
});

/** Puts other bytes into a file of a hosted site; the list in `sw.js` says so if it is to be `told`. */
function change(files, name, text, told) {
  writeFileSync(join(files, name), text);
  if (!told) return;
  const hash = createHash("sha256").update(text).digest("base64");
  const script = readFileSync(join(files, "sw.js"), "utf8");
  const changed = script.replace(new RegExp(`("${name}": "sha256-)[^"]*`), (_, before) => before + hash).replace(/(const VERSION = ")[^"]*/, (_, before) => before + hash);
  assert.notEqual(changed, script);
  writeFileSync(join(files, "sw.js"), changed);
}

const update = (page) => page.evaluate(async () => {
  const registration = await navigator.serviceWorker.ready;
  await registration.update().catch(() => {});
  const coming = registration.installing;
  if (coming) await new Promise((done) => coming.addEventListener("statechange", () => coming.state !== "installing" && done()));
  return registration.waiting !== null;
});
const SWITCH_MS = 10_000;
const styled = (page) => page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--test-version").trim());

test("a new version takes over whole once no page of the old one is open, and only its own old copy goes", { skip }, async () => {
  const { site, address, files } = await hosted("updated", "a/");
  const page = await kept(address);
  const style = readFileSync(join(files, "style.css"), "utf8");
  const [first] = await cachesOf(page);
  const others = [`aikv ${site.url}b/ 1`, "another page's"];
  await page.evaluate(async (names) => { for (const name of names) await caches.open(name); }, others);

  // A host that is in the middle of an update: the list is new, a file of it is not.
  change(files, "style.css", `${style}:root{--test-version:2}`, true);
  writeFileSync(join(files, "style.css"), style);
  assert.equal(await update(page), false, "what does not fit the list is not taken");
  await again(page);
  assert.equal(await styled(page), "");

  change(files, "style.css", `${style}:root{--test-version:3}`, true);
  assert.equal(await update(page), true);
  assert.equal(await styled(page), "", "an open page stays as it is");
  const second = await page.context().newPage();
  await again(second, address);
  assert.equal(await styled(second), "", "two pages are of one version");
  await second.goto("about:blank");
  await page.close();
  // The browser notices some time later that the last page is gone. A page that is asked for while it exchanges the
  // workers may have to be asked for again.
  for (let tries = 0; ; tries += 1) {
    const came = await again(second, address, { timeout: SWITCH_MS }).then(() => true, () => false);
    if (came && (await styled(second)) === "3") break;
    assert.ok(tries < 50, "the new version has not taken over");
    await second.goto("about:blank");
    await new Promise((done) => setTimeout(done, 200));
  }
  const names = await cachesOf(second);
  assert.equal(names.length, 3);
  assert.ok(!names.includes(first) && others.every((name) => names.includes(name)), String(names));
  await second.context().close();
  await site.close();
});

test("an opened file is in no cache, and an address that names one is not kept", { skip }, async () => {
  const { site, address } = await hosted("opened", "");
  site.opened = { name: "hashes.rdb", bytes: dump };
  const page = await openPage(browser, `${address}?file=hashes.rdb`);
  await untilRead(page);
  assert.equal(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 0);
  await again(page, address);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await again(page, `${address}?file=hashes.rdb`);
  await untilRead(page);
  assert.equal(await rowCount(page), keys);
  await drop(page, "secret.rdb", dump);
  assert.ok((await keptBy(page)).every((kept) => !/opened-file|secret|\?/.test(kept)));
  assert.deepEqual(page.record.problems, []);
  await page.context().close();
  await site.close();
});

test("the page can be installed, with the mark as its icons", { skip }, async () => {
  const { site, address } = await hosted("installed", "");
  const page = await kept(address);
  const session = await page.context().newCDPSession(page);
  const { errors, data: text } = await session.send("Page.getAppManifest");
  assert.deepEqual(errors, []);
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  // Playwright's contexts are private ones, which install nothing.
  assert.deepEqual(installabilityErrors.map((error) => error.errorId).filter((id) => id !== "in-incognito"), []);
  const { icons } = JSON.parse(text);
  assert.deepEqual([...new Set(icons.map((icon) => icon.purpose))].sort(), ["any", "maskable"]);
  for (const [name, drawing, edge] of ICONS) {
    assert.equal(icons.find((icon) => icon.src === name).sizes, `${edge}x${edge}`);
    assert.ok(await sameImage(page, readFileSync(join(siteFolder, name)), await drawn(await blank(page), drawing, edge)), name);
  }
  await page.context().close();
  await site.close();
});

const blank = async (page) => {
  const other = await page.context().newPage();
  await other.goto("about:blank");
  return other;
};

/** Whether two pictures look the same: other versions of a browser draw an edge a shade darker. */
async function sameImage(page, ...pictures) {
  const other = await blank(page);
  return other.evaluate(async (sources) => {
    const [a, b] = await Promise.all(sources.map(async (source) => {
      const image = new Image();
      image.src = `data:image/png;base64,${source}`;
      await image.decode();
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, canvas.width, canvas.height).data;
    }));
    return a.length === b.length && a.every((value, at) => Math.abs(value - b[at]) < 16);
  }, pictures.map((picture) => picture.toString("base64")));
}

test("a file that the system opens with the installed page is read", { skip }, async () => {
  const { site, address } = await hosted("launched", "");
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript((base64) => {
    const file = new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], "launched.rdb");
    const value = { setConsumer: (take) => take({ files: [{ getFile: async () => file }] }) };
    Object.defineProperty(globalThis, "launchQueue", { value });
  }, dump.toString("base64"));
  await page.goto(address);
  await untilRead(page);
  assert.equal(await page.textContent(".file-name"), "launched.rdb");
  assert.equal(await rowCount(page), keys);
  await context.close();
  await site.close();
});

const command = process.env.AIKV_BIN;
const skipCommand = skip || (command ? false : "no aikv command named in AIKV_BIN");

/** The command, alone in an empty folder, with the page it serves; `use` gets its address. */
async function withCommand(name, args, use) {
  const alone = join(folder, name);
  mkdirSync(alone);
  const copy = join(alone, "aikv");
  copyFileSync(command, copy);
  const server = spawn(copy, ["view", "--no-open", ...args], { cwd: alone, env: {}, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [line] = await once(server.stdout, "data");
    await use(new URL(String(line).trim()));
  } finally {
    server.kill();
  }
}

test("the command alone serves the page with its file", { skip: skipCommand }, async () => {
  await withCommand("alone", [join(data, DUMP)], async (address) => {
    const page = await openPage(browser, address.href);
    await untilRead(page);
    assert.equal(await page.textContent(".file-name"), "hashes.rdb");
    assert.equal(await rowCount(page), keys);
    assert.deepEqual(page.record.problems, []);
    assert.ok(page.record.requests.every((request) => request.startsWith(address.origin)), "no other address is asked");
    await page.context().close();

    for (const name of filesOf(siteFolder)) {
      const answer = await fetch(`${address.origin}/${name}`);
      assert.equal(answer.headers.get("content-encoding"), "gzip", name);
      assert.ok(Buffer.from(await answer.arrayBuffer()).equals(readFileSync(join(siteFolder, name))), `${name} is that of the site`);
      assert.match(answer.headers.get("content-security-policy"), /require-trusted-types-for 'script'; frame-ancestors 'none'/);
      const plain = await fetch(`${address.origin}/${name}`, { headers: { "Accept-Encoding": "identity" } });
      assert.equal(plain.headers.get("content-encoding"), null);
      assert.equal(Number(plain.headers.get("content-length")), readFileSync(join(siteFolder, name)).length);
      const same = await fetch(`${address.origin}/${name}`, { headers: { "If-None-Match": answer.headers.get("etag") } });
      assert.equal(same.status, 304, name);
    }
    const type = async (name) => (await fetch(`${address.origin}/${name}`, { method: "HEAD" })).headers.get("content-type");
    assert.equal(await type("manifest.webmanifest"), "application/manifest+json");
    assert.equal(await type("aikv/aikv_bg.wasm"), "application/wasm");
    assert.equal(await type("sw.js"), "text/javascript; charset=utf-8");
  });
});

test("the command alone opens the sample without a file, and its page is kept like any other", { skip: skipCommand }, async () => {
  await withCommand("sample", [], async (address) => {
    assert.equal(address.search, "?file=sample.rdb");
    const page = await openPage(browser, address.href);
    await untilRead(page);
    assert.ok((await rowCount(page)) > 100);
    await page.context().close();
    const plain = await kept(`${address.origin}/`);
    await plain.context().setOffline(true);
    await again(plain);
    await drop(plain, "hashes.rdb", dump);
    await untilRead(plain);
    assert.equal(await rowCount(plain), keys);
    await plain.context().close();
  });
});
