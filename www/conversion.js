// Surveys and conversions of the open file. Runs in the worker, over the package's second module.

import { convert, repair, survey } from "./aikv/index.js";
import { DOWNLOAD_BYTES } from "./limits.js";
import { asSourceError } from "./source.js";
import { freshTools, needTools } from "./tools.js";

/** Pieces are put together to parts of this many bytes before they are written. */
const PART_BYTES = 4 << 20;

export class Conversions {
  #running = null;

  /** Ends what is running, if anything is. */
  stop() {
    this.#running?.abort();
    this.#running = null;
  }

  /** What conversions to each version would lose, and which keys `rowsOf` says. */
  async survey(source, { container, lenient, rowsOf }, tell) {
    return this.#run(async (signal) => survey(chunksOf(source), { container, lenient, rowsOf, signal, onProgress: ({ bytes }) => tell(bytes) }));
  }

  /** Converts the file into `handle`, a file of this computer, or else into a Blob. Losses are those that were told before. */
  async convert(source, { to, onLoss, container, lenient, filter }, handle, tell) {
    return this.#run(async (signal) => {
      const options = { to, onLoss, container, lenient, filter, signal, onProgress: ({ bytes }) => tell(bytes) };
      return written(await convert(chunksOf(source), options), handle);
    });
  }

  /** What becomes of each byte of a damaged file, where the records of `keepReadable` are kept in part. */
  async plan(source, keepReadable, tell) {
    return this.#run(async (signal) => (await repair(source, { keepReadable, signal, onProgress: ({ bytes }) => tell(bytes) })).report);
  }

  /** Writes a new file of all that is whole, as [`Conversions.convert`] does. */
  async repair(source, keepReadable, handle, tell) {
    return this.#run(async (signal) => written(await repair(source, { keepReadable, signal, onProgress: ({ bytes }) => tell(bytes) }), handle));
  }

  /** One at a time: a newer one ends an older one. */
  async #run(work) {
    this.stop();
    const controller = new AbortController();
    this.#running = controller;
    try {
      await needTools();
      return await work(controller.signal);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) {
        freshTools();
        throw Object.assign(new Error("This tab has no memory for what the file needs. The command has."), { code: "memory" });
      }
      if (controller.signal.aborted) throw Object.assign(new Error("Stopped."), { code: "stopped" });
      throw asSourceError(error);
    } finally {
      if (this.#running === controller) this.#running = null;
    }
  }
}

async function written(conversion, handle) {
  const writable = handle ? await handle.createWritable() : null;
  const parts = [];
  let bytes = 0;
  try {
    for await (const part of inParts(conversion)) {
      bytes += part.size;
      if (writable) await writable.write(part);
      else if (bytes > DOWNLOAD_BYTES) throw Object.assign(new Error("The new file is too large for a download of this browser."), { code: "too-large" });
      else parts.push(part);
    }
    await writable?.close();
  } catch (error) {
    // Nothing of it appears.
    await writable?.abort().catch(() => {});
    throw error;
  }
  return { bytes, blob: writable ? null : new Blob(parts), losses: conversion.report.losses ?? 0, report: conversion.report };
}

/** The pieces as Blobs, which the browser may keep on disk. */
async function* inParts(pieces) {
  let held = [];
  let size = 0;
  for await (const piece of pieces) {
    held.push(piece);
    size += piece.length;
    if (size < PART_BYTES) continue;
    yield new Blob(held);
    held = [];
    size = 0;
  }
  if (size) yield new Blob(held);
}

async function* chunksOf(source) {
  const reader = (await source.stream()).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
