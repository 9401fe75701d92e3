// Values, read again from the file by the span of their key: single pages, a whole value put in order
// or searched, the entries of a stream counted by hour, the key as a line of JSON. Runs in the worker.

import { GATHER_ELEMENTS } from "./limits.js";
import { asSourceError } from "./source.js";
import { utf8 } from "./text.js";

const SLICE = 1 << 20;
const BATCH = 20_000;

export class ElementReader {
  #session;
  #source;
  #job = 0;
  #whole = null;

  constructor(session, source) {
    this.#session = session;
    this.#source = source;
  }

  /** Ends what is being read, since the page has gone on to something else. */
  cancel() {
    this.#job += 1;
  }

  /** One page as the package gives it. A newer call ends an older one. */
  async page(id, options) {
    this.#job += 1;
    return this.#read(id, options, this.#job);
  }

  /** A page of a value that is gathered whole: searched for `find`, ordered by score or turned round. */
  async sorted(id, { find, order, from, count, min, max }) {
    this.#job += 1;
    const job = this.#job;
    const page = await this.#gather(id, job);
    let places = page.items.map((_, at) => at);
    if (page.type === "zset") {
      places.sort((a, b) => page.items[a].score - page.items[b].score || a - b);
      page.ranks ??= rankOf(places);
      places = places.filter((at) => page.items[at].score >= min && page.items[at].score <= max);
    }
    if (order === "down") places.reverse();
    if (find) places = places.filter((at) => matches(page.items[at], find.toLowerCase()));
    const shown = places.slice(from, from + count);
    return {
      type: page.type, total: page.total, matching: places.length, from,
      insertIndex: page.insertIndex, items: shown.map((at) => page.items[at]), places: shown, ranks: page.ranks && shown.map((at) => page.ranks[at]),
    };
  }

  /** Entries of a stream by hour: `[hour since 1970, entries]`, ascending. */
  async hours(id) {
    const counts = new Map();
    for (const [hour, n] of (await this.#read(id, { hours: true }, this.#job)).hours) counts.set(hour, (counts.get(hour) ?? 0) + n);
    return [...counts].sort((a, b) => a[0] - b[0]);
  }

  /** How many fields of a hash expire. */
  async expiring(id) {
    const job = this.#job;
    let expiring = 0;
    for (let from = 0, total = 1; from < total; from += BATCH) {
      const page = await this.#read(id, { from, count: BATCH, maxBytes: 0 }, job);
      total = page.total;
      expiring += page.items.filter((item) => item.expiresAtMs !== undefined).length;
    }
    return expiring;
  }

  /** The key's bytes of the file, at most `maxBytes` of them. */
  async raw(id, maxBytes) {
    const { offset, bytes } = this.#session.row(id);
    return { bytes: await this.#span(offset, offset + Math.min(bytes, maxBytes)), length: bytes, offset };
  }

  /** The key as `aikv export` writes it, by the second module. */
  async line(id) {
    const { offset, bytes } = this.#session.row(id);
    const reader = this.#session.lineReader(id);
    try {
      for (let at = offset, end = offset + bytes; at < end; at += SLICE) reader.feed(await this.#span(at, Math.min(end, at + SLICE)));
      return reader.finish().trimEnd();
    } finally {
      reader.free();
    }
  }

  /** How much of a broken value can be kept: `{ elements, stated }`, or undefined. The reader is one of the second module. */
  async readable(id, { RemnantReader }) {
    const { offset, bytes } = this.#session.row(id);
    const reader = new RemnantReader(this.#session.readAgain(id));
    try {
      for (let at = offset, end = offset + bytes; at < end; at += SLICE) if (reader.feed(await this.#span(at, Math.min(end, at + SLICE)))) break;
      return reader.finish();
    } finally {
      reader.free();
    }
  }

  async #gather(id, job) {
    if (this.#whole?.id === id) return this.#whole.page;
    this.#whole = null;
    const page = await this.#read(id, { from: 0, count: GATHER_ELEMENTS }, job);
    this.#whole = { id, page };
    return page;
  }

  async #read(id, options, job) {
    const { offset, bytes } = this.#session.row(id);
    const reader = this.#session.valueReader(id, options);
    try {
      for (let at = offset, end = offset + bytes; at < end; at += SLICE) {
        const chunk = await this.#span(at, Math.min(end, at + SLICE));
        if (job !== this.#job) throw Object.assign(new Error("Another value is shown."), { code: "superseded" });
        if (reader.feed(chunk)) break;
      }
      return reader.finish();
    } finally {
      reader.free();
    }
  }

  async #span(start, end) {
    try {
      return new Uint8Array(await this.#source.slice(start, end).arrayBuffer());
    } catch (error) {
      throw asSourceError(error);
    }
  }
}

function rankOf(places) {
  const ranks = new Uint32Array(places.length);
  places.forEach((at, rank) => {
    ranks[at] = rank;
  });
  return ranks;
}

/** Any part of a field, value or member holds `wanted`, which is in lower case. */
function matches(item, wanted) {
  return partsOf(item).some((part) => textOf(part).toLowerCase().includes(wanted));
}

/** The parts of an element that are bytes, each whole or `{ bytes, cut }`. */
function partsOf(item) {
  if (item instanceof Uint8Array || item.bytes) return [item];
  if (item.field) return [item.field, item.value];
  if (item.index !== undefined) return [item.value];
  return [item.member];
}

function textOf(part) {
  const bytes = part.bytes ?? part;
  return utf8(bytes) ?? String.fromCharCode(...bytes.subarray(0, 4096));
}
