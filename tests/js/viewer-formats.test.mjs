// The formats that values are looked at in, without a browser: vectors of their specifications, what a real
// server counts, and bytes that are made to harm.

import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";
import { lineCount } from "../../www/document.js";
import { copyText, prepare, study } from "../../www/formats.js";
import { hyperLogLog } from "../../www/hyperloglog.js";
import { commandLines, restoreLine } from "../../www/redis-cli.js";
import { findServer, withServer } from "./support/server.mjs";

const hex = (digits) => Uint8Array.from(Buffer.from(digits.replaceAll(" ", ""), "hex"));
const utf8 = (text) => Uint8Array.from(Buffer.from(text));

/** The lines of a document as a reader sees them. */
function linesOf({ text, starts, ends, depths }) {
  return Array.from(starts, (start, at) => "  ".repeat(depths?.[at] ?? 0) + text.slice(start, ends[at]));
}

// Source: the examples and the format table of github.com/msgpack/msgpack/blob/master/spec.md.
const MSGPACK = [
  ["82 a7636f6d70616374 c3 a6736368656d61 00", '{"compact":true,"schema":0}'],
  ["97 c0 c2 c3 7f e0 ff 80", "[null,false,true,127,-32,-1,{}]"],
  ["94 ccff cdffff ceffffffff cfffffffffffffffff", "[255,65535,4294967295,18446744073709551615]"],
  ["94 d080 d18000 d280000000 d38000000000000000", "[-128,-32768,-2147483648,-9223372036854775808]"],
  ["93 ca3f800000 cb3fb999999999999a ca7fc00000", "[1.0,0.1,NaN]"],
  ["92 c403000102 d90161", '[bin "AAEC","a"]'],
  ["92 d6ff5a4af6a5 d50544 55", '[timestamp "2018-01-02T03:04:05Z",ext(5) "RFU="]'],
  ["92 dc000101 de000101a162", '[[1],{1:"b"}]'],
];
for (const [digits, compact] of MSGPACK) {
  test(`MessagePack ${digits} reads as ${compact}`, async () => {
    assert.ok(study(hex(digits), false).formats.includes("msgpack"));
    const document = await prepare("msgpack", hex(digits), false, 0);
    assert.equal(linesOf(document).map((line) => line.trim()).join(""), compact);
  });
}

test("MessagePack that is not whole, goes on behind its end, or holds the byte that means nothing is none", () => {
  for (const digits of ["92 01", "91 01 01", "91 c1", "df ffffffff", "dd ffffffff 01", "81 a1"]) {
    assert.ok(!study(hex(digits), false).formats.includes("msgpack"), digits);
  }
  // Of a value that is cut, what is there is shown.
  assert.ok(study(hex("92 01"), true).formats.includes("msgpack"));
  assert.ok(study(hex("df ffffffff a161 01 a162"), true).formats.includes("msgpack"));
});

test("a name such as __proto__ is text, also in MessagePack", async () => {
  const document = await prepare("msgpack", hex("81 a95f5f70726f746f5f5f 81 a161 01"), false, 0);
  assert.deepEqual(linesOf(document), ["{", '  "__proto__":{', '    "a":1', "  }", "}"]);
  assert.equal({}.a, undefined);
});

test("a bomb of levels is no MessagePack and no JSON, and is shown as bytes and text", () => {
  assert.equal(study(new Uint8Array(1 << 20).fill(0x91), false).suited, "hex");
  const deep = study(utf8("[".repeat(100_000)), false);
  assert.ok(!deep.formats.includes("json"));
  assert.equal(deep.suited, "text");
});

test("indents do not multiply a value that is copied", async () => {
  const text = `${"[".repeat(500)}${"1,".repeat(200_000)}1${"]".repeat(500)}`;
  assert.equal(await copyText("json", utf8(text)), text);
  const packed = Uint8Array.from([...Array(100).fill(0x91), 0xdd, 0, 1, 0x86, 0xa0, ...Array(100_000).fill(0xc0)]);
  assert.ok((await copyText("msgpack", packed)).length < 10 * packed.length);
  assert.equal(await copyText("json", utf8('{"a":[1,{}]}')), '{\n  "a": [\n    1,\n    {}\n  ]\n}');
});

for (const [name, pack] of [["gzip", gzipSync], ["zlib", deflateSync]]) {
  test(`${name} inside of a value is unpacked, and shown in the format that suits what it holds`, async () => {
    const packed = Uint8Array.from(pack('{"a":[1,2]}'));
    assert.equal(study(packed, false).suited, name);
    const document = await prepare(name, packed, false, 0);
    assert.deepEqual(linesOf(document), ["{", '  "a":[', "    1,", "    2", "  ]", "}"]);
    assert.match(document.note, /unpacked to 11 B\. Shown as JSON\.$/);
    assert.equal(await copyText(name, packed), '{\n  "a": [\n    1,\n    2\n  ]\n}');
  });

  test(`a ${name} bomb ends at 16 MiB`, async () => {
    const bomb = Uint8Array.from(pack(Buffer.alloc(300 << 20, "a")));
    assert.ok(bomb.length < 400_000);
    const document = await prepare(name, bomb, false, 0);
    assert.equal(document.text.length, 16 << 20);
    assert.match(document.note, /^The first 16\.0 MiB of what this/);
  });

  test(`${name} that is damaged or cut shows what came before`, async () => {
    const text = "the quick brown fox ".repeat(5000);
    const packed = Uint8Array.from(pack(text));
    const broken = packed.slice();
    broken.fill(0xff, broken.length - 12);
    const document = await prepare(name, broken, false, 0);
    assert.match(document.note, /is damaged\. .* could be unpacked\.$/);
    const part = await prepare(name, packed.subarray(0, packed.length - 10), true, 0);
    assert.match(part.note, /^The first/);
  });
}

test("what other programs wrote is told by name and not decoded", () => {
  const names = [
    [hex("aced0005 7400 0161"), "a serialized Java object"],
    [utf8('a:1:{s:1:"k";i:5;}'), "a serialized PHP value"],
    [utf8('O:8:"stdClass":0:{}'), "a serialized PHP value"],
    [hex("80049506000000000000008c0161942e"), "a Python pickle, protocol 4"],
    [utf8("a:1 b"), null],
  ];
  for (const [bytes, name] of names) assert.equal(study(bytes, false).name, name);
});

test("long lines are cut into pieces of whole characters, and wrapped ones fit", async () => {
  const text = "🦀".repeat(30_000);
  const document = await prepare("text", utf8(text), false, 0);
  const pieces = Array.from(document.froms, (from, at) => document.text.slice(from, document.froms[at + 1]));
  assert.equal(pieces.join(""), text);
  assert.ok(pieces.length > 1 && pieces.every((piece) => piece.length <= 20_000 && piece.isWellFormed()));
  const wrapped = await prepare("text", Uint8Array.from(Buffer.alloc(100, 0)), false, 40);
  // Each byte is shown as four characters.
  assert.equal(lineCount(wrapped), 10);
});

test("millions of line ends and brackets are laid out", async () => {
  const ends = new Uint8Array(4 << 20).fill(10);
  assert.equal(lineCount(await prepare("text", ends, false, 0)), (4 << 20) + 1);
  const brackets = utf8(`[${"[],".repeat(1_000_000)}[]]`);
  assert.equal(study(brackets, false).suited, "json");
  assert.equal(lineCount(await prepare("json", brackets, false, 0)), 1_000_003);
});

test("bytes that only begin like a HyperLogLog are none", () => {
  const header = Buffer.concat([Buffer.from("HYLL\x01\0\0\0", "latin1"), Buffer.alloc(8)]);
  const of = (body) => hyperLogLog(Uint8Array.from(Buffer.concat([header, Buffer.from(body)])));
  assert.equal(of([]), null);
  assert.equal(of([0x7f]), null, "an opcode that is cut");
  assert.equal(of([0x7f, 0xff, 0x80]), null, "more registers than there are");
  assert.equal(of([0x7f, 0xff]).estimate, 0);
  assert.equal(hyperLogLog(Uint8Array.from(Buffer.from("HYLL\0"))), null);
});

test("words for redis-cli are quoted where they are more than plain characters", () => {
  const resp = (...words) => Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...words.map((word) => Buffer.concat([Buffer.from(`$${Buffer.byteLength(word)}\r\n`), Buffer.from(word), Buffer.from("\r\n")]))]);
  const log = Buffer.concat([resp("SELECT", "0"), resp("SET", "a b", 'c"\\\r\n\t'), resp("SET", "", Buffer.from([0, 0xff])), resp("SET", "é", "it's")]);
  assert.equal(commandLines(log), 'SET "a b" "c\\"\\\\\\r\\n\\t"\nSET "" "\\x00\\xff"\nSET "\\xc3\\xa9" "it\'s"');
  const row = { key: Buffer.from("k"), expiresAtMs: 5, idleSeconds: null, freq: 7 };
  assert.equal(restoreLine(row, Buffer.from([0, 1])), 'RESTORE k 5 "\\x00\\x01" ABSTTL FREQ 7');
});

for (const name of ["redis-7.0", "redis-8.6", "valkey-9.1"]) {
  const path = findServer(name);
  test(`the estimate of a HyperLogLog is PFCOUNT of ${name}`, { skip: path ? false : "the server is not there; tests/data/servers.sh obtains it" }, async () => {
    await withServer(path, async (ask) => {
      for (const [key, size] of [["none", 0], ["few", 7], ["sparse", 500], ["dense", 20_000], ["large", 150_000]]) {
        if (size === 0) await ask("PFADD", key);
        for (let from = 0; from < size; from += 5000) {
          await ask("PFADD", key, ...Array.from({ length: Math.min(5000, size - from) }, (_, at) => `${key}:${from + at}`));
        }
        const counted = await ask("PFCOUNT", key);
        const read = hyperLogLog(Uint8Array.from(await ask("GET", key)));
        assert.equal(read.estimate, counted, key);
        assert.equal(read.isSparse, size < 5000, key);
        assert.equal(read.cached, BigInt(counted), `${key}: what PFCOUNT keeps`);
      }
    });
  });
}
