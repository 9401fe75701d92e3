// What the package writes: byte for byte what the command writes, and what real servers load.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, openAsBlob, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findServer, withServer } from "./support/server.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const data = join(root, "tests/data");
const command = process.env.AIKV_BIN ?? join(root, "target/debug/aikv");
const folder = mkdtempSync(join(tmpdir(), "aikv-"));
const SERVERS = ["redis-2.8", "redis-3.2", "redis-5.0", "redis-6.2", "redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1"];

let aikv;
let targets;

before(async () => {
  assert.ok(existsSync(command), `${command} is there: cargo build --features cli`);
  aikv = await import(pathToFileURL(join(root, "pkg/node.mjs")));
  targets = await aikv.targets();
});

after(() => rmSync(folder, { recursive: true, force: true }));

const path = (name) => join(data, name);
const fixture = (name) => readFileSync(path(name));

/** Runs the command; `{ status, report, bytes }`, `bytes` null where no file appeared. */
function native(verb, input, extension, ...options) {
  const out = join(folder, `out.${extension}`);
  rmSync(out, { force: true });
  const { status, stdout, stderr, error } = spawnSync(command, [verb, input, out, ...options], { encoding: "utf8", maxBuffer: 1 << 28 });
  assert.ifError(error);
  const report = stdout.startsWith("{") ? JSON.parse(stdout) : null;
  return { status, report, stderr, bytes: existsSync(out) ? readFileSync(out) : null };
}

/** What the command finds different, but for the times at which consumers were seen. */
function difference(a, b, extension) {
  const names = [`a.${extension === "resp" ? "aof" : extension}`, `b.${extension === "resp" ? "aof" : extension}`].map((name) => join(folder, name));
  [a, b].forEach((bytes, at) => writeFileSync(names[at], bytes));
  const { status, stdout, stderr } = spawnSync(command, ["diff", ...names], { encoding: "utf8" });
  return status === 0 ? "" : stdout + stderr;
}

async function* chunks(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** One of each thing that may be lost. */
const RICH = [
  "redis-8.6/field_expiry.rdb", "redis-8.6/streams.rdb", "redis-8.6/functions.rdb", "redis-8.6/lfu.rdb", "redis-8.6/metadata.rdb",
  "redis-8.6/module.rdb", "redis-8.0/cluster.rdb", "valkey-9.1/field_expiry.rdb", "valkey-9.1/cluster.rdb", "redis-2.8/zsets.rdb", "redis-7.0/nocompress.rdb",
];

test("every server is a target, under the names of the command", () => {
  const text = spawnSync(command, ["convert", path("redis-7.0/sets.rdb"), join(folder, "x.rdb"), "--to", "none"], { encoding: "utf8" }).stderr;
  for (const { name } of targets) assert.match(text, new RegExp(`\\b${name.replace(".", "\\.")}\\b`));
  assert.equal(targets.length, 22);
});

for (const name of RICH) {
  test(`${name} becomes for every target what the command writes, with the same losses`, async () => {
    for (const { name: to } of targets) {
      for (const [container, onLoss] of [["rdb", "degrade"], ["rdb", "drop"], ["aof", "degrade"]]) {
        const expected = native("convert", path(name), container, "--to", to, "--on-loss", onLoss, "--json");
        const conversion = await aikv.convert(await openAsBlob(path(name)), { to, onLoss, container });
        const bytes = await conversion.bytes();
        const at = `${to} ${container} ${onLoss}`;
        assert.ok(expected.bytes.equals(bytes), at);
        assert.deepEqual(conversion.losses, expected.report.losses, at);
        const { losses, deviations, deviationsLeftOut, ...report } = conversion.report;
        assert.deepEqual({ losses: conversion.losses, ...report }, expected.report, at);
        assert.deepEqual([losses, deviations, deviationsLeftOut], [expected.report.losses.length, [], 0], at);
      }
    }
  });
}

test("a survey tells for every target what a conversion to it loses", async () => {
  for (const name of [...RICH, "redis-3.2/plain.aof"]) {
    const { prospects, loadsIn } = await aikv.survey(await openAsBlob(path(name)));
    for (const { name: to, dialect, version } of targets) {
      const { losses } = native("convert", path(name), "rdb", "--to", to, "--on-loss", "degrade", "--json").report;
      const prospect = prospects.find((one) => one.dialect === dialect && one.version === version);
      const counts = {};
      for (const { code, count } of losses) counts[code] = (counts[code] ?? 0) + count;
      assert.deepEqual(Object.fromEntries(prospect.losses.map(({ code, count }) => [code, count])), counts, `${name} ${to}`);
    }
    if (name.endsWith(".aof")) {
      assert.deepEqual(loadsIn, [], name);
      continue;
    }
    const session = new aikv.Session();
    session.feed(fixture(name));
    session.finish();
    const ends = (lineage) => {
      const servers = loadsIn.filter((server) => server.startsWith(lineage));
      return servers.length ? [servers[0], servers.at(-1)] : null;
    };
    assert.deepEqual(session.report().loadsIn, { redis: ends("redis"), valkey: ends("valkey") }, name);
    session.free();
  }
});

test("a survey lists the keys of a loss, and a session shows them", async () => {
  for (const [name, to] of [["redis-8.6/field_expiry.rdb", "valkey-8.1"], ["redis-7.0/streams.rdb", "redis-6.2"]]) {
    const { losses } = native("convert", path(name), "rdb", "--to", to, "--on-loss", "degrade", "--json").report;
    const session = new aikv.Session();
    session.feed(fixture(name));
    session.finish();
    const code = losses.find((loss) => loss.key !== undefined).code;
    const { rows } = await aikv.survey(fixture(name), { rowsOf: { to, code } });
    const { count, total } = session.select({ rows });
    const shown = session.rows(0, count).map(({ db, key }) => `${db} ${Buffer.from(key).toString()}`);
    const lost = new Set(losses.filter((loss) => loss.code === code).map(({ db, key }) => `${db} ${key}`));
    assert.deepEqual(new Set(shown), lost, name);
    assert.ok(count > 1 && count < total, name);
    assert.equal(session.select({ rows: rows.reverse(), types: ["list"] }).count, 0);
    await assert.rejects(aikv.convert(fixture(name), { to, filter: { rows } }), { name: "TypeError", message: /rows/ });
    session.free();
  }
  await assert.rejects(aikv.survey(fixture("redis-8.6/lru.rdb"), { rowsOf: { to: "redis-9" } }), TypeError);
});

test("under fail, a loss is told before there is any output", async () => {
  const name = "redis-8.6/field_expiry.rdb";
  const expected = native("convert", path(name), "rdb", "--to", "redis-7.2", "--json");
  assert.equal(expected.status, 4);
  assert.equal(expected.bytes, null);
  for (const source of [fixture(name), await openAsBlob(path(name)), createReadStream(path(name)), chunks(fixture(name), 7)]) {
    await assert.rejects(aikv.convert(source, { to: "redis-7.2" }), (error) => {
      assert.equal(error.code, "loss");
      assert.deepEqual(error.losses, expected.report.losses);
      assert.equal(error.report.refused, true);
      return true;
    });
  }
  const whole = native("convert", path("redis-7.0/hashes.rdb"), "rdb", "--to", "redis-6.2");
  for (const source of [fixture("redis-7.0/hashes.rdb"), createReadStream(path("redis-7.0/hashes.rdb")), chunks(fixture("redis-7.0/hashes.rdb"), 7)]) {
    const conversion = await aikv.convert(source, { to: "redis-6.2" });
    assert.ok(whole.bytes.equals(await conversion.bytes()));
    assert.deepEqual(conversion.losses, []);
  }
});

test("logs, JSON Lines and compressed files are converted as the command does", async () => {
  const lines = join(folder, "lines.jsonl");
  writeFileSync(lines, native("convert", path("redis-8.6/streams.rdb"), "jsonl").bytes);
  for (const input of [path("redis-7.0/plain.aof"), path("redis-7.0/rewritten.aof"), path("valkey-9.1/rewritten.aof"), path("compressed/nocompress.rdb.zst"), lines]) {
    for (const [container, extension, options] of [["rdb", "rdb", { to: "redis-8.6" }], ["rdb", "rdb", { to: "valkey-8.1" }], ["resp", "resp", { to: "redis-7.0" }], ["jsonl", "jsonl", {}]]) {
      const flags = options.to ? ["--to", options.to, "--on-loss", "degrade"] : [];
      const expected = native("convert", input, extension, ...flags);
      assert.ok(expected.bytes, expected.stderr);
      for (const size of [61, 1 << 20]) {
        const conversion = await aikv.convert(chunks(readFileSync(input), size), { ...options, container, onLoss: "degrade" });
        const bytes = await conversion.bytes();
        const at = `${input} ${extension} ${JSON.stringify(options)} by ${size}`;
        // Replaying takes the time: consumers were seen at it.
        if (input.endsWith(".aof")) assert.equal(difference(expected.bytes, bytes, extension), "", at);
        else assert.ok(expected.bytes.equals(bytes), at);
      }
    }
  }
});

test("what of a log is not in its data is told", async () => {
  const log = Buffer.from("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*3\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n0\r\n*3\r\n$5\r\nLPUSH\r\n$1\r\nk\r\n$1\r\nx\r\n");
  await assert.rejects(aikv.convert(log, { to: "redis-7.0" }), (error) => error.code === "loss" && error.losses[0].code === "commands");
  const conversion = await aikv.convert(log, { to: "redis-7.0", onLoss: "degrade" });
  await conversion.bytes();
  const { replay } = conversion.report;
  assert.deepEqual(conversion.losses.map(({ code, name, count }) => ({ code, name, count })), [{ code: "commands", name: "EVAL", count: 1 }]);
  assert.deepEqual(replay.skipped, [{ command: "EVAL", count: 1, offset: 27, mayChangeData: true }]);
  assert.equal(replay.failed.length, 1);
  assert.equal(replay.failed[0].command, "LPUSH");
  const { prospects } = await aikv.survey(log);
  assert.equal(prospects.length, new Set(targets.map(({ dialect, version }) => dialect + version)).size);
  for (const { losses, lossyKeys } of prospects) {
    assert.deepEqual(losses, [{
      code: "commands", what: "what commands that are not carried out may have changed", foundIn: "servers that load the log", outcome: "item-left-out", count: 1, keys: 0, name: "EVAL",
    }]);
    assert.equal(lossyKeys, 0);
  }
});

test("a log of a server with more databases than 16 needs their number", async () => {
  const log = Buffer.from("*2\r\n$6\r\nSELECT\r\n$2\r\n19\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
  for (const asked of [aikv.convert(log, { to: "redis-6.2" }), aikv.survey(log), aikv.survey(log, { databases: 19 })]) {
    await assert.rejects(asked, (error) => error.code === "bad-command" && /option `databases`.*found 19/.test(error.message));
  }
  const conversion = await aikv.convert(log, { to: "redis-6.2", databases: 20 });
  await conversion.bytes();
  assert.equal(conversion.report.last_db, 19);
  assert.equal((await aikv.survey(log, { databases: 20 })).keys, 1);
  for (const databases of [0, -1, "20", 2 ** 31]) await assert.rejects(aikv.convert(log, { to: "redis-6.2", databases }), TypeError);
});

test("a filter gives the same keys as the command's, also without another version", async () => {
  const input = path("redis-7.0/nocompress.rdb");
  const cases = [
    [{ text: "*list*", mode: "glob" }, ["--glob", "*list*"]], [{ types: ["hash", "zset"] }, ["-t", "hash", "-t", "zset"]],
    [{ minBytes: 40, maxBytes: 5000 }, ["--bytes", "40~5000"]], [{ text: "^i", mode: "regex" }, ["-k", "^i"]],
  ];
  for (const [filter, flags] of cases) {
    const copied = await aikv.convert(createReadStream(input), { filter });
    assert.ok(native("filter", input, "rdb", ...flags).bytes.equals(await copied.bytes()), `${flags}`);
    const converted = await aikv.convert(createReadStream(input), { to: "redis-3.2", onLoss: "degrade", filter });
    assert.ok(native("convert", input, "rdb", "--to", "redis-3.2", "--on-loss", "degrade", ...flags).bytes.equals(await converted.bytes()), `${flags}`);
    const key = ({ db, key: name, type, value }) => ({ db, name, type, value });
    const keysOf = (bytes) => Buffer.from(bytes).toString().trim().split("\n").map((line) => JSON.parse(line)).filter((line) => "key" in line).map(key);
    const lines = await aikv.convert(createReadStream(input), { container: "jsonl", filter });
    assert.deepEqual(keysOf(await lines.bytes()), keysOf(native("convert", input, "jsonl", ...flags).bytes), `${flags}`);
  }
});

test("options that are none are told at once", async () => {
  const bytes = fixture("redis-7.0/sets.rdb");
  for (const options of [{ to: "redis-7" }, { to: "redis-7.0", onLoss: "maybe" }, { to: "redis-7.0", container: "zip" }, { container: "aof" }, { to: "redis-7.0", container: "jsonl" }]) {
    await assert.rejects(aikv.convert(bytes, options), TypeError, JSON.stringify(options));
  }
  await assert.rejects(aikv.convert(bytes, { filter: { text: "(", mode: "regex" } }), { code: "bad-pattern" });
  await assert.rejects(async () => (await aikv.convert(Buffer.from("PK\x03\x04nothing"), { to: "redis-7.0", onLoss: "drop" })).bytes(), { code: "bad-magic" });
  for (const whole of [bytes, fixture("redis-7.0/nocompress.rdb"), fixture("redis-7.0/plain.aof")]) {
    await assert.rejects(aikv.convert(whole.subarray(0, 40), { to: "redis-7.0" }), { code: "truncated" });
    await assert.rejects(aikv.convert(whole.subarray(0, whole.length - 3), { to: "redis-7.0", onLoss: "degrade" }).then((conversion) => conversion.bytes()), { code: "truncated" });
  }
});

test("a conversion is streamed, told of, and stopped", async () => {
  const input = path("redis-7.0/nocompress.rdb");
  const told = [];
  const conversion = await aikv.convert(createReadStream(input, { highWaterMark: 4096 }), { to: "redis-7.2", onLoss: "drop", onProgress: (progress) => told.push(progress) });
  const pieces = [];
  for await (const piece of conversion.stream()) pieces.push(piece);
  assert.ok(pieces.length > 1);
  assert.ok(native("convert", input, "rdb", "--to", "redis-7.2").bytes.equals(Buffer.concat(pieces)));
  assert.deepEqual(told.at(-1), { bytes: readFileSync(input).length, pass: 1, passes: 1 });
  await assert.rejects(conversion.bytes(), TypeError);

  const controller = new AbortController();
  const stopped = await aikv.convert(createReadStream(input, { highWaterMark: 1024 }), {
    to: "redis-7.2", onLoss: "drop", signal: controller.signal, onProgress: () => controller.abort(),
  });
  await assert.rejects(stopped.bytes(), { name: "AbortError" });

  let isClosed = false;
  const endless = new ReadableStream({ pull: (control) => control.enqueue(new Uint8Array(fixture("redis-7.0/nocompress.rdb").subarray(0, 4200))), cancel: () => { isClosed = true; } });
  for await (const piece of await aikv.convert(endless, { to: "redis-7.2", onLoss: "drop" })) {
    assert.ok(piece.length > 0);
    break;
  }
  assert.ok(isClosed, "the source of a conversion that is left early");
});

test("entries that were read are encoded again", async () => {
  for (const name of ["redis-8.6/streams.rdb", "redis-7.0/zsets.rdb", "redis-8.0/functions.rdb", "redis-8.6/field_expiry.rdb", "redis-7.0/names.rdb"]) {
    const lines = join(folder, "entries.jsonl");
    writeFileSync(lines, native("convert", path(name), "jsonl").bytes);
    const expected = native("convert", lines, "rdb", "--to", "redis-8.6");
    const conversion = await aikv.encode(aikv.entries(createReadStream(path(name))), { to: "redis-8.6" });
    // Objects put names that are integers in front, so that fields may stand in another order.
    assert.equal(difference(expected.bytes, await conversion.bytes(), "rdb"), "", name);
  }
  const empty = await aikv.encode([], { to: "redis-7.0" });
  assert.equal(Buffer.from(await empty.bytes()).toString("latin1", 0, 9), "REDIS0010");
  const big = await aikv.encode([{ key: "@int", type: "string", value: "@int:1", expires_at_ms: 9007199254740993n }], { to: "redis-7.0" });
  const { encoding: _, ...key } = (await collect(aikv.entries(await big.bytes()))).find((entry) => "key" in entry);
  assert.deepEqual(key, { db: 0, key: "@int", type: "string", value: "@int:1", expires_at_ms: 9007199254740993n });
  await assert.rejects(aikv.encode([{ key: "h", type: "hash", value: { f: { value: "v", expires_at_ms: 9 } } }], { to: "redis-7.2" }), { code: "loss" });
  await assert.rejects(aikv.encode([{ key: "h", type: "hsh", value: {} }], { to: "redis-7.2" }), { code: "bad-json" });
});

async function collect(entries) {
  const all = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

test("a check finds what the command's does", async () => {
  const bytes = Buffer.from(fixture("redis-7.0/hashes.rdb"));
  const checksum = Buffer.from(bytes);
  checksum[checksum.length - 1] ^= 1;
  const files = [bytes, checksum, bytes.subarray(0, bytes.length - 40), Buffer.concat([bytes, Buffer.from("xyz")]), fixture("redis-7.0/plain.aof").subarray(0, 300)];
  for (const file of files) {
    const { findings } = JSON.parse(spawnSync(command, ["check", "-", "--json"], { encoding: "utf8", input: file }).stdout);
    const found = await collect(aikv.check(chunks(file, 100)));
    assert.deepEqual(found.map(({ severity, code, offset, repairable }) => [severity, code, offset, repairable]), findings.map(({ severity, code, offset, repairable }) => [severity, code, offset, repairable]));
  }
  // What can be read again is looked at behind the damage, too.
  const broken = Buffer.from(fixture("redis-7.0/nocompress.rdb")).fill(0, 440, 480).fill(0, 1500, 1540);
  const input = join(folder, "broken.rdb");
  for (const file of [broken, broken.subarray(0, 2000), Buffer.concat([bytes.subarray(0, 200), Buffer.from([0xf1]), bytes.subarray(201)])]) {
    writeFileSync(input, file);
    const { findings } = JSON.parse(spawnSync(command, ["check", input, "--json"], { encoding: "utf8" }).stdout);
    for (const source of [file, await openAsBlob(input)]) {
      const found = await collect(aikv.check(source));
      assert.deepEqual(found.map(({ code, offset, repairable, text }) => [code, offset, repairable, text]), findings.map(({ code, offset, repairable, text }) => [code, offset, repairable, text]));
    }
    assert.ok(findings.length > 1 || file !== broken, JSON.stringify(findings));
    assert.equal((await collect(aikv.check(chunks(file, 100)))).length, 1);
  }
  const cut = await collect(aikv.check(fixture("compressed/nocompress.rdb.gz").subarray(0, 500)));
  assert.equal(cut[0].compression, "gzip");
});

test("a damaged file is repaired as the command does it", async () => {
  const bytes = Buffer.from(fixture("redis-7.0/hashes.rdb"));
  const log = Buffer.from(fixture("redis-7.0/plain.aof")).fill(0xff, 2000, 2100).fill(0, 6000, 6100);
  for (const damaged of [bytes.subarray(0, bytes.length - 40), Buffer.concat([bytes.subarray(0, 200), Buffer.from([0xf1]), bytes.subarray(201)]), bytes, log]) {
    const input = join(folder, "damaged.rdb");
    writeFileSync(input, damaged);
    const expected = native("repair", input, "rdb", "--json");
    for (const source of [damaged, await openAsBlob(input)]) {
      const repaired = await aikv.repair(source);
      assert.deepEqual(repaired.report, expected.report);
      assert.ok(expected.bytes.equals(await repaired.bytes()));
    }
  }
  await assert.rejects(aikv.repair(fixture("compressed/nocompress.rdb.gz")), { code: "bad-magic" });
  await assert.rejects(aikv.repair(createReadStream(path("redis-7.0/hashes.rdb"))), TypeError);
});

/** Two hashes whose second pair was zeroed, and a string. */
const BROKEN = [..."hz"].map((key) => Buffer.from(`1001${key.charCodeAt(0).toString(16)}1313000000040081660281760200000000000000`, "hex"));
const BROKEN_FILE = Buffer.concat([Buffer.from("REDIS0011\xfe\0", "latin1"), ...BROKEN, Buffer.from("\0\x01s\x01v\xff\0\0\0\0\0\0\0\0", "latin1")]);

test("what is readable of broken values is kept, of all as the command does it or of those that are chosen", async () => {
  const input = join(folder, "damaged.rdb");
  writeFileSync(input, BROKEN_FILE);
  const expected = native("repair", input, "rdb", "--keep-readable", "--json");
  const repaired = await aikv.repair(BROKEN_FILE, { keepReadable: true });
  assert.deepEqual(repaired.report, expected.report);
  assert.ok(expected.bytes.equals(await repaired.bytes()));
  assert.deepEqual([repaired.report.keys, repaired.report.partial_keys], [3, 2]);

  const { report } = await aikv.repair(BROKEN_FILE);
  const offered = report.ranges.filter((range) => range.readable);
  assert.deepEqual(offered.map(({ readable, rewritten }) => [readable, rewritten]), [[{ elements: 1, stated: 2 }, undefined], [{ elements: 1, stated: 2 }, undefined]]);
  const second = await aikv.repair(BROKEN_FILE, { keepReadable: [offered[1].start] });
  assert.deepEqual(second.report.ranges.filter((range) => range.rewritten).map(({ start }) => start), [offered[1].start]);
  const entries = [];
  for await (const entry of aikv.entries(await second.bytes())) if ("key" in entry) entries.push([entry.key, entry.value]);
  assert.equal(JSON.stringify(entries), JSON.stringify([["z", { f: "v" }], ["s", "v"]]));
  for (const keepReadable of ["all", 1, [-1], ["0"]]) await assert.rejects(aikv.repair(BROKEN_FILE, { keepReadable }), TypeError);
});

for (const name of SERVERS) {
  test(`${name} loads what is written for it, and restores single values`, async (t) => {
    const program = findServer(name);
    if (!program) {
      t.skip(`there is no ${name}; tests/data/servers.sh obtains it`);
      return;
    }
    const source = "redis-8.6/field_expiry.rdb";
    const conversion = await aikv.convert(createReadStream(path(source)), { to: name, onLoss: "degrade" });
    const dump = await conversion.bytes();
    await withServer(program, async (ask) => {
      const keys = (await collect(aikv.entries(fixture(source)))).filter((entry) => "key" in entry && entry.type === "hash" && typeof entry.key === "string" && entry.db === 0);
      const isKept = ({ value }) => Object.values(value).every((held) => held.expires_at_ms === undefined || held.expires_at_ms > Date.now());
      const kept = keys.filter(isKept);
      assert.ok(kept.length > 0);
      for (const entry of kept) assert.equal(await ask("HLEN", entry.key), Object.keys(entry.value).length, entry.key);
      const values = [{ type: "string", value: "text" }, { type: "zset", value: [["a", 1], ["b", 2.5]] }, { type: "list", value: ["x", { $b64: "/w==" }] }, { type: "hash", value: { f: "v" } }];
      for (const value of values) {
        const { payload, losses } = await aikv.dump(value, { to: name });
        assert.deepEqual(losses, []);
        await ask("DEL", "restored");
        assert.equal(await ask("RESTORE", "restored", "0", payload), "OK");
        const back = await aikv.restore(await ask("DUMP", "restored"));
        assert.deepEqual([back.type, back.value], [value.type, value.value]);
      }
    }, { "dump.rdb": dump });
  });
}
