// What a server said about its own content, brought into one form with what the package read from its file.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** The JSON beside a fixture. Integers that doubles cannot hold become text, but for scores, which are doubles. */
export function expectation(file) {
  const lines = readFileSync(file, "utf8").split("\n").map((line) => (/"type":\s*"zset"/.test(line) ? line : line.replace(STRING_OR_NUMBER, quoted)));
  return JSON.parse(lines.join("\n"));
}

function quoted(token) {
  return /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token;
}

/** An entry of the package in the form of `expectation`, with only the members that the server told of. */
export function comparable(entry, expected) {
  const { encoding, idle_s, key_meta, ...rest } = entry;
  assert.equal(key_meta === undefined, expected?.metadata === undefined, "metadata");
  const same = inText({ ...rest, value: ordered(entry.type, told(entry.value, expected?.value)) });
  return { same, idle_s: idle_s === undefined ? undefined : Number(idle_s) };
}

/** The server's own word on a key in the form of `comparable`. */
export function expectedEntry(expected) {
  const { object_encoding, idle_s, idle_s_at_most, metadata, dump, ...rest } = expected;
  const value = rest.type === "module" ? { module: rest.value.module, payload: payloadOf(rest.value.dump) } : rest.value;
  return { ...rest, value: ordered(rest.type, value) };
}

/** DUMP puts a version of two bytes and a checksum of eight behind the body. */
function payloadOf(dump) {
  return Buffer.from(dump.$b64, "base64").subarray(0, -10).toString("base64");
}

/** Servers tell of fewer members of a stream the older they are, and not of a module's version. */
function told(value, expected) {
  if (value?.payload) return { module: value.module, payload: value.payload.$b64 };
  if (!value?.groups || !expected?.groups) return value;
  const { idempotency } = value;
  // `XINFO STREAM` counts producers and their ids; entries have them.
  const counted = idempotency && {
    idmp_duration: idempotency.duration_s, idmp_maxsize: idempotency.max_ids,
    pids_tracked: idempotency.producers.length, iids_tracked: idempotency.producers.reduce((sum, { ids }) => sum + ids.length, 0),
    iids_added: idempotency.added, iids_duplicates: idempotency.duplicates,
  };
  const consumers = (group, at) => group.consumers.map((consumer, i) => only(consumer, expected.groups[at]?.consumers[i]));
  const groups = value.groups.map((group, at) => ({ ...group, consumers: consumers(group, at) }));
  return only({ ...value, groups, idempotency: counted }, expected);
}

function only(object, expected = {}) {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name in expected));
}

/** Sets and sorted sets in one order, whatever that of the file or of the answer is. */
function ordered(type, value) {
  if (type !== "set" && type !== "zset") return value;
  const text = (item) => JSON.stringify(type === "zset" ? item[0] : item);
  return [...value].sort((a, b) => (text(a) < text(b) ? -1 : 1));
}

function inText(value) {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.map(inText);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, inText(member)]));
}
