// The examples of the package's README, as they stand there: run in Node, bundled by Vite and by webpack and run in a
// browser, run there without a bundler, and held against the types. Installed from the packed tarball into empty projects.

import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bin, data, install, root } from "./support/installed.mjs";
import { launchChromium, serve, skip } from "./support/site.mjs";

const require = createRequire(import.meta.url);

/** Every example: `{ language, code }`. */
const EXAMPLES = [...readFileSync(join(root, "pkg-template/README.md"), "utf8").matchAll(/^```(js browser|js|cjs|sh)\n(.*?)^```/gms)].map(([, language, code]) => ({ language, code }));
const of = (language) => EXAMPLES.filter((example) => example.language === language).map(({ code }) => code);
const BROWSER = of("js browser");

const DUMP = join(root, "www/sample.rdb");
const LOG = join(data, "redis-6.2/preamble.aof");

let installed;
let browser;
let keys;
before(async () => {
  installed = await install("bundlers");
  const { user, aikv } = installed;
  copyFileSync(DUMP, join(user, "dump.rdb"));
  copyFileSync(LOG, join(user, "appendonly.aof"));
  writeFileSync(join(user, "damaged.rdb"), readFileSync(DUMP).subarray(0, 200_000));
  keys = (await aikv.info(DUMP)).keys;
  if (!skip) browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  installed?.remove();
});

test("there are examples of every kind", () => {
  assert.deepEqual([BROWSER.length, of("cjs").length, of("js").length >= 5, of("sh").length], [2, 1, true, 1]);
});

test("the examples for Node run, as modules and as CommonJS", () => {
  const { user, run } = installed;
  const printed = [...of("js").map((code) => [code, "mjs"]), ...of("cjs").map((code) => [code, "cjs"])].map(([code, extension], at) => {
    writeFileSync(join(user, `example-${at}.${extension}`), code);
    return run(process.execPath, [`example-${at}.${extension}`]);
  });
  assert.equal(printed[0].split("\n").filter((line) => /^\d+ /.test(line)).length, keys, "a line for each key");
  const commands = JSON.parse(readFileSync(LOG.replace(/\.aof$/, ".json"), "utf8")).commands;
  assert.equal(printed[1].trim().split("\n").length, commands.length);
  assert.match(printed[2], /kind: 'rdb'.*\n?.*\d+/s);
  assert.match(printed[3], /type: 'hash'/);
  assert.match(printed[4], new RegExp(`^${readFileSync(DUMP).length} of ${readFileSync(DUMP).length}$`, "m"));
  assert.equal(readFileSync(join(user, "valkey.rdb")).toString("latin1", 0, 9), "REDIS0011", "a snapshot for Valkey 8.1");
  assert.match(printed.at(-2), /^\d+ keys are whole; truncated at byte \d+, key \S+/);
  assert.match(printed.at(-1), new RegExp(`^(Redis|Valkey) \\S+ ${keys} `));
});

const TYPES = [["Node", { module: "nodenext", types: ["node"], lib: ["ES2022", "ESNext.AsyncIterable"], skipLibCheck: true }, (language) => language !== "js browser"],
  ["a bundler", { module: "esnext", moduleResolution: "bundler", types: [], lib: ["ES2022", "DOM", "DOM.Iterable", "DOM.AsyncIterable"] }, (language) => language === "js browser"]];

for (const [name, options, isMeant] of TYPES) {
  test(`the examples hold under strict TypeScript: ${name}`, () => {
    const { user, run } = installed;
    const where = join(user, `types-${name.replaceAll(" ", "-")}`);
    mkdirSync(where);
    const files = EXAMPLES.filter(({ language }) => language !== "sh" && isMeant(language)).map(({ language, code }, at) => {
      const file = `example-${at}.${language === "cjs" ? "cjs" : "mjs"}`;
      writeFileSync(join(where, file), language === "cjs" ? code : `${code}\nexport {};\n`);
      return file;
    });
    const compilerOptions = {
      target: "ES2022", strict: true, checkJs: true, allowJs: true, noEmit: true, useUnknownInCatchVariables: false,
      typeRoots: [join(root, "tests/js/node_modules/@types")], ...options,
    };
    writeFileSync(join(where, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    run(join(bin, "tsc"), ["-p", where]);
  });
}

/** What the two examples for browsers print, run in a page of `folder`. */
async function runInBrowser(folder, pages) {
  copyFileSync(DUMP, join(folder, "dump.rdb"));
  const site = await serve(folder, { policy: null });
  const page = await browser.newPage();
  const problems = [];
  const foreign = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => !request.url().startsWith(site.url) && foreign.push(request.url()));
  for (const [at, address] of pages.entries()) {
    const lines = [];
    const take = (message) => (message.type() === "error" ? problems.push(message.text()) : lines.push(message.text()));
    page.on("console", take);
    await page.goto(site.url + address);
    await page.waitForFunction(() => globalThis.isOver);
    page.off("console", take);
    assert.equal(lines.filter((line) => /^\d+ /.test(line)).length, keys, `example ${at}: a line for each key\n${lines.slice(0, 5).join("\n")}`);
  }
  assert.deepEqual(problems, []);
  assert.deepEqual(foreign, [], "no other host is asked");
  await page.close();
  await site.close();
}

/** A project with a page for each example. */
function project(name) {
  const folder = join(installed.user, name);
  mkdirSync(folder);
  for (const [at, code] of BROWSER.entries()) {
    writeFileSync(join(folder, `main-${at}.js`), `${code}\nglobalThis.isOver = true;\n`);
    writeFileSync(join(folder, `page-${at}.html`), page(`/main-${at}.js`));
  }
  return folder;
}

const page = (script) => `<!doctype html><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`;
const PAGES = BROWSER.map((_, at) => `page-${at}.html`);

test("Vite bundles the examples, and they run in a browser", { skip }, async () => {
  const folder = project("vite");
  const input = JSON.stringify(PAGES);
  writeFileSync(join(folder, "vite.config.mjs"), `export default { build: { target: "es2022", rollupOptions: { input: ${input} } } };`);
  installed.run(join(bin, "vite"), ["build", "--logLevel", "error"], { cwd: folder });
  await runInBrowser(join(folder, "dist"), PAGES);
});

test("webpack bundles the examples, and they run in a browser", { skip }, async () => {
  const folder = project("webpack");
  const webpack = require("webpack");
  const entry = Object.fromEntries(BROWSER.map((_, at) => [`main-${at}`, `./main-${at}.js`]));
  const stats = await new Promise((resolve, reject) => {
    webpack({ context: folder, mode: "production", entry, output: { path: join(folder, "dist") } }, (error, done) => (error ? reject(error) : resolve(done)));
  });
  assert.deepEqual(stats.toJson({ all: false, errors: true }).errors.map(({ message }) => message), []);
  for (const at of BROWSER.keys()) writeFileSync(join(folder, "dist", `page-${at}.html`), page(`/main-${at}.js`));
  await runInBrowser(join(folder, "dist"), PAGES);
});

test("the examples run in a page without a bundler", { skip }, async () => {
  const folder = project("plain");
  cpSync(join(installed.user, "node_modules/aikv"), join(folder, "aikv"), { recursive: true });
  for (const [at, code] of BROWSER.entries()) {
    writeFileSync(join(folder, `main-${at}.js`), `${code.replace('"aikv"', '"./aikv/index.js"').replace('"aikv/worker"', '"./aikv/worker.js"')}\nglobalThis.isOver = true;\n`);
  }
  await runInBrowser(folder, PAGES);
});
