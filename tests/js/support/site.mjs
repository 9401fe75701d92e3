// Serves the assembled viewer on 127.0.0.1 with the policy it is made for, and opens it in headless Chromium.

import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { delimiter, extname, join, normalize } from "node:path";
import { createGzip } from "node:zlib";
import { chromium } from "playwright-core";

const MIME = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml", ".wasm": "application/wasm",
};
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; trusted-types aikv; require-trusted-types-for 'script'; frame-ancestors 'none'";
const QUIET_MS = 400;
/** Asked for by the browser, not the page: the icon whenever the fragment changes, and whether there is a newer service worker. */
const OF_BROWSER = /\/(favicon\.svg|sw\.js)$/;
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/** The path of a Chromium of this machine, or null. `CHROME` names one that is not on the path. */
export function findChromium() {
  const named = process.env.CHROME;
  if (named) return existsSync(named) ? named : null;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of BROWSERS) {
      const path = join(folder, name);
      if (existsSync(path)) return path;
    }
  }
  return null;
}

/** Why the tests of a browser are left out, or false. */
export const skip = findChromium() ? false : "no Chromium found: install it, or name one in CHROME";
if (skip && process.env.CI === "true") throw new Error(skip);

/** The browser that tests and measurements are made in. */
export function launchChromium() {
  return chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"] });
}

/**
 * Serves `root`. `opened` is the file behind `/opened-file`, as `aikv view FILE` has it: `{ name, bytes }`,
 * with `stallAfter` bytes sent before the answer waits for `resume()`. `replaced` are files that are sent instead of
 * those of the site, by path. `asked` are the paths that were asked for. Pages of others have no `policy`; `isPacked` answers
 * behind gzip, as hosts do.
 */
export async function serve(root, { policy = POLICY, isPacked = false } = {}) {
  const site = { opened: null, resume: () => {}, replaced: new Map(), asked: [] };
  const server = createServer((request, answer) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    if (!OF_BROWSER.test(path)) site.asked.push(path);
    const headers = { ...(policy && { "Content-Security-Policy": policy }), "Cache-Control": "no-cache" };
    if (path === "/opened-file" && site.opened) {
      sendOpened(site, request, answer, headers);
      return;
    }
    if (site.replaced.has(path)) {
      answer.writeHead(200, { ...headers, "Content-Type": MIME[extname(path)] ?? "application/octet-stream" }).end(site.replaced.get(path));
      return;
    }
    const file = join(root, path.endsWith("/") ? join(path, "index.html") : path);
    if (!existsSync(file) || !statSync(file).isFile()) {
      answer.writeHead(404, headers).end();
      return;
    }
    answer.writeHead(200, { ...headers, "Content-Type": MIME[extname(file)] ?? "application/octet-stream", ...(isPacked && { "Content-Encoding": "gzip" }) });
    if (isPacked) createReadStream(file).pipe(createGzip()).pipe(answer);
    else createReadStream(file).pipe(answer);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  site.url = `http://127.0.0.1:${server.address().port}/`;
  site.close = () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  });
  return site;
}

function sendOpened(site, request, answer, headers) {
  const { name, bytes, stallAfter } = site.opened;
  const named = { ...headers, "X-File-Name": encodeURIComponent(name), "Accept-Ranges": "bytes" };
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  if (range) {
    const part = bytes.subarray(Number(range[1]), Number(range[2]) + 1);
    answer.writeHead(206, { ...named, "Content-Length": part.length, "Content-Range": `bytes ${range[1]}-${range[2]}/${bytes.length}` }).end(part);
    return;
  }
  answer.writeHead(200, { ...named, "Content-Length": bytes.length });
  if (request.method === "HEAD" || stallAfter === undefined) {
    answer.end(request.method === "HEAD" ? undefined : bytes);
    return;
  }
  answer.write(bytes.subarray(0, stallAfter));
  site.resume = () => answer.end(bytes.subarray(stallAfter));
}

/**
 * A page of the viewer that is ready for a file and has all that it may need, with everything recorded that must not happen
 * from then on: what it asks for too, as `site` sees it where that serves it. `watch` runs before anything of it.
 */
export async function openPage(browser, url, { watch, site, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const record = { requests: [], problems: [] };
  page.on("filechooser", () => {});
  page.on("request", (request) => {
    if (!OF_BROWSER.test(request.url())) record.requests.push(request.url());
  });
  page.on("pageerror", (error) => record.problems.push(error.stack ?? String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") record.problems.push(message.text());
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  if (watch) await page.addInitScript(watch);
  await page.goto(url);
  await page.waitForFunction(() => "whole" in document.body.dataset);
  await page.evaluate(async () => {
    // The service worker is there, and so is its copy of the page.
    if ((await navigator.serviceWorker?.getRegistrations())?.length) await navigator.serviceWorker.ready;
  });
  await untilQuiet(record, site);
  record.requests = [];
  if (site) site.asked = [];
  return Object.assign(page, { record });
}

/** Nothing more is on its way when nothing was asked for in a while. */
async function untilQuiet(record, site) {
  const asked = () => record.requests.length + (site?.asked.length ?? 0);
  for (let seen = -1; seen !== asked();) {
    seen = asked();
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
}

/** Drops a file on the page, as a reader would. */
export async function drop(page, name, bytes) {
  await page.evaluate(([fileName, base64]) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], fileName));
    for (const type of ["dragenter", "dragover", "drop"]) {
      document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
  }, [name, Buffer.from(bytes).toString("base64")]);
}

/** The table shows the answer to the last wish. */
export async function settled(page) {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.waitForFunction(() => document.getElementById("grid").getAttribute("aria-busy") !== "true");
}

/** Waits until the dropped file was read, whole or to its fault. */
export async function untilRead(page) {
  await page.waitForFunction(() => /Read in/.test(document.getElementById("status").textContent));
}

/** The module with a memory that grows to no more than `pages` of 64 KiB. */
export function limited(wasm, pages) {
  const leb = (n) => {
    const out = [];
    do {
      out.push((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
      n >>>= 7;
    } while (n);
    return Buffer.from(out);
  };
  const read = (at) => {
    let [n, shift] = [0, 0];
    for (;; at += 1, shift += 7) {
      n |= (wasm[at] & 0x7f) << shift;
      if (wasm[at] < 0x80) return [n >>> 0, at + 1];
    }
  };
  for (let at = 8; at < wasm.length;) {
    const id = wasm[at];
    const [size, body] = read(at + 1);
    if (id === 5) {
      const [least] = read(body + 2);
      const memory = Buffer.concat([Buffer.from([1, 1]), leb(least), leb(pages)]);
      return Buffer.concat([wasm.subarray(0, at), Buffer.from([5]), leb(memory.length), memory, wasm.subarray(body + size)]);
    }
    at = body + size;
  }
  throw new Error("the module has no memory of its own");
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds, as lines; run beside the page's policy, not against it. `rules` are those to go by, else all. */
export async function violations(page, rules = null) {
  const session = await page.context().newCDPSession(page);
  const { result: known } = await session.send("Runtime.evaluate", { expression: "typeof axe" });
  if (known.value === "undefined") await session.send("Runtime.evaluate", { expression: axeSource });
  const { result } = await session.send("Runtime.evaluate", {
    expression: `axe.run(document, ${JSON.stringify(rules ? { runOnly: rules } : {})}).then((found) => JSON.stringify(found.violations.map((one) => \`\${one.id}: \${one.nodes.map((node) => node.target.join(' ')).join(', ')}\`)))`,
    awaitPromise: true, returnByValue: true,
  });
  await session.detach();
  return JSON.parse(result.value);
}
