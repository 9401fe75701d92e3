// Where things stand, dumps of servers, and snapshots that are made up.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
export const data = join(root, "tests/data");
export const siteFolder = resolve(root, process.env.AIKV_SITE ?? "dist/site");

export const dump = (name) => readFileSync(join(data, name));
export const expected = (name) => JSON.parse(readFileSync(join(data, name.replace(/\.rdb$/, ".json")), "utf8")).keys;
export const bytes = (value) => (typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value.$b64, "base64"));

/** A length as snapshots write it. */
function length(n) {
  if (n < 64) return Buffer.from([n]);
  const long = Buffer.alloc(5);
  long[0] = 0x80;
  long.writeUInt32BE(n, 1);
  return long;
}

function item(content) {
  const held = Buffer.from(content);
  return Buffer.concat([length(held.length), held]);
}

/** A snapshot, its checksum off, of strings: `[[key, value]]`. */
export function strings(pairs) {
  const body = pairs.map(([key, value]) => Buffer.concat([Buffer.from([0]), item(key), item(value)]));
  return snapshot("REDIS0011", Buffer.concat(body));
}

export function snapshot(magic, body) {
  return Buffer.concat([Buffer.from(magic), Buffer.from(body, "latin1"), Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0])]);
}
