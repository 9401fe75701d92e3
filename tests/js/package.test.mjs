// The packed npm package, installed into an empty folder: both doors, types, bundling, and what it reads.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, existsSync, mkdirSync, mkdtempSync, openAsBlob, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { comparable, expectation, expectedEntry } from "./support/expected.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const bin = fileURLToPath(new URL("node_modules/.bin/", import.meta.url));
const data = join(root, "tests/data");
const folder = mkdtempSync(join(tmpdir(), "aikv-package-"));
const user = join(folder, "user");

let aikv;
let tarball;

function run(program, args, options = {}) {
  try {
    return execFileSync(program, args, { cwd: user, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...options });
  } catch (error) {
    throw new Error(`${program} ${args.join(" ")}\n${error.stdout ?? ""}\n${error.stderr ?? error.message}`);
  }
}

before(async () => {
  assert.ok(existsSync(join(root, "pkg/package.json")), "the package is assembled: cargo xtask pkg");
  mkdirSync(user);
  const [{ filename }] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder, join(root, "pkg")]));
  tarball = join(folder, filename);
  writeFileSync(join(user, "package.json"), '{ "private": true, "type": "module" }\n');
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball]);
  aikv = await import(pathToFileURL(join(user, "node_modules/aikv/node.mjs")));
});

after(() => rmSync(folder, { recursive: true, force: true }));

const fixture = (name) => readFileSync(join(data, name));

async function collect(source) {
  const all = [];
  for await (const entry of aikv.entries(source)) all.push(entry);
  return all;
}

/** The bytes in chunks of `size`, as a stream would bring them. */
async function* chunks(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test("the package is well formed", () => {
  run(join(bin, "publint"), ["--strict", join(user, "node_modules/aikv")]);
  run(join(bin, "attw"), [tarball, "--exclude-entrypoints", "./aikv_bg.wasm", "./aikv_tools_bg.wasm", "./worker", "./worker-thread"]);
});

test("the tarball holds two modules, the command, and no more than the doors to them", () => {
  const files = readdirSync(join(user, "node_modules/aikv")).sort();
  assert.deepEqual(files.filter((name) => name.endsWith(".wasm")), ["aikv_bg.wasm", "aikv_cli.wasm", "aikv_tools_bg.wasm"]);
  for (const name of ["README.md", "index.js", "index.d.ts", "node.cjs", "node.mjs", "node.d.cts", "node.d.mts"]) assert.ok(files.includes(name), name);
  const { version } = JSON.parse(readFileSync(join(user, "node_modules/aikv/package.json"), "utf8"));
  assert.equal(version, /^version = "(.*)"/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))[1]);
  assert.equal(aikv.version(), version);
});

test("import and require give the same objects", () => {
  writeFileSync(
    join(user, "doors.mjs"),
    `import { createRequire } from "node:module";
     import * as imported from "aikv";
     const required = createRequire(import.meta.url)("aikv");
     await imported.init();
     for (const name of ["Session", "entries", "init", "loadTools", "sniff", "supportedVersions", "unpack", "version"]) {
       if (typeof imported[name] !== "function" || imported[name] !== required[name]) throw new Error(name);
     }
     console.log("same");`,
  );
  assert.equal(run(process.execPath, ["doors.mjs"]).trim(), "same");
});

const EXAMPLE = `
import {
  check, convert, dump, encode, entries, init, repair, restore, Session, sniff, supportedVersions, survey, unpack,
  type Entry, type LossError, type Query, type Row, type ValuePage,
} from "aikv";

export async function names(file: Uint8Array): Promise<string[]> {
  await init();
  const found: string[] = [];
  for await (const entry of entries(file)) {
    if (!("key" in entry)) continue;
    if (entry.type === "zset") entry.value satisfies [unknown, number | "inf" | "-inf"][];
    if (typeof entry.key === "string") found.push(entry.key);
  }
  return found;
}

export function page(file: Uint8Array, query: Query): ValuePage | undefined {
  const session = new Session({ maxItemBytes: 1 << 20 });
  session.feed(file);
  session.finish();
  const { count } = session.select(query);
  const [row]: Row[] = session.rows(0, Math.min(count, 1));
  if (!row) return undefined;
  const reader = session.valueReader(row.id, { from: 0, count: 10 });
  reader.feed(file.subarray(row.offset, row.offset + row.bytes));
  const value = reader.finish();
  if (value.type === "string") value.bytes satisfies Uint8Array;
  return value;
}

export async function unpacked(file: Uint8Array): Promise<Blob> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of unpack(file)) pieces.push(new Uint8Array(piece));
  return new Blob(pieces);
}

export async function rolledBack(file: Blob, signal: AbortSignal): Promise<Uint8Array> {
  const { prospects, loadsIn } = await survey(file, { signal });
  loadsIn satisfies string[];
  prospects[0]?.losses[0]?.most?.row satisfies number | undefined;
  try {
    const conversion = await convert(file, { to: "redis-7.2", onLoss: "degrade", signal, onProgress: ({ bytes }) => void bytes });
    conversion.losses satisfies { code: string }[];
    return await conversion.bytes();
  } catch (error) {
    if ((error as LossError).code === "loss") throw new Error(String((error as LossError).losses.length));
    throw error;
  }
}

export async function made(): Promise<Uint8Array> {
  const entry = await restore((await dump({ type: "list", value: ["a"] }, { to: "valkey-8.1" })).payload);
  if (entry.type === "list") entry.value satisfies unknown[];
  const { report } = await repair(new Uint8Array());
  report.kept_bytes satisfies number;
  const chosen = report.ranges.filter(({ readable }) => readable && readable.elements > 1).map(({ start }) => start);
  (await repair(new Uint8Array(), { keepReadable: chosen })).report.partial_keys satisfies number;
  for await (const { severity } of check(new Uint8Array())) severity satisfies "error" | "warning";
  return (await encode([{ key: "k", type: "string", value: "v" }, { aux: ["a", "b"] }], { to: "rdb-11" })).bytes();
}
// @ts-expect-error a server that is none
export const nowhere = () => convert(new Uint8Array(), { to: "redis-99" });

export const kind: "rdb" | "aof" | "compressed" | "manifest" | "jsonl" | "unknown" = sniff(new Uint8Array()).kind;
export const newest: number | undefined = supportedVersions().redis?.[1];
// @ts-expect-error a sort that is none
export const wrong: Query = { sort: "colour" };
export type { Entry };
`;

const TYPESCRIPT = [
  ["Node, modules", "mts", { module: "nodenext", types: ["node"], lib: ["ES2022", "ESNext.AsyncIterable"] }],
  ["Node, CommonJS", "cts", { module: "nodenext", types: ["node"], lib: ["ES2022"] }],
  ["a bundler and the browser's types", "mts", { module: "esnext", moduleResolution: "bundler", types: [], lib: ["ES2022", "DOM", "DOM.AsyncIterable"] }],
];

for (const [name, extension, options] of TYPESCRIPT) {
  test(`types hold under strict TypeScript: ${name}`, () => {
    const where = mkdtempSync(join(user, "types-"));
    writeFileSync(join(where, `example.${extension}`), EXAMPLE);
    const compilerOptions = {
      target: "ES2022", strict: true, noEmit: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true,
      typeRoots: [fileURLToPath(new URL("node_modules/@types", import.meta.url))], ...options,
    };
    writeFileSync(join(where, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [`example.${extension}`] }));
    run(join(bin, "tsc"), ["-p", where]);
  });
}

test("Vite bundles it with the modules as files of their own", () => {
  const app = join(user, "app");
  mkdirSync(app);
  writeFileSync(join(app, "index.html"), '<script type="module" src="/main.js"></script>');
  writeFileSync(join(app, "main.js"), 'import { init, version } from "aikv"; init().then(() => console.log(version()));');
  run(join(bin, "vite"), ["build", "--logLevel", "error"], { cwd: app });
  const assets = readdirSync(join(app, "dist/assets"));
  assert.equal(assets.filter((name) => name.endsWith(".wasm")).length, 2);
  assert.equal(assets.filter((name) => name.endsWith(".js")).length, 1);
});

const SERVERS = readdirSync(data, { withFileTypes: true }).filter((entry) => entry.isDirectory() && /^(redis|valkey)-/.test(entry.name));

for (const { name: server } of SERVERS) {
  const snapshots = readdirSync(join(data, server)).filter((name) => name.endsWith(".rdb"));
  for (const name of snapshots) {
    test(`${server}/${name} reads as the server says`, async () => {
      const file = join(data, server, name);
      const expected = expectation(file.replace(/\.rdb$/, ".json"));
      const sniffed = aikv.sniff(readFileSync(file).subarray(0, 16));
      assert.deepEqual(sniffed, { kind: "rdb", dialect: expected.dialect, version: expected.rdb_version, supported: true });
      const found = await collect(createReadStream(file));
      assert.deepEqual(found[0], { snapshot: { dialect: expected.dialect, version: expected.rdb_version } });
      const aux = found.filter((entry) => "aux" in entry).map((entry) => entry.aux);
      for (const field of expected.aux) assert.ok(aux.some(([key, value]) => key === field[0] && value === field[1]), `aux ${field}`);
      assert.deepEqual(found.filter((entry) => "function" in entry).map((entry) => entry.function).sort(), [...expected.functions].sort());
      compareKeys(found.filter((entry) => "key" in entry), expected.keys, expected.rdb_version);
    });
  }
}

/** Servers tell of idle times from the beginning; snapshots hold them from this version on. */
const FIRST_WITH_IDLE = 9;

function compareKeys(found, expected, version) {
  const name = (entry) => JSON.stringify([entry.db, entry.key]);
  const byName = new Map(found.map((entry) => [name(entry), entry]));
  assert.equal(byName.size, found.length, "every key stands once");
  assert.deepEqual([...byName.keys()].sort(), expected.map(name).sort());
  for (const key of expected) {
    const { same, idle_s } = comparable(byName.get(name(key)), key);
    assert.deepEqual(same, expectedEntry(key), name(key));
    if (key.idle_s === undefined || version < FIRST_WITH_IDLE) assert.equal(idle_s, undefined);
    else assert.ok(idle_s >= key.idle_s && idle_s <= key.idle_s_at_most, `${name(key)} was idle ${idle_s} s`);
  }
}

for (const { name: server } of SERVERS) {
  for (const name of readdirSync(join(data, server)).filter((name) => name.endsWith(".aof"))) {
    test(`${server}/${name} reads as the commands that are in it`, async () => {
      const bytes = fixture(join(server, name));
      const expected = expectation(join(data, server, name.replace(/\.aof$/, ".json")));
      const found = await collect(bytes);
      const commands = found.filter((entry) => "command" in entry);
      assert.deepEqual(commands.map((entry) => entry.command), expected.commands);
      assert.deepEqual(commands.map((entry) => entry.offset), expected.offsets);
      const times = expected.annotations.flatMap(([line, before]) => (/^#TS:/.test(line) ? [[Number(line.slice(4)), before]] : []));
      const timeOf = (at) => times.findLast(([, before]) => before <= at)?.[0];
      assert.deepEqual(commands.map((entry) => entry.timestamp_s), commands.map((_, at) => timeOf(at)));

      const report = withSession([bytes], (session) => session.report());
      assert.equal(report.format, "aof");
      assert.equal(report.commands, expected.commands.length);
      assert.equal(report.version, expected.preamble_bytes ? Number(bytes.toString("latin1", 5, 9)) : null);
      assert.equal(report.keys, found.filter((entry) => "key" in entry).length);
      assert.equal(report.keys > 0, Boolean(expected.preamble_bytes));

      const cut = bytes.subarray(0, bytes.length - 3);
      const session = new aikv.Session();
      session.feed(cut);
      assert.throws(() => session.finish(), (error) => error.code === "truncated" && error.offset <= expected.offsets.at(-1));
      session.free();
    });
  }
}

test("the versions that are read are told, later ones refused", async () => {
  assert.deepEqual(aikv.supportedVersions(), { redis: [1, 15], valkey: [80, 80] });
  for (const [header, dialect, version] of [["REDIS0016", "redis", 16], ["VALKEY081", "valkey", 81]]) {
    assert.deepEqual(aikv.sniff(Buffer.from(header)), { kind: "rdb", dialect, version, supported: false });
    await assert.rejects(collect(Buffer.from(`${header}\xff`, "latin1")), { code: "unsupported-version" });
  }
});

test("every kind of source gives the same entries", async () => {
  const file = join(data, "valkey-8.1/streams.rdb");
  const bytes = readFileSync(file);
  const whole = await collect(new Uint8Array(bytes));
  assert.deepEqual(await collect(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)), whole);
  assert.deepEqual(await collect(await openAsBlob(file)), whole);
  assert.deepEqual(await collect((await openAsBlob(file)).stream()), whole);
  assert.deepEqual(await collect(createReadStream(file)), whole);
  await assert.rejects(collect(12), TypeError);
  await assert.rejects(collect(createReadStream(file, "latin1")), TypeError);
});

test("every size of chunk gives the same entries and the same index", async () => {
  for (const name of ["redis-7.0/hashes.rdb", "redis-2.8/zsets.rdb", "valkey-8.1/streams.rdb"]) {
    const bytes = fixture(name);
    const whole = await collect(bytes);
    const rows = indexOf([bytes]);
    for (const size of [1, 2, 3, 7, 64, 4096]) {
      assert.deepEqual(await collect(chunks(bytes, size)), whole, `${name} by ${size}`);
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
      assert.deepEqual(indexOf(pieces), rows, `${name} by ${size}`);
    }
  }
});

function indexOf(pieces) {
  return withSession(pieces, (session) => session.rows(0, session.select({}).count));
}

function withSession(pieces, use) {
  const session = new aikv.Session();
  try {
    for (const piece of pieces) session.feed(piece);
    session.finish();
    return use(session);
  } finally {
    session.free();
  }
}

const COMPRESSED = [["gz", "gzip"], ["lz4", "lz4"], ["zst", "zstd"]];

test("a compressed file reads as what is in it, from chunks of any size", async () => {
  const plain = fixture("redis-7.0/nocompress.rdb");
  const [entries, rows] = [await collect(plain), indexOf([plain])];
  for (const [extension, compression] of COMPRESSED) {
    const bytes = fixture(`compressed/nocompress.rdb.${extension}`);
    assert.deepEqual(aikv.sniff(bytes.subarray(0, 16)), { kind: "compressed", compression });
    for (const size of [1, 7, 64, bytes.length]) {
      assert.deepEqual(await collect(chunks(bytes, size)), entries, `${compression} by ${size}`);
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
      assert.deepEqual(indexOf(pieces), rows, `${compression} by ${size}`);
    }
    const { report, offset } = withSession([bytes], (session) => ({ report: session.report(), offset: session.offset }));
    assert.deepEqual([report.compression, report.unpackedBytes, offset], [compression, plain.length, plain.length]);
    assert.deepEqual([report.checksum, report.findings], [withSession([plain], (session) => session.report().checksum), []]);
  }
  const report = withSession([plain], (session) => session.report());
  assert.deepEqual([report.compression, report.unpackedBytes], [null, null]);
});

test("unpack gives the bytes of any file", async () => {
  const unpacked = async (source) => {
    const pieces = [];
    for await (const piece of aikv.unpack(source)) {
      assert.ok(piece.length > 0 && piece.length <= 4 << 20);
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  };
  const plain = fixture("redis-7.0/strings.rdb");
  assert.ok((await unpacked(plain)).equals(plain));
  assert.ok((await unpacked(chunks(plain, 1))).equals(plain));
  const squares = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `${((i + 1) * (i + 1)) % 997}\n`).join(""));
  for (const name of ["frames.lz4", "frames.zst", "linked.lz4", "members.gz", "squares.gz", "squares.zst"]) {
    const file = join(data, "compressed", name);
    assert.ok((await unpacked(createReadStream(file))).equals(squares), name);
    assert.ok((await unpacked((await openAsBlob(file)).stream())).equals(squares), name);
  }
  await assert.rejects(unpacked(12), TypeError);
});

test("a value is read from the unpacked bytes by the span of its row", async () => {
  const pieces = [];
  for await (const piece of aikv.unpack(createReadStream(join(data, "compressed/nocompress.rdb.zst")))) pieces.push(piece);
  const unpacked = Buffer.concat(pieces);
  const session = new aikv.Session();
  session.feed(fixture("compressed/nocompress.rdb.zst"));
  session.finish();
  session.select({ text: "intset" });
  const [row] = session.rows(0, 1);
  const reader = session.valueReader(row.id);
  assert.ok(reader.feed(unpacked.subarray(row.offset, row.offset + row.bytes)));
  const expected = expectation(join(data, "redis-7.0/nocompress.json")).keys.find((key) => key.key === "intset");
  const members = reader.finish().items.map((item) => Buffer.from(item).toString());
  assert.deepEqual(members.sort(), [...expected.value].sort());
  session.free();
});

test("prefixes, types and expiries are counted beside what a query chooses", () => {
  const session = new aikv.Session();
  session.feed(fixture("valkey-9.1/cluster.rdb"));
  session.finish();
  const keys = expectation(join(data, "valkey-9.1/cluster.json")).keys;
  const separators = ["}"];
  const level = (query, options) => {
    session.countPrefixes(query, { separators, ...options });
    for (;;) {
      const counted = session.countStep(3);
      if (counted) return counted;
    }
  };
  const pieces = (chosen) => Object.fromEntries(chosen.map(({ key }) => key.slice(0, key.indexOf("}") + 1)).map((piece, _, all) => [piece, all.filter((other) => other === piece).length]));
  const shown = ({ branches }) => Object.fromEntries(branches.map(({ name, keys: number }) => [Buffer.from(name).toString(), number]));
  assert.deepEqual(shown(level({})), pieces(keys));
  assert.deepEqual(shown(level({ types: ["hash"], prefix: Buffer.from("nothing") })), pieces(keys.filter(({ type }) => type === "hash")));
  const named = level({}, { most: 1 });
  assert.deepEqual([named.branches.length, named.inBranches.count, named.inBranches.keys], [1, Object.keys(pieces(keys)).length, keys.length]);
  const prefix = Buffer.from("{slot-1}");
  const under = keys.filter(({ key }) => key.startsWith("{slot-1}"));
  assert.deepEqual(level({}, { prefix }).leaves.map((row) => Buffer.from(row.key).toString()).sort(), under.map(({ key }) => key).sort());

  assert.throws(() => session.select({ types: ["hash", "hashes"] }), (error) => error instanceof TypeError && /there is no type hashes/.test(error.message));
  const { count, types, expiry } = session.select({ prefix, types: ["hash"], nowMs: 0 });
  assert.equal(count, under.filter(({ type }) => type === "hash").length);
  // Both as if their own rule was none.
  assert.deepEqual(Object.fromEntries(types.map(({ type, keys: number }) => [type, number])), { string: 1, hash: 1 });
  assert.deepEqual([expiry.never, expiry.later], [1, 0]);
  assert.equal(session.select({ leaves: true, separators, prefix: Buffer.from("{slot-") }).count, 0);
  assert.equal(session.select({ leaves: true, separators: ["hash"], prefix }).count, 1);
  assert.equal(session.select({}).types, undefined);
  assert.throws(() => session.countStep(1), TypeError);
  assert.throws(() => session.countPrefixes({}, { separators: [1] }), TypeError);
  assert.throws(() => session.select({ prefix: "text" }), TypeError);
  session.free();
});

test("damage to the compression is told from damage to what is inside", async () => {
  for (const [extension, compression] of COMPRESSED) {
    const bytes = fixture(`compressed/nocompress.rdb.${extension}`);
    const whole = await collect(bytes);
    const flipped = Buffer.from(bytes);
    flipped[flipped.length - 1] ^= 1;
    const code = extension === "gz" ? "bad-length" : "bad-checksum";
    const before = [];
    await assert.rejects(async () => { for await (const entry of aikv.entries(flipped)) before.push(entry); }, { code, compression, offset: bytes.length - 4 });
    assert.deepEqual(before, whole, "all that was unpacked comes before");

    const session = new aikv.Session();
    assert.throws(() => session.feed(flipped), { code, compression, message: /^in the compressed file \((gzip|lz4|zstd)\): expected/ });
    assert.throws(() => session.finish(), { code, compression });
    const { checksum, findings } = session.report();
    assert.equal(checksum, "matches", "of the snapshot inside");
    assert.deepEqual(findings.map(({ severity, code, compression, offset }) => ({ severity, code, compression, offset })), [{ severity: "error", code, compression, offset: bytes.length - 4 }]);
    session.free();

    const cut = new aikv.Session();
    cut.feed(bytes.subarray(0, bytes.length >> 1));
    assert.throws(() => cut.finish(), { code: "truncated", compression, offset: bytes.length >> 1 });
    cut.free();
  }
  // A window of 128 MiB.
  await assert.rejects(collect(Buffer.from("28b52ffd00880100000000", "hex")), { code: "limit-exceeded", compression: "zstd", offset: 0 });
  // A zstd block that holds a gzip file.
  await assert.rejects(collect(Buffer.from("28b52ffd20031900001f8b08", "hex")), { code: "bad-magic", compression: "zstd" });
});

test("a stream that is left early is closed", async () => {
  let isClosed = false;
  const stream = new ReadableStream({
    start: (controller) => controller.enqueue(new Uint8Array(fixture("redis-7.0/hashes.rdb").subarray(0, 200))),
    cancel: () => { isClosed = true; },
  });
  for await (const entry of aikv.entries(stream)) {
    assert.ok("snapshot" in entry);
    break;
  }
  assert.ok(isClosed);
});

test("integers beyond 2^53 are exact", async () => {
  const parts = [
    Buffer.from("REDIS0011"),
    Buffer.from([0xfc, 1, 0, 0, 0, 0, 0, 0x20, 0, 0, 1, 0x6b, 1, 0x76]), // expires at 2^53 + 1 ms: k = v
    Buffer.from([3, 1, 0x7a, 1, 1, 0x6d, 17]), Buffer.from("10000000000000002"), // z = m with a score, as text
    Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0]),
  ];
  const file = Buffer.concat(parts);
  const [, key, zset] = await collect(file);
  assert.equal(key.expires_at_ms, 9007199254740993n);
  assert.deepEqual(zset.value, [["m", 10000000000000002]]);
  const [row] = withSession([file], (session) => (session.select({}), session.rows(0, 1)));
  assert.equal(row.expiresAtMs, 9007199254740993n);
});

test("module values come with what is readable of them", async () => {
  const file = join(data, "modules/modules.rdb");
  const bytes = readFileSync(file);
  const expected = JSON.parse(readFileSync(file.replace(/\.rdb$/, ".json"), "utf8")).keys;
  const entries = new Map((await collect(bytes)).filter((entry) => "key" in entry).map((entry) => [entry.key, entry.value]));
  const session = new aikv.Session();
  session.feed(bytes);
  session.finish();
  session.select({});
  for (const row of session.rows(0, session.rowCount)) {
    const key = expected.find((one) => one.key === Buffer.from(row.key).toString());
    const reader = session.valueReader(row.id, { from: 0, count: 1 });
    reader.feed(bytes.subarray(row.offset, row.offset + row.bytes));
    const page = reader.finish();
    reader.free();
    assert.deepEqual([page.module, page.encver, page.items.length], [key.module, key.encver, 1]);
    if (key.document !== undefined) assert.equal(page.readable, key.document);
    // Integers beyond 2^53 are the one difference between an entry and what is parsed here.
    if (key.key !== "json:numbers") assert.deepEqual(entries.get(key.key).readable, JSON.parse(page.readable));
  }
  session.free();
  const [, , max, min, larger] = entries.get("json:numbers").readable;
  assert.deepEqual([max, min, larger], [2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n]);
});

test("a document that looks like the line of a sorted set keeps its integers", async () => {
  const text = Buffer.from('{"type":"zset","value":[[12345678901234567890]]}');
  const id = Buffer.from("8145e25238df912c03", "hex");
  const file = Buffer.concat([Buffer.from("REDIS0011\x07\x01k", "latin1"), id, Buffer.from([5, text.length]), text, Buffer.from([0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0])]);
  const [, { value }] = await collect(file);
  assert.deepEqual(value.readable, { type: "zset", value: [[12345678901234567890n]] });
});

test("damage is an error with code, offset and key, behind all that was whole", async () => {
  const bytes = Buffer.from(fixture("redis-7.0/strings.rdb"));
  const whole = await collect(bytes);
  const cut = bytes.subarray(0, bytes.length >> 1);
  const before = [];
  await assert.rejects(async () => { for await (const entry of aikv.entries(cut)) before.push(entry); }, (error) => {
    assert.ok(error instanceof Error);
    assert.equal(error.code, "truncated");
    assert.ok(error.offset <= cut.length && error.offset > 9);
    assert.equal(error.db, 0);
    assert.ok(error.key instanceof Uint8Array && typeof error.keyText === "string");
    assert.match(error.message, /found the end: byte \d+, key/);
    return true;
  });
  assert.deepEqual(before, whole.slice(0, before.length));
  assert.ok(before.length > 5);

  const flipped = Buffer.from(bytes);
  flipped[flipped.length - 1] ^= 1;
  const session = new aikv.Session();
  assert.throws(() => session.feed(flipped), { code: "bad-checksum", offset: bytes.length - 8 });
  assert.throws(() => session.finish(), { code: "bad-checksum" });
  assert.equal(session.rowCount, whole.filter((entry) => "key" in entry).length);
  const report = session.report();
  assert.equal(report.checksum, "mismatch");
  assert.deepEqual(report.findings.map(({ severity, code, offset }) => ({ severity, code, offset })), [{ severity: "error", code: "bad-checksum", offset: bytes.length - 8 }]);
  session.free();
});

test("an object has no member twice", async () => {
  const file = Buffer.concat([Buffer.from("REDIS0011"), Buffer.from([4, 1, 0x68, 2, 1, 0x66, 1, 0x31, 1, 0x66, 1, 0x32, 0xff, 0, 0, 0, 0, 0, 0, 0, 0])]);
  await assert.rejects(collect(file), { code: "duplicate", offset: 17, keyText: "h" });
});

/** A snapshot with `body`, its checksum off. */
function snapshot(magic, ...body) {
  return Buffer.concat([Buffer.from(magic), ...body.map((part) => Buffer.from(part, "latin1")), Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0])]);
}

/** A version to come, a set without members, a packed hash with a wrong size of an entry, a hash with a field twice. */
const ODD = snapshot("REDIS0099", "\x02\x01e\x00", "\x10\x01h\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x03\xff", "\x04\x01t\x02\x01f\x011\x01f\x012", "\x00\x01k\x01v");

test("a lenient reading goes on, and tells of each deviation where it is", async () => {
  await assert.rejects(collect(ODD), { code: "unsupported-version", offset: 5 });
  for (const size of [ODD.length, 1]) {
    const found = [];
    for await (const entry of aikv.entries(chunks(ODD, size), { lenient: true })) found.push(entry);
    const shown = found.map((entry) => (entry.deviation ? `${entry.deviation.code} ${entry.deviation.offset}` : entry.key ?? "snapshot"));
    assert.deepEqual(shown, ["snapshot", "unsupported-version 5", "bad-value 12", "h", "bad-packed 26", "t", "duplicate 38", "k"]);
    assert.deepEqual(found[2].deviation, { code: "bad-value", offset: 12, key: "e", key_bytes: 1, encoding: "set", text: found[2].deviation.text });
    assert.deepEqual(found[5].value, { f: "1" });
  }

  const session = new aikv.Session({ lenient: true });
  session.feed(ODD);
  session.finish();
  const { findings, findingsLeftOut, keys } = session.report();
  assert.deepEqual(findings.map(({ severity, code, offset, repairable }) => [severity, code, offset, repairable]),
    [["error", "unsupported-version", 5, true], ["error", "bad-value", 12, true], ["error", "bad-packed", 26, true]]);
  assert.deepEqual([keys, findingsLeftOut], [3, 0]);
  session.select({});
  const [hash] = session.rows(0, 1);
  assert.deepEqual(readValue(session, ODD, hash).items, [{ field: new Uint8Array([0x66]), value: new Uint8Array([0x76]) }]);
  session.free();
  assert.throws(() => new aikv.Session({ lenient: "yes" }), TypeError);
});

/** A packed hash whose end byte is missing, between two strings. */
const BROKEN = snapshot("REDIS0011", "\x00\x01a\x01v", "\x10\x01h\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x02\x00", "\x00\x01k\x01v");
const BROKEN_KEY = 14;
const BROKEN_END = 31;

test("a lenient session reads on behind a value that cannot be read, where it is fed again from there", () => {
  const session = new aikv.Session({ lenient: true });
  assert.throws(() => session.feed(BROKEN), { code: "bad-packed", offset: BROKEN_END - 1 });
  assert.equal(session.goOn(), BROKEN_KEY);
  session.feed(BROKEN.subarray(BROKEN_KEY));
  assert.equal(session.goOn(), undefined);
  session.finish();
  const report = session.report();
  assert.deepEqual([report.keys, report.damagedKeys, report.damagedBytes, report.checksum], [3, 1, BROKEN_END - BROKEN_KEY, "pending"]);
  assert.deepEqual(report.findings.map(({ code, offset, row, nextRow, encoding }) => ({ code, offset, row, nextRow, encoding })), [{ code: "bad-packed", offset: BROKEN_END - 1, row: 1, nextRow: 2, encoding: "hash-listpack" }]);
  const { meanings, elements, stated } = session.explain(BROKEN_KEY, BROKEN.subarray(BROKEN_KEY), 0, BROKEN_KEY, BROKEN_END);
  assert.deepEqual([meanings.map(({ text, readable }) => [text, readable]), elements, stated], [[["key h: hash-listpack", true], ["header of the listpack", true], ["f = v", true], ["does not decode", false]], 1, 1]);
  assert.equal(session.hasRoom(1), true);
  session.free();
});

test("more deviations than are kept are counted", () => {
  const file = snapshot("REDIS0011", "\x02\x01e\x00".repeat(1500));
  const session = new aikv.Session({ lenient: true });
  session.feed(file);
  session.finish();
  const report = session.report();
  assert.deepEqual([report.findings.length, report.findingsLeftOut], [1000, 500]);
  session.free();
});

function readValue(session, file, row, options) {
  const reader = session.valueReader(row.id, options);
  reader.feed(file.subarray(row.offset, row.offset + row.bytes));
  const value = reader.finish();
  reader.free();
  return value;
}

function rowsOf(session) {
  return session.rows(0, session.select({}).count);
}

test("a row is a line of JSON, as entries give it", async () => {
  for (const name of ["redis-2.8/hashes.rdb", "redis-8.6/streams.rdb", "valkey-9.1/field_expiry.rdb", "redis-8.6/databases.rdb"]) {
    const bytes = fixture(name);
    const keys = (await collect(bytes)).filter((entry) => "key" in entry);
    withSession([bytes], (session) => {
      const lines = rowsOf(session).map((row) => {
        const reader = session.lineReader(row.id);
        const span = bytes.subarray(row.offset, row.offset + row.bytes);
        reader.feed(span.subarray(0, span.length >> 1));
        assert.ok(reader.feed(span.subarray(span.length >> 1)));
        const line = reader.finish();
        reader.free();
        assert.ok(line.endsWith("}\n"));
        return JSON.parse(line);
      });
      assert.equal(lines.length, keys.length);
      // Integers beyond 2^53 are no numbers of JavaScript.
      const rounded = (value) => JSON.parse(JSON.stringify(value, (_, one) => (typeof one === "bigint" ? Number(one) : one)));
      assert.deepEqual(lines.map(rounded), keys.map(rounded), name);
    });
  }
});

test("values of newer types are pages like others", () => {
  const array = "\x1c\x01a\x03\x01\x03\x00\x01\xfb\xff\xff\xff\xff\xff\xff\xff\x01\x02\0\0\0\0\0\0\xf8\x3f\x80\x00\x0f\x42\x40\x03\x02zz";
  const id = "\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x01";
  const group = `\x01g\x07\x01\x01\x01${id}\0\0\0\0\0\0\0\0\x01\x00\x01${id}`;
  const stream = `\x1b\x01s\x00\x00\x09\x00\x00\x00\x00\x00\x09\x01${group}\x40\x64\x0a\x01\x01p\x01\x01i\x07\x01\x03\x01`;
  const templates = "\xf2\x03\x02\x01a\x02bb";
  const hash = "\x20\x01h\x03\x01x\x01y";
  const file = snapshot("REDIS0015", templates, array, stream, hash);
  const text = (bytes) => Buffer.from(bytes).toString();
  withSession([file], (session) => {
    const rows = rowsOf(session);
    assert.deepEqual(rows.map(({ type, encoding, elements }) => [type, encoding, elements]), [["array", "array", 3], ["stream", "stream-listpacks-5", 0], ["hash", "hash-tmpl-array-ref", 2]]);
    const page = readValue(session, file, rows[0]);
    assert.deepEqual([page.type, page.insertIndex, page.total], ["array", 3, 3]);
    assert.deepEqual(page.items.map(({ index, value }) => [index, text(value)]), [[0, "-5"], [1, "1.5"], [1_000_000, "zz"]]);
    const { groups, idempotency } = readValue(session, file, rows[1]);
    assert.deepEqual(groups.map((one) => [text(one.name), one.pending, one.returned]), [["g", 1, 1]]);
    assert.deepEqual({ ...idempotency, producers: idempotency.producers.map((one) => [text(one.name), one.ids]) },
      { durationSeconds: 100, maxIds: 10, producers: [["p", 1]], added: 3, duplicates: 1 });
    // The names of its fields stand at the head of the file.
    assert.deepEqual(readValue(session, file, rows[2]).items.map(({ field, value }) => [text(field), text(value)]), [["a", "x"], ["bb", "y"]]);
    const line = session.lineReader(rows[2].id);
    line.feed(file.subarray(rows[2].offset, rows[2].offset + rows[2].bytes));
    assert.deepEqual(JSON.parse(line.finish()).value, { a: "x", bb: "y" });
  });
});

test("fields that expire have their expiry", () => {
  for (const server of ["redis-8.0", "redis-8.6", "valkey-9.1"]) {
    const bytes = fixture(`${server}/field_expiry.rdb`);
    const expected = expectation(join(data, server, "field_expiry.json")).keys.find(({ key }) => key === "all").value;
    withSession([bytes], (session) => {
      const row = rowsOf(session).find(({ key }) => Buffer.from(key).toString() === "all");
      const fields = readValue(session, bytes, row).items.map(({ field, value, expiresAtMs }) => [Buffer.from(field).toString(), { value: Buffer.from(value).toString(), expires_at_ms: expiresAtMs }]);
      assert.deepEqual(Object.fromEntries(fields), expected, server);
    });
  }
});

test("names that objects have by nature are fields like others", async () => {
  const field = (name) => [name.length, ...Buffer.from(name), 1, 0x76];
  const names = ["__proto__", "constructor", "toString", "12"];
  const file = Buffer.concat([Buffer.from("REDIS0011"), Buffer.from([4, 1, 0x68, names.length, ...names.flatMap(field), 0xff, 0, 0, 0, 0, 0, 0, 0, 0])]);
  const [, { value }] = await collect(file);
  assert.deepEqual(Object.entries(value).sort(), names.map((name) => [name, "v"]).sort());
});

test("what is no snapshot is said to be so", () => {
  assert.deepEqual(aikv.sniff(new Uint8Array()), { kind: "unknown", looksLike: "empty" });
  assert.deepEqual(aikv.sniff(Buffer.from("504b0304140000000800", "hex")), { kind: "unknown", looksLike: "zip" });
  assert.equal(aikv.sniff(fixture("redis-2.8/plain.aof").subarray(0, 16)).kind, "aof");
  const session = new aikv.Session();
  assert.throws(() => session.feed(Buffer.from("no snapshot at all")), { code: "bad-magic", offset: 0 });
  session.free();
});
