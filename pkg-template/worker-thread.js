// The worker's end of `aikv/worker`: carries out what is asked, and sends lists of what is read, one when it is asked for.

import * as aikv from "./index.js";

/** Entries that cross at once, at most, and the time after which those that are there do. */
const BATCH = 512;
const BATCH_MS = 50;

const ready = aikv.init();
/** What is being read one after the other, indexes that are open, signals of what is being done, and sources over there. */
const readings = new Map();
const indexes = new Map();
const signals = new Map();
const pulls = new Map();

const operations = {
  ask: ({ id, name, args }) => aikv[name](...args.map((arg) => received(id, arg))),

  async open({ id, name, args }) {
    const told = { onProgress: null };
    const [source, options = {}] = args;
    const signal = signalOf(id);
    const given = { ...options, signal, ...(options.tells && { onProgress: (progress) => told.onProgress?.(progress) }) };
    readings.set(id, { iterator: aikv[name](received(id, source), given)[Symbol.asyncIterator](), told });
    return id;
  },

  async next({ id, of, tells }) {
    const { iterator, told } = readings.get(of);
    told.onProgress = tells ? (progress) => postMessage({ id, progress }) : null;
    const items = [];
    const until = performance.now() + BATCH_MS;
    try {
      while (items.length < BATCH && (items.length === 0 || performance.now() < until)) {
        const { value, done } = await iterator.next();
        if (done) {
          leave(of);
          return { items, done: true };
        }
        items.push(value);
      }
      return { items };
    } catch (error) {
      leave(of);
      return { items, failure: plain(error) };
    }
  },

  async index({ id, args: [source, options] }) {
    const index = await aikv.openIndex(received(id, source), received(id, options ?? {}));
    indexes.set(id, index);
    return { index: id, rowCount: index.rowCount };
  },

  of: ({ id, index, name, args }) => indexes.get(index)[name](...args.map((arg) => received(id, arg))),
};

/** What needs no answer. */
const notices = {
  abort({ id }) {
    signals.get(id)?.abort();
  },
  leave({ of }) {
    signals.get(of)?.abort();
    readings.get(of)?.iterator.return().catch(() => {});
    leave(of);
  },
  close({ index }) {
    indexes.get(index)?.close();
    indexes.delete(index);
  },
  chunk({ of, value, done, failure }) {
    const { resolve, reject } = pulls.get(of) ?? {};
    pulls.delete(of);
    if (failure) reject?.(failure);
    else resolve?.({ value, done });
  },
};

function leave(of) {
  readings.delete(of);
  signals.delete(of);
}

function signalOf(id) {
  const controller = new AbortController();
  signals.set(id, controller);
  return controller.signal;
}

function received(id, arg) {
  if (arg?.pulled !== undefined) return pulledFrom(arg.pulled);
  if (arg?.tells === undefined) return arg;
  const { tells, ...rest } = arg;
  return { ...rest, signal: signalOf(id), ...(tells && { onProgress: (progress) => postMessage({ id, progress }) }) };
}

/** A source of the other end, chunk by chunk. */
function pulledFrom(of) {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise((resolve, reject) => {
        pulls.set(of, { resolve, reject });
        postMessage({ wants: of });
      }),
      async return() {
        postMessage({ left: of });
        return { done: true };
      },
    }),
  };
}

function plain(error) {
  const { name, message, code, offset, db, key, keyText, compression } = error;
  const isTrap = error instanceof WebAssembly.RuntimeError;
  const fields = { type: name, message, code: isTrap ? "crashed" : code, offset, db, key, keyText, compression };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

onmessage = async ({ data }) => {
  const { id, op } = data;
  if (notices[op]) {
    notices[op](data);
    return;
  }
  try {
    await ready;
    postMessage({ id, value: await operations[op](data) });
  } catch (error) {
    postMessage({ id, error: plain(error) });
  } finally {
    if (op !== "open") signals.delete(id);
  }
};
