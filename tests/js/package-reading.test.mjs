// The installed package: every source, progress, cancellation, values by span, and memory that is bounded.

import assert from "node:assert/strict";
import { createReadStream, copyFileSync, openAsBlob, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { data, install } from "./support/installed.mjs";

let installed;
let aikv;
before(async () => {
  installed = await install("reading");
  ({ aikv } = installed);
});
after(() => installed?.remove());

const SNAPSHOT = join(data, "valkey-8.1/hashes.rdb");
const LOG = join(data, "redis-6.2/preamble.aof");

async function collect(iterable) {
  const all = [];
  for await (const one of iterable) all.push(one);
  return all;
}

/** Every way to hand over a file. */
async function sources(file) {
  const bytes = readFileSync(file);
  return [
    ["bytes", new Uint8Array(bytes)], ["a path", file], ["an address", pathToFileURL(file)], ["an opened file", await aikv.openFile(file)],
    ["a Blob", await openAsBlob(file)], ["a File", new File([bytes], "dump.rdb")], ["a stream of the web", new Blob([bytes]).stream()],
    ["a stream of Node", createReadStream(file)],
    ["an iterable", (async function* () { for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100); })()],
  ];
}

test("info, entries and unpack take every source, and tell how far they have come", async () => {
  const session = new aikv.Session();
  session.feed(readFileSync(SNAPSHOT));
  session.finish();
  const report = session.report();
  session.free();
  const size = readFileSync(SNAPSHOT).length;
  for (const read of ["info", "entries", "unpack"]) {
    for (const [name, source] of await sources(SNAPSHOT)) {
      const told = [];
      const options = { onProgress: (progress) => told.push(progress) };
      if (read === "info") {
        const { expiry, ...found } = await aikv.info(source, options);
        assert.deepEqual(found, report, name);
        assert.equal(Object.values(expiry).reduce((a, b) => a + b), report.keys);
      } else {
        const found = await collect(aikv[read](source, options));
        if (read === "entries") assert.equal(found.filter((entry) => "key" in entry).length, report.keys, name);
        else assert.ok(Buffer.concat(found).equals(readFileSync(SNAPSHOT)), name);
      }
      assert.equal(told.at(-1).bytes, size, `${read} of ${name}`);
      assert.ok(told.every(({ totalBytes }) => totalBytes === size || (totalBytes === null && / stream | iterable/.test(`${name} `))), name);
    }
  }
  await assert.rejects(aikv.info(12), TypeError);
  await assert.rejects(aikv.info(join(data, "none.rdb")), { code: "ENOENT" });
  await assert.rejects(aikv.info(data), { code: "not-a-file" });
});

test("commands are those of a log, and none of its snapshot's keys", async () => {
  const expected = JSON.parse(readFileSync(LOG.replace(/\.aof$/, ".json"), "utf8"));
  const found = await collect(aikv.commands(LOG));
  assert.deepEqual(found.map(({ command }) => command), expected.commands);
  assert.deepEqual(found.map(({ offset }) => offset), expected.offsets);
  assert.deepEqual(await collect(aikv.commands(SNAPSHOT)), []);
});

test("an index reads values by their spans, and entries as a whole reading gives them", async () => {
  const keys = (await collect(aikv.entries(SNAPSHOT))).filter((entry) => "key" in entry);
  const packed = gzipSync(readFileSync(SNAPSHOT));
  for (const [name, source] of [...(await sources(SNAPSHOT)).slice(0, 6), ["a compressed file", packed]]) {
    const index = await aikv.openIndex(source);
    assert.equal(index.rowCount, keys.length, name);
    const { count } = index.select({ types: ["hash"], sort: "size", descending: true });
    const [largest] = index.rows(0, 1);
    assert.ok(count > 0 && largest.bytes === Math.max(...index.rows(0, count).map((row) => row.bytes)));
    const page = await index.value(largest.id, { from: 1, count: 2 });
    assert.deepEqual([page.type, page.from, page.items.length, page.total], ["hash", 1, 2, largest.elements]);
    const entries = [];
    for (let id = 0; id < index.rowCount; id += 1) entries.push(await index.entry(id));
    assert.deepEqual(entries, keys, name);
    index.close();
  }
  await assert.rejects(aikv.openIndex(createReadStream(SNAPSHOT)), TypeError);
  await assert.rejects(aikv.openIndex(readFileSync(SNAPSHOT).subarray(0, 200)), { code: "truncated" });
});

test("a value is not read from a file that has changed", async () => {
  const file = join(installed.user, "changing.rdb");
  copyFileSync(SNAPSHOT, file);
  const index = await aikv.openIndex(file);
  await index.value(0);
  writeFileSync(file, readFileSync(join(data, "valkey-8.1/sets.rdb")));
  await assert.rejects(index.value(0), { code: "file-changed" });
  index.close();
});

/** A source that gives its first bytes and then nothing, and tells when it is let go. */
function stalled(kind) {
  const first = new Uint8Array(readFileSync(SNAPSHOT).subarray(0, 500));
  const seen = { isClosed: false };
  if (kind === "web") {
    seen.source = new ReadableStream({ start: (controller) => controller.enqueue(first), cancel: () => { seen.isClosed = true; } });
  } else {
    let given = false;
    seen.source = {
      destroy: () => { seen.isClosed = true; },
      [Symbol.asyncIterator]: () => ({ next: () => (given ? new Promise(() => {}) : ((given = true), Promise.resolve({ value: first }))) }),
    };
  }
  return seen;
}

test("a signal ends the waiting for a source with its reason, and the source is let go", async () => {
  for (const kind of ["web", "node"]) {
    for (const read of ["info", "entries", "commands", "unpack"]) {
      const seen = stalled(kind);
      const controller = new AbortController();
      const reason = new Error(`enough of ${read}`);
      setTimeout(() => controller.abort(reason), 20);
      const reading = aikv[read](seen.source, { signal: controller.signal });
      await assert.rejects(read === "info" ? reading : collect(reading), (error) => error === reason);
      assert.ok(seen.isClosed, `${read}, ${kind}`);
    }
  }
});

test("a signal that was aborted before, in between, or by a timer is heard", async () => {
  const aborted = AbortSignal.abort("before");
  for (const read of ["info", "openIndex"]) await assert.rejects(aikv[read](SNAPSHOT, { signal: aborted }), (error) => error === "before");
  for (const read of ["entries", "commands", "unpack"]) await assert.rejects(collect(aikv[read](SNAPSHOT, { signal: aborted })), (error) => error === "before");

  const controller = new AbortController();
  const seen = [];
  await assert.rejects(async () => {
    for await (const entry of aikv.entries(readFileSync(SNAPSHOT), { signal: controller.signal })) {
      seen.push(entry);
      if (seen.length === 3) controller.abort("between");
    }
  }, (error) => error === "between");
  assert.equal(seen.length, 3);

  // Bytes in memory leave room for timers too.
  const many = snapshot(20_000, 2000);
  await assert.rejects(collect(aikv.entries(Buffer.concat([...many]), { signal: AbortSignal.timeout(5) })), { name: "TimeoutError" });

  const index = await aikv.openIndex(SNAPSHOT);
  await assert.rejects(index.value(0, { signal: aborted }), (error) => error === "before");
  await assert.rejects(index.entry(0, { signal: aborted }), (error) => error === "before");
  assert.equal((await index.value(0)).from, 0, "the index goes on");
  index.close();
});

/** Pieces of a snapshot of `keys` strings with values of `bytes` bytes, at most 16,383. */
function* snapshot(keys, bytes) {
  yield Buffer.from("REDIS0011\xfe\x00", "latin1");
  const value = Buffer.alloc(bytes, "v");
  for (let at = 0; at < keys; at += 1) {
    const key = Buffer.from(`key:${String(at).padStart(8, "0")}`);
    yield Buffer.concat([Buffer.from([0, key.length]), key, Buffer.from([0x40 | (bytes >> 8), bytes & 0xff]), value]);
  }
  yield Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
}

test("a long stream is read in bounded memory", async () => {
  const script = join(installed.user, "long.mjs");
  writeFileSync(script, `
    import { Readable } from "node:stream";
    import { entries, unpack } from "aikv";
    ${snapshot}
    const KEYS = 12_000;
    let peak = 0;
    for (const read of [entries, unpack]) {
      let keys = 0;
      let bytes = 0;
      const source = read === entries ? Readable.from(snapshot(KEYS, 12_000)) : Readable.toWeb(Readable.from(snapshot(KEYS, 12_000)));
      for await (const one of read(source)) {
        if ("key" in one) keys += 1;
        else if (one instanceof Uint8Array) bytes += one.length;
        if (keys % 100 === 0) peak = Math.max(peak, process.memoryUsage().rss);
      }
      if (read === entries ? keys !== KEYS : bytes < KEYS * 12_000) throw new Error(\`\${read.name}: \${keys} keys, \${bytes} bytes\`);
    }
    console.log(peak >> 20);
  `);
  // 144 MB go through twice; Node by itself takes some 50 MiB.
  const peak = Number(installed.run(process.execPath, ["--max-old-space-size=48", "long.mjs"]));
  assert.ok(peak < 200, `${peak} MiB at most`);
});
