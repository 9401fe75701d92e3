// The installed package in a worker: what it gives is what the package gives, and it can be stopped. In Node, whose worker
// and whose door stand in for the browser's; in a browser `aikv/worker` runs as an example of the README.

import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { data, install } from "./support/installed.mjs";

/** What gives a worker of Node the names that one of a browser has. */
const THREAD = `import { parentPort } from "node:worker_threads";
globalThis.onmessage = null;
globalThis.postMessage = (message) => parentPort.postMessage(message);
await import("./worker-thread.js");
parentPort.on("message", (data) => globalThis.onmessage({ data }));
`;
/** A snapshot with streams, of which older servers have no form for some parts. */
const BYTES = readFileSync(join(data, "valkey-9.1/streams.rdb"));
const FILE = new Blob([BYTES]);
const CUT = new Blob([BYTES.subarray(0, -20)]);

let installed;
let aikv;
let remote;
before(async () => {
  installed = await install("worker");
  ({ aikv } = installed);
  const folder = join(installed.user, "worker");
  cpSync(join(installed.user, "node_modules/aikv"), folder, { recursive: true });
  writeFileSync(join(folder, "index.js"), 'export * from "./node.mjs";\n');
  writeFileSync(join(folder, "thread.mjs"), THREAD);
  const { startWorker } = await import(pathToFileURL(join(folder, "worker.js")));
  const thread = new Worker(join(folder, "thread.mjs"));
  const listeners = { message: (tell) => thread.on("message", (data) => tell({ data })), error: () => {} };
  remote = startWorker({ worker: { addEventListener: (name, tell) => listeners[name](tell), postMessage: (...args) => thread.postMessage(...args), terminate: () => thread.terminate() } });
});
after(() => {
  remote?.terminate();
  installed?.remove();
});

async function* chunks() {
  for (let at = 0; at < BYTES.length; at += 500) yield new Uint8Array(BYTES.subarray(at, at + 500));
}

async function collect(iterable) {
  const all = [];
  for await (const one of iterable) all.push(one);
  return all;
}

test("a conversion in a worker gives the same bytes, losses and report", async () => {
  const options = { to: "redis-6.2", onLoss: "degrade" };
  const expected = await aikv.convert(FILE, options);
  const bytes = await expected.bytes();
  assert.ok(expected.losses.length > 0);
  for (const source of [FILE, new Uint8Array(BYTES), chunks()]) {
    const told = [];
    const conversion = await remote.convert(source, { ...options, onProgress: (progress) => told.push(progress) });
    assert.equal(conversion.report, null);
    assert.deepEqual(await conversion.bytes(), bytes);
    assert.deepEqual([conversion.losses, conversion.report], [expected.losses, expected.report]);
    assert.deepEqual(told.at(-1), { bytes: BYTES.length, pass: 1, passes: 1 });
    await assert.rejects(conversion.blob(), TypeError);
  }
});

test("a loss rejects in a worker with what would be lost", async () => {
  for (const source of [FILE, chunks()]) {
    await assert.rejects(remote.convert(source, { to: "redis-3.0" }), ({ code, losses, report }) => code === "loss" && losses.length > 0 && report.losses === losses.length);
  }
});

test("surveys, checks and repairs in a worker are those of the package", async () => {
  assert.deepEqual(await remote.targets(), await aikv.targets());
  assert.deepEqual(await remote.survey(FILE), await aikv.survey(FILE));
  const findings = await collect(remote.check(CUT));
  assert.deepEqual(findings.map(({ code }) => code), ["truncated"]);
  assert.deepEqual(findings, await collect(aikv.check(CUT)));
  const [repaired, expected] = [await remote.repair(CUT), await aikv.repair(CUT)];
  assert.ok(repaired.report.dropped_bytes > 0);
  assert.deepEqual(repaired.report, expected.report);
  assert.deepEqual(await repaired.bytes(), await expected.bytes());
  const broken = Uint8Array.from("REDIS0011\xfe\0\x02\x01t\x02\x01a\x01a\xff\0\0\0\0\0\0\0\0", (byte) => byte.charCodeAt(0));
  assert.equal((await remote.repair(broken, { keepReadable: true })).report.partial_keys, 1, "options cross");
});

test("a signal ends a conversion in a worker, and its source is let go", { timeout: 20_000 }, async () => {
  const stop = new AbortController();
  let isLeft = false;
  const source = (async function* () {
    try {
      yield new Uint8Array(BYTES);
      stop.abort(new Error("enough"));
      yield new Uint8Array(1);
    } finally {
      isLeft = true;
    }
  })();
  await assert.rejects(remote.convert(source, { to: "redis-3.0", signal: stop.signal }), /enough/);
  for (let turns = 0; !isLeft && turns < 100; turns += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(isLeft);
  // The worker goes on to what is asked next.
  assert.equal((await remote.info(FILE)).keys, (await aikv.info(FILE)).keys);
});

test("the failure of a source that stays outside of the worker keeps its code, whatever else it holds", { timeout: 20_000 }, async () => {
  const failure = Object.assign(new TypeError("gone"), { code: "mine", holds: () => {} });
  const source = (async function* () {
    yield new Uint8Array(BYTES.subarray(0, 100));
    throw failure;
  })();
  await assert.rejects(remote.info(source), { name: "TypeError", message: "gone", code: "mine" });
});
