// One key as a line of JSON Lines, the format of `aikv export`. The key's bytes are put between a head
// and an end of their own, which makes them a snapshot of one key, and the package exports that.

import { entries } from "./aikv/index.js";

const MAGIC_BYTES = 9;
const END = 0xff;
/** A checksum of zero says there is none; before version 5 there is no place for one. */
const NO_CHECKSUM = [0, 0, 0, 0, 0, 0, 0, 0];
const FIRST_WITH_CHECKSUM = 5;

/** `source` begins with the magic of the snapshot the row is in. */
export async function jsonLine(source, row) {
  const head = await source.slice(0, MAGIC_BYTES).arrayBuffer();
  const key = await source.slice(row.offset, row.offset + row.bytes).arrayBuffer();
  const version = Number(new TextDecoder().decode(head).slice(-4));
  const end = version < FIRST_WITH_CHECKSUM ? [END] : [END, ...NO_CHECKSUM];
  const snapshot = new Blob([head, new Uint8Array([0xfe, ...length(row.db)]), key, new Uint8Array(end)]);
  for await (const entry of entries(snapshot)) {
    if ("key" in entry) return JSON.stringify(entry, (_, value) => (typeof value === "bigint" ? JSON.rawJSON?.(String(value)) ?? String(value) : value));
  }
  throw new Error("The key does not decode.");
}

/** A length in the snapshot's form of five bytes, or one when it fits six bits. */
function length(n) {
  return n < 64 ? [n] : [0x80, n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
}
