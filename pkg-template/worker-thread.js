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

  async open({ id, name, args: [source, options = {}] }) {
    const told = { onProgress: null };
    readings.set(id, { iterator: aikv[name](received(id, source), watched(id, options, told))[Symbol.asyncIterator](), told });
    return id;
  },

  /** Begins to write a file, whose pieces are asked for by `next`. */
  async write({ id, name, args: [source, options = {}] }) {
    const told = { onProgress: (progress) => postMessage({ id, progress }) };
    const given = watched(id, options, told);
    const conversion = await aikv[name](received(id, source), given);
    given.signal.throwIfAborted();
    readings.set(id, { iterator: conversion[Symbol.asyncIterator](), told, conversion });
    return { id, ...tallyOf(conversion) };
  },

  async next({ id, of, tells }) {
    const { iterator, told, conversion } = readings.get(of);
    told.onProgress = tells ? (progress) => postMessage({ id, progress }) : null;
    const items = [];
    const until = performance.now() + BATCH_MS;
    try {
      while (items.length < BATCH && (items.length === 0 || performance.now() < until)) {
        const { value, done } = await iterator.next();
        if (done) {
          leave(of);
          return { items, done: true, told: tallyOf(conversion) };
        }
        items.push(value);
      }
      return { items };
    } catch (error) {
      leave(of);
      return { items, failure: plain(error), told: tallyOf(conversion) };
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
    // It may have been answered while this was on its way.
    if (readings.has(id)) notices.leave({ of: id });
    else signals.get(id)?.abort();
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
    if (failure) reject?.(Object.assign(new Error(failure.message), failure));
    else resolve?.({ value, done });
  },
};

function leave(of) {
  readings.delete(of);
  signals.delete(of);
}

/** What a conversion told so far; nothing of a reading. */
function tallyOf(conversion) {
  return conversion && { losses: conversion.losses, report: conversion.report };
}

/** Options with a signal, which lasts as long as what they are for, and with `told.onProgress`, which changes. */
function watched(id, { tells, ...options }, told) {
  return { ...options, signal: signalOf(id), ...(tells && { onProgress: (progress) => told.onProgress?.(progress) }) };
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
  const { name, message, code, offset, db, key, keyText, compression, losses, report } = error;
  const isTrap = error instanceof WebAssembly.RuntimeError;
  const fields = { type: name, message, code: isTrap ? "crashed" : code, offset, db, key, keyText, compression, losses, report };
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
    if (!readings.has(id)) signals.delete(id);
  }
};
