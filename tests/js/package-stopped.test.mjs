// What a caller learns when the WebAssembly module stops in the middle: why, and not that it takes its objects back no more.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkBy, convertBy, repairBy, surveyBy } from "../../pkg-template/convert.js";
import { entriesBy, unpackBy } from "../../pkg-template/entries.js";
import { infoBy, openIndexBy } from "../../pkg-template/reading.js";

const STOP = new WebAssembly.RuntimeError("unreachable");

/** An object of a module that stops at its first chunk; as the glue does, it refuses what is asked of it then. */
class Stopping {
  #isStopped = false;

  feed() {
    this.#isStopped = true;
    throw STOP;
  }

  wanted() {
    return 0;
  }

  #refuse() {
    if (this.#isStopped) throw new Error("recursive use of an object detected");
  }

  free() {
    this.#refuse();
  }

  take() {
    this.#refuse();
  }
}

const load = async () => ({ Checker: Stopping, Converter: Stopping, Lines: Stopping, Repairer: Stopping, Surveyor: Stopping, Unpacker: Stopping });
const sniff = () => ({ kind: "rdb" });
const plain = async function* (chunks) {
  yield* chunks;
};
const FILE = new Uint8Array(64);

async function all(items) {
  for await (const _ of items) assert.fail("nothing comes of it");
}

const READERS = {
  check: () => all(checkBy(load, plain)(FILE)),
  convert: () => convertBy(load, plain)(FILE, { to: "redis-7.2" }),
  entries: () => all(entriesBy(load, plain)([FILE])),
  info: () => infoBy(Stopping, sniff, load)(FILE),
  openIndex: () => openIndexBy(Stopping, sniff, load, plain)(FILE),
  repair: () => repairBy(load)(FILE),
  survey: () => surveyBy(load, plain)(FILE),
  unpack: () => all(unpackBy(load)(FILE)),
};

for (const [name, read] of Object.entries(READERS)) {
  test(`${name} tells of a module that has stopped`, async () => {
    await assert.rejects(read, (error) => error === STOP);
  });
}
