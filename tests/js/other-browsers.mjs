// The viewer in Firefox and in WebKit, by hand: `node other-browsers.mjs`, or with the name of one of them. Drives what is
// installed of geckodriver with Firefox, and of WebKitWebDriver (GTK; in Xvfb where there is no display), by the protocol of
// W3C WebDriver. The site is `AIKV_SITE`, else dist/site. Tells what passed in each; fails where something did not, or none is there.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { dump, expected, siteFolder } from "./support/content.mjs";
import { serve } from "./support/site.mjs";

const BROWSERS = {
  firefox: { driver: "geckodriver", options: { "moz:firefoxOptions": { args: ["-headless"] } } },
  webkit: { driver: "WebKitWebDriver", options: {}, needsDisplay: true },
};
const PATIENCE_MS = 20_000;
const LOOK_AGAIN_MS = 50;
/** How the protocol names a node. */
const NODE = "element-6066-11e4-a52e-4f735466cecf";

const pause = () => new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
const find = (name) => (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name)).find(existsSync);

/** Programs that end with this one, whatever the reason. */
const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill()));

function start(name, args, stdio = "ignore") {
  const child = spawn(name, args, { stdio });
  children.add(child);
  return child;
}

async function end(child) {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await ended;
  }
  children.delete(child);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A display for browsers that need one. Resolves with what is to be ended, or null where there is one already. */
async function display() {
  if (process.env.DISPLAY || process.env.WAYLAND_DISPLAY) return null;
  const child = start("Xvfb", ["-displayfd", "3", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"], ["ignore", "ignore", "ignore", "pipe"]);
  const number = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.stdio[3].once("data", (line) => resolve(String(line).trim()));
  });
  process.env.DISPLAY = `:${number}`;
  return child;
}

/** A browser under its driver, and what a reader does in it. */
class Browser {
  #address;
  #driver;
  version = "";

  async open({ driver, options }) {
    const port = await freePort();
    this.#address = `http://127.0.0.1:${port}`;
    this.#driver = start(driver, [`--port=${port}`]);
    for (const late = Date.now() + PATIENCE_MS; !(await this.#ask("GET", "/status").catch(() => null)); await pause()) {
      assert.ok(Date.now() < late, `${driver} does not answer`);
    }
    const { sessionId, capabilities } = await this.#ask("POST", "/session", { capabilities: { alwaysMatch: options } });
    this.#address += `/session/${sessionId}`;
    this.version = `${capabilities.browserName} ${capabilities.browserVersion}`;
  }

  async close() {
    if (this.version) await this.#ask("DELETE", "").catch(() => {});
    if (this.#driver) await end(this.#driver);
  }

  async #ask(method, path, body) {
    const answer = await fetch(this.#address + path, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${value.error}: ${value.message}`);
    return value;
  }

  /** Runs a function in the page. */
  run(what, ...args) {
    return this.#ask("POST", "/execute/sync", { script: `return (${what})(...arguments);`, args });
  }

  /** What a function in the page gives once that is true. */
  async until(what, ...args) {
    for (const late = Date.now() + PATIENCE_MS; ; await pause()) {
      const value = await this.run(what, ...args);
      if (value) return value;
      assert.ok(Date.now() < late, `never came true: ${what} ${args}`);
    }
  }

  async #node(css) {
    return (await this.#ask("POST", "/element", { using: "css selector", value: css }))[NODE];
  }

  async click(css) {
    await this.#ask("POST", `/element/${await this.#node(css)}/click`, {});
  }

  async type(css, text) {
    await this.#ask("POST", `/element/${await this.#node(css)}/value`, { text });
  }

  /** A page that has all that it may need, and writes down what must not happen; `isFramed`: it stands in the frame of that address. */
  async visit(url, isFramed = false) {
    await this.#ask("POST", "/url", { url });
    if (isFramed) await this.#ask("POST", "/frame", { id: 0 });
    await this.run(() => {
      window.problems = [];
      for (const type of ["error", "unhandledrejection", "securitypolicyviolation"]) {
        addEventListener(type, ({ message, reason, violatedDirective }) => window.problems.push(`${type}: ${message ?? reason ?? violatedDirective}`));
      }
    });
    await this.until(() => "whole" in document.body.dataset);
  }

  /** Drops a file, and waits until it was read. */
  async drop(name, bytes = dump(name)) {
    await this.run((file, base64) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], file));
      for (const type of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    }, name, bytes.toString("base64"));
    await this.until(() => /Read in/.test(document.getElementById("status").textContent));
  }

  untilRows(grid, count) {
    return this.until((id, wanted) => {
      const node = document.getElementById(id);
      return node?.getAttribute("aria-rowcount") === String(wanted + 1) && node.getAttribute("aria-busy") !== "true";
    }, grid, count);
  }

  async view(name) {
    await this.run((wanted) => [...document.querySelectorAll(".tab")].find((tab) => tab.textContent.startsWith(wanted)).click(), name);
  }
}

const FILE = "valkey-8.1/hashes.rdb";
const KEY = "names-packed";
const keys = expected(FILE).length;

/** The first bytes of what is given to be saved. */
function noteSaved() {
  const give = URL.createObjectURL;
  URL.createObjectURL = (blob) => {
    blob.slice(0, 9).text().then((magic) => (window.saved = magic));
    return give.call(URL, blob);
  };
}

/** What is tried, in this order; each goes on from where the one before has left the page. */
const STEPS = {
  async "a dropped file has its rows"(browser, { url }) {
    await browser.visit(url);
    await browser.drop(FILE);
    await browser.untilRows("grid", keys);
  },
  async "a filter"(browser) {
    await browser.type("#search", KEY);
    await browser.untilRows("grid", 1);
  },
  async "a value in detail"(browser) {
    await browser.click("#row-0");
    await browser.until((key) => document.querySelector(".detail-key").textContent === key && document.querySelector(".el-body > .el-row"), KEY);
  },
  async "a conversion is saved"(browser) {
    await browser.run(noteSaved);
    await browser.view("Convert");
    await browser.until(() => document.querySelector(".target .outcome")?.textContent);
    // The oldest of Redis.
    await browser.run(() => [...document.querySelectorAll(".target")].find((target) => target.textContent.includes("RDB 6")).click());
    await browser.until(() => document.querySelector(".convert-head h2").textContent.includes("2.6"));
    await browser.click(".save-button");
    assert.equal(await browser.until(() => window.saved), "REDIS0006");
  },
  async "a log with its commands"(browser, { url }) {
    await browser.visit(url);
    await browser.drop("redis-8.0/plain.aof");
    await browser.view("Commands");
    await browser.until(() => document.querySelector("#commands .row:not([hidden]):not(.pending)"));
    await browser.click("#command-2");
    await browser.until(() => document.querySelector("#command .num, #command .el-row"));
  },
  async "a repaired copy is saved"(browser, { url }) {
    await browser.visit(url);
    await browser.drop(FILE, dump(FILE).subarray(0, -100));
    await browser.run(noteSaved);
    await browser.view("Findings");
    await browser.until(() => document.querySelector(".finding") && document.querySelector(".bytes-around .hexdump"));
    await browser.click(".findings-summary .primary");
    await browser.until(() => document.querySelector(".repair .primary")?.textContent === "Save the copy");
    await browser.click(".repair .primary");
    assert.equal(await browser.until(() => window.saved), "REDIS0011");
  },
  async "390 px wide"(browser) {
    // Windows are not made that narrow, but frames are.
    const framed = await serve(siteFolder, { policy: null });
    framed.replaced.set("/frame.html", '<!doctype html><title>Narrow</title><iframe src="./" width="390" height="844"></iframe>');
    try {
      await browser.visit(`${framed.url}frame.html`, true);
      await browser.drop(FILE);
      await browser.untilRows("grid", keys);
      const sizes = await browser.run(() => [innerWidth, document.querySelector("#row-0").offsetHeight, document.getElementById("app").scrollWidth <= innerWidth]);
      assert.deepEqual(sizes, [390, 56, true]);
      await browser.click("#row-0");
      await browser.until(() => document.querySelector(".detail-key")?.textContent && document.querySelector("#detail").getBoundingClientRect().width === 390);
      await browser.run(() => history.back());
      await browser.until(() => document.querySelector("#row-0")?.checkVisibility());
      for (const view of ["Prefixes", "Summary", "Findings", "Convert", "Keys"]) {
        await browser.run((wanted) => [...document.querySelectorAll("#bottom button")].find((button) => button.textContent.startsWith(wanted)).click(), view);
        await browser.until(() => document.documentElement.scrollWidth <= innerWidth && document.getElementById("app").scrollWidth <= innerWidth);
      }
    } finally {
      await framed.close();
    }
  },
  async "no network"(browser, site) {
    await browser.visit(site.url);
    // It answers for the page once it has kept all of it.
    await browser.until(() => navigator.serviceWorker.controller !== null);
    await site.close();
    await browser.visit(site.url);
    await browser.drop(FILE);
    await browser.untilRows("grid", keys);
  },
};

/** Tries all in one browser. Resolves whether all passed. */
async function tryIn(name) {
  const site = await serve(siteFolder);
  const browser = new Browser();
  let passed = 0;
  let screen = null;
  try {
    if (BROWSERS[name].needsDisplay) screen = await display();
    await browser.open(BROWSERS[name]);
    for (const [step, go] of Object.entries(STEPS)) {
      await go(browser, site);
      assert.deepEqual(await browser.run(() => window.problems), [], step);
      passed += 1;
    }
  } catch (error) {
    console.error(`${name}: ${Object.keys(STEPS)[passed]}: ${error.message}`);
  } finally {
    await browser.close();
    await site.close();
    if (screen) await end(screen);
  }
  console.log(`${name} (${browser.version}): ${passed} of ${Object.keys(STEPS).length} passed: ${Object.keys(STEPS).slice(0, passed).join(", ")}`);
  return passed === Object.keys(STEPS).length;
}

const wanted = process.argv[2] ? [process.argv[2]] : Object.keys(BROWSERS);
const there = wanted.filter((name) => find(BROWSERS[name]?.driver ?? ""));
for (const name of wanted) if (!there.includes(name)) console.error(`${name}: its driver is not installed (${BROWSERS[name]?.driver ?? "unknown"})`);
if (!there.length) process.exitCode = 1;
for (const name of there) if (!(await tryIn(name))) process.exitCode = 1;
