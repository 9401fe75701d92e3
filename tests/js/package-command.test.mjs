// `npx aikv`: the command within the package, against the native one (`AIKV_BIN`): the same output and exit codes.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { data, install } from "./support/installed.mjs";

const native = process.env.AIKV_BIN;
const skip = native ? false : "no aikv command named in AIKV_BIN";
if (skip && process.env.CI === "true") throw new Error(skip);

const folder = mkdtempSync(join(tmpdir(), "aikv-command-"));
let installed;
before(async () => {
  installed = await install("command");
  const strings = readFileSync(join(data, "redis-7.0/strings.rdb"));
  writeFileSync(join(folder, "cut.rdb"), strings.subarray(0, strings.length >> 1));
  writeFileSync(join(folder, "flipped.rdb"), Buffer.concat([strings.subarray(0, -1), Buffer.from([strings.at(-1) ^ 1])]));
  writeFileSync(join(folder, "none.rdb"), "nothing of the kind");
  mkdirSync(join(folder, "out"));
});
after(() => {
  installed?.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** What a command comes to: `{ code, stdout, stderr }`. */
function run(program, args, { cwd = data, stdin } = {}) {
  return new Promise((resolve) => {
    const child = execFile(program, args, { cwd, encoding: "buffer", maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      // The system's numbers for its errors are others in WASI.
      resolve({ code: error ? error.code : 0, stdout: told(stdout), stderr: String(stderr).replaceAll(/ \(os error \d+\)/g, "") });
    });
    child.stdin.end(stdin);
  });
}

/** The clock is the one thing that no two runs have in common. */
const told = (bytes) => bytes.toString("latin1").replace(/"now_ms":\d+|Expiry as of \S+ \S+ UTC/, "now");

/** Runs each line of arguments by both commands, some at a time. */
async function compare(lines, options) {
  const rest = [...lines];
  const codes = new Set();
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    for (let args = rest.pop(); args; args = rest.pop()) {
      const program = join(installed.user, "node_modules/.bin/aikv");
      const [ours, theirs] = [await run(program, args, options), await run(native, args, options)];
      assert.deepEqual(ours, theirs, args.join(" "));
      codes.add(ours.code);
    }
  }));
  return codes;
}

const SERVERS = readdirSync(data).filter((name) => /^(redis|valkey)-/.test(name));
const FILES = SERVERS.map((server, at) => {
  const names = readdirSync(join(data, server)).filter((name) => name.endsWith(".rdb"));
  return `${server}/${names[(at * 5) % names.length]}`;
});
const LOG = "redis-6.2/preamble.aof";

test("info, keys, check and export print what the native command prints", { skip }, async () => {
  const lines = FILES.flatMap((file, at) => [["info", file, ...(at % 2 ? ["--json"] : [])], ["keys", file, ...(at % 2 ? [] : ["--json"])],
    ["export", file, "--format", ["jsonl", "csv", "resp", "json"][at % 4]]]);
  const others = [["info", LOG], ["keys", LOG], ["check", LOG], ["export", LOG], ["check", FILES[0], "--json"], ["check", FILES[4]],
    ["keys", "compressed/nocompress.rdb.zst", "--type", "hash", "--glob", "*a*"], ["info", "modules/modules.rdb"],
    ["keys", FILES[6], "--expiry", "any", "--bytes", "10~1MiB", "-k", "^[a-m]", "-K", "z"]];
  assert.deepEqual(await compare([...lines, ...others]), new Set([0]));
});

test("show prints a value as people, JSON and programs want it, and says where there is none", { skip }, async () => {
  const file = "valkey-8.1/hashes.rdb";
  const codes = await compare([["show", file, "small"], ["show", file, "small", "--json"], ["show", file, "none"], ["show", file, "small", "--raw"], ["show", LOG, "none"]]);
  assert.deepEqual([...codes].sort(), [0, 1, 2]);
});

test("damage, wrong usage and files that are not there end in the same words and codes", { skip }, async () => {
  const lines = [["info", "cut.rdb"], ["info", "cut.rdb", "--json"], ["keys", "cut.rdb"], ["check", "flipped.rdb"], ["check", "flipped.rdb", "--json"],
    ["export", "--lenient", "flipped.rdb"], ["info", "none.rdb"], ["info", "absent.rdb"], ["keys", "cut.rdb", "--type", "colour"], ["keys", "cut.rdb", "-k", "["], ["--version"]];
  assert.deepEqual([...await compare(lines, { cwd: folder })].sort(), [0, 1, 2, 3]);
});

test("a file from a pipe is read like any other", { skip }, async () => {
  await compare([["keys", "-"], ["info", "-", "--json"]], { stdin: readFileSync(join(data, "valkey-8.1/sets.rdb")) });
});

test("convert writes the same bytes, and refuses the same losses", { skip }, async () => {
  const source = join(data, "redis-8.0/field_expiry.rdb");
  const program = join(installed.user, "node_modules/.bin/aikv");
  const written = async (command, name, ...args) => {
    const out = join("out", name);
    const { code, stderr } = await run(command, ["convert", source, out, ...args], { cwd: folder });
    const bytes = existsSync(join(folder, out)) ? readFileSync(join(folder, out)) : null;
    rmSync(join(folder, out), { force: true });
    return { code, stderr, bytes };
  };
  for (const [name, args, code] of [["a.rdb", ["--to", "redis-7.2", "--on-loss", "degrade"], 0], ["b.aof", ["--to", "redis-8.0"], 0], ["c.rdb", ["--to", "redis-6.2"], 4], ["d.jsonl", [], 0]]) {
    const [ours, theirs] = [await written(program, name, ...args), await written(native, name, ...args)];
    assert.deepEqual(ours, theirs, name);
    assert.equal(ours.code, code, name);
    assert.equal(ours.bytes === null, code !== 0);
  }
  assert.deepEqual(readdirSync(join(folder, "out")), [], "nothing half written is left");
});
