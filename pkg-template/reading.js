// What is read in one go: facts about a file, the commands of a log, and an index with values by span.

import { parse } from "./entries.js";
import { hasStopped, lent } from "./lent.js";
import { chunksOf, isLasting, spanOf } from "./sources.js";

/** First bytes that tell what a file is. */
const HEAD = 16;
/** Bytes of a value that are read at once. */
const SPAN = 1 << 20;

/** `info` over a session; `load` gives the second module, which compressed files need. */
function infoBy(Session, sniff, load) {
  return async function info(source, options = {}) {
    return lent(new Session(options), async (session) => {
      await feed(session, sniff, load, chunksOf(source, options));
      return { ...session.report(), expiry: session.expiry(options.nowMs ?? Date.now()) };
    });
  };
}

async function feed(session, sniff, load, chunks) {
  let isFirst = true;
  for await (const chunk of chunks) {
    // A chunk of fewer bytes is no reason not to have it loaded.
    if (isFirst && (chunk.length < HEAD || sniff(chunk.subarray(0, HEAD)).kind === "compressed")) await load();
    isFirst = false;
    session.feed(chunk);
  }
  session.finish();
}

/** `commands` over `entries`. */
function commandsBy(entries) {
  return async function* commands(source, options) {
    for await (const entry of entries(source, options)) if ("command" in entry) yield entry;
  };
}

/** `openIndex` over a session, and `unpack` for what is compressed. */
function openIndexBy(Session, sniff, load, unpack) {
  return async function openIndex(source, options = {}) {
    if (!isLasting(source)) throw new TypeError("expected bytes, a Blob or a file, from which values can be read again");
    const session = new Session(options);
    try {
      const isPacked = sniff(await spanOf(source, 0, Math.min(HEAD, sizeOf(source)))).kind === "compressed";
      // A session would unpack too, but values are read from what was unpacked.
      const pieces = [];
      const chunks = isPacked ? kept(unpack(source, options), pieces) : chunksOf(source, options);
      await feed(session, sniff, load, chunks);
      return new Index(session, isPacked ? new Blob(pieces) : source, load);
    } catch (error) {
      if (!hasStopped(error)) session.free();
      throw error;
    }
  };
}

async function* kept(pieces, all) {
  for await (const piece of pieces) {
    all.push(piece);
    yield piece;
  }
}

function sizeOf(source) {
  return source.size ?? source.byteLength;
}

/** The keys of a file that was read whole, and the file, from which values are read when they are asked for. */
class Index {
  #session;
  #source;
  #load;

  constructor(session, source, load) {
    this.#session = session;
    this.#source = source;
    this.#load = load;
  }

  get rowCount() {
    return this.#session.rowCount;
  }

  report() {
    return this.#session.report();
  }

  expiry(nowMs = Date.now()) {
    return this.#session.expiry(nowMs);
  }

  select(query = {}) {
    return this.#session.select(query);
  }

  rows(from, count) {
    return this.#session.rows(from, count);
  }

  find(id) {
    return this.#session.find(id);
  }

  row(id) {
    return this.#session.row(id);
  }

  async value(id, options = {}) {
    return this.#read(id, this.#session.valueReader(id, options), options);
  }

  async entry(id, options = {}) {
    await this.#load();
    return parse(await this.#read(id, this.#session.lineReader(id), options));
  }

  #read(id, reader, { signal }) {
    return lent(reader, async () => {
      const { offset, bytes } = this.#session.row(id);
      let isWhole = false;
      for (let at = offset; at < offset + bytes && !isWhole; at += SPAN) {
        signal?.throwIfAborted();
        isWhole = reader.feed(await spanOf(this.#source, at, Math.min(at + SPAN, offset + bytes)));
      }
      signal?.throwIfAborted();
      return reader.finish();
    });
  }

  close() {
    this.#session.free();
  }
}

export { commandsBy, infoBy, openIndexBy };
