// Work on whole files beside the reader of keys: the commands of a log as rows, the keys that a log makes, exports.
// Each of these has a worker of its own, which lets go of everything when nothing is left to ask, and stands by for the next.

import { CommandLog, initSync, KeyExport, LogKeys, logFiles, __wbg_reset_state as freshInstance } from "./aikv/tools-glue.js";
import { chunksOf, turn, TURN_MS } from "./chunks.js";
import { lookForGarbage } from "./garbage.js";
import { hold } from "./hold.js";
import { DOWNLOAD_BYTES, SHOWN_FIRST, SHOWN_MOST } from "./limits.js";
import { argumentsOf } from "./resp.js";
import { asSourceError, fromMessage, readSpan } from "./source.js";

const PROGRESS_EVERY_MS = 100;
/** Bytes of a command that are read for its row. */
const PREVIEW_BYTES = 320;
/** Rows closer together than this are read at once. */
const GAP_BYTES = 16 << 10;
/** Pieces of a file in memory before they are given to the browser, which may put them on the disk. */
const PART_BYTES = 16 << 20;

/** The package's second module, compiled; an instance of it is made when something of it is needed. */
let module = null;
let memory = null;
let log = null;
let latestSelect = 0;
/** Resolved while work goes on; a pause holds it. */
let going = Promise.resolve();
let goOn = null;
/** Operations in hand, and the chunks that they read. */
let running = 0;
const reading = new Set();
/** Whom to tell when nothing else is left, while everything is to end. */
let alone = null;

const operations = {
  /** Holds `lock` for as long as this worker lives. The answer tells that its scripts are there. */
  async standBy(given) {
    module = given.module;
    await hold(given.lock);
  },

  /** Ends what is going on, and gives its memory back: that never shrinks, so it goes with the whole instance. */
  async letGo() {
    const left = new Promise((resolve) => (alone = resolve));
    latestSelect = 0;
    operations.resume();
    for (const chunks of reading) chunks.cancel();
    if (running > 1) await left;
    alone = null;
    log = null;
    if (!memory) return;
    freshInstance();
    memory = initSync({ module }).memory;
    lookForGarbage();
  },

  /** The files of a log among these names, in their order; null where none is. */
  async files({ names, manifestName, manifest }) {
    return logFiles(names, manifestName, manifest ?? new Uint8Array()) ?? null;
  },

  async pause() {
    if (!goOn) going = new Promise((resolve) => (goOn = resolve));
  },

  async resume() {
    goOn?.();
    goOn = null;
  },

  /** Reads the commands of a log. Resolves `{ report, failure }`, where it is damaged with what ended the reading. */
  async commands({ files, lenient }) {
    log = { files: files.map(opened), commands: new CommandLog({ lenient }), generation: 0 };
    const { commands } = log;
    const tell = () => postMessage({ event: "commands", offset: commands.offset, rows: commands.rowCount, report: commands.report() });
    const failure = await through(log.files, {
      begin: (file) => commands.beginFile(file.isIncrement),
      take: (chunk) => commands.feed(chunk),
      end: () => commands.endFile(),
      tell,
    });
    return { report: commands.report(), failure };
  },

  /** Rows of the commands, each with as many of its arguments as a row shows. */
  async rows({ generation, from, count }) {
    if (log.generation !== generation) return null;
    const rows = log.commands.rows(from, count);
    await readArguments(rows);
    return rows;
  },

  /** All arguments of a command; of a very long one those at its beginning. */
  async command({ row }) {
    const most = row.bytes <= SHOWN_MOST ? row.bytes : SHOWN_FIRST;
    return argumentsOf(await readSpan(log.files[row.file].source, row.offset, row.offset + most));
  },

  /** Looks for commands. Names alone are answered at once, text by reading the log once more; results come as they are found. */
  async select({ query, generation }) {
    latestSelect = generation;
    await turn();
    if (latestSelect !== generation) return null;
    const { commands } = log;
    if (!query.text) {
      const count = commands.select({ names: query.names });
      log.generation = generation;
      return { count, generation, done: true };
    }
    commands.search(query);
    return search(generation);
  },

  async find({ id }) {
    return log.commands.find(id);
  },

  async rowAt({ unixS }) {
    return log.commands.rowAt(unixS);
  },

  /**
   * Applies the commands of a log. Resolves `{ blob, report, failure }`: a snapshot of what they make, unless a command could
   * not be applied.
   */
  async keys({ files, nowMs, lenient }) {
    const keys = new LogKeys({ nowMs, lenient });
    const sources = files.map(opened);
    let offset = 0;
    const failure = await through(sources, {
      begin: (file) => keys.beginFile(file.isIncrement),
      take(chunk) {
        keys.feed(chunk);
        offset += chunk.length;
      },
      end: () => keys.endFile(),
      tell: () => postMessage({ event: "keys", offset }),
    });
    if (!keys.isApplied) return { blob: null, report: null, failure };
    const report = keys.finish();
    const blob = new Pieces();
    for (let piece = keys.piece(); piece; piece = keys.piece()) blob.push(piece);
    return { blob: blob.whole(), report, failure };
  },

  /** Writes keys or commands into a file, or gives them as a Blob. Resolves `{ keys, bytes, losses, blob }`. */
  async export({ files, options, handle }) {
    const writing = new KeyExport(options);
    const sink = handle ? await FileSink.open(handle) : new BlobSink();
    let offset = 0;
    let bytes = 0;
    const flush = async () => {
      const piece = writing.take();
      bytes += piece.length;
      if (piece.length) await sink.write(piece);
    };
    try {
      const failure = await through(files.map(opened), {
        begin: (file) => writing.beginFile(file.name, file.isIncrement),
        async take(chunk) {
          writing.feed(chunk);
          offset += chunk.length;
          await flush();
        },
        end: () => writing.endFile(),
        tell: () => postMessage({ event: "export", offset, bytes }),
      });
      if (failure) throw Object.assign(new Error(failure.message), failure);
      const { keys, losses } = writing.finish();
      if (losses) {
        await sink.abort();
        return { keys, losses };
      }
      await flush();
      return { keys, bytes, losses, blob: await sink.close() };
    } catch (error) {
      await sink.abort();
      throw error;
    }
  },
};

function opened({ name, source, isIncrement }) {
  return { name, source: fromMessage(source), isIncrement };
}

/** The chunks of a file; fails where all is to end. */
async function* chunksIn(source) {
  const chunks = await chunksOf(source);
  reading.add(chunks);
  try {
    for (;;) {
      const chunk = await chunks.next();
      if (alone) throw Object.assign(new Error("The work was ended."), { code: "ended" });
      if (!chunk) return;
      yield chunk;
    }
  } finally {
    reading.delete(chunks);
    chunks.cancel();
  }
}

/** Reads files one behind the other. Resolves with what is wrong with one of them, `{ file, code, message, offset, .. }`, or null. */
async function through(files, { begin, take, end, tell }) {
  let told = 0;
  let turned = performance.now();
  for (const [at, file] of files.entries()) {
    try {
      begin(file);
      for await (const chunk of chunksIn(file.source)) {
        await take(chunk);
        const now = performance.now();
        if (now - told >= PROGRESS_EVERY_MS) {
          told = now;
          tell();
        }
        if (now - turned >= TURN_MS) {
          await turn();
          await going;
          turned = performance.now();
        }
      }
      end(file);
    } catch (error) {
      if (!Number.isFinite(error.offset)) throw asSourceError(error);
      tell();
      return { file: at, ...fieldsOf(error) };
    }
  }
  tell();
  return null;
}

/** Reads the log once more, and tells what was found as it goes on. */
async function search(generation) {
  const { commands, files } = log;
  const total = files.reduce((sum, { source }) => sum + source.size, 0);
  let done = 0;
  let told = performance.now();
  const tell = () => {
    log.generation = generation;
    postMessage({ event: "found", generation, count: commands.found(), part: done / Math.max(1, total) });
  };
  for (const file of files) {
    commands.searchFile(file.isIncrement);
    for await (const chunk of chunksIn(file.source)) {
      if (latestSelect !== generation || !commands.searchChunk(chunk)) break;
      done += chunk.length;
      if (performance.now() - told >= PROGRESS_EVERY_MS) {
        told = performance.now();
        tell();
      }
      await turn();
    }
    if (latestSelect !== generation) return null;
  }
  log.generation = generation;
  return { count: commands.found(), generation, done: true };
}

/** Reads the beginnings of rows, those that are near one another at once. */
async function readArguments(rows) {
  for (let at = 0; at < rows.length;) {
    const { file, offset: start } = rows[at];
    let end = start;
    let behind = at;
    while (behind < rows.length && rows[behind].file === file && rows[behind].offset >= start && rows[behind].offset - end <= GAP_BYTES) {
      end = rows[behind].offset + Math.min(rows[behind].bytes, PREVIEW_BYTES);
      behind += 1;
    }
    const bytes = await readSpan(log.files[file].source, start, end);
    for (const row of rows.slice(at, behind)) {
      const shown = bytes.slice(row.offset - start, row.offset - start + Math.min(row.bytes, PREVIEW_BYTES));
      Object.assign(row, row.snapshot ? { args: [], count: 0 } : argumentsOf(shown));
    }
    at = behind;
  }
}

/** A file in the making, handed to the browser piece by piece. */
class Pieces {
  #parts = [];
  #pieces = [];
  #bytes = 0;

  push(piece) {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes < PART_BYTES) return;
    this.#parts.push(new Blob(this.#pieces));
    this.#pieces = [];
    this.#bytes = 0;
  }

  whole() {
    return new Blob([...this.#parts, ...this.#pieces]);
  }
}

class BlobSink {
  #pieces = new Pieces();
  #bytes = 0;

  async write(piece) {
    this.#bytes += piece.length;
    if (this.#bytes > DOWNLOAD_BYTES) throw Object.assign(new Error("The file would be larger than 1 GiB."), { code: "too-large" });
    this.#pieces.push(piece);
  }

  async close() {
    return this.#pieces.whole();
  }

  async abort() {}
}

/** Into a file that the reader chose. It appears whole or not at all. */
class FileSink {
  static async open(handle) {
    const sink = new FileSink();
    sink.writable = await handle.createWritable();
    return sink;
  }

  async write(piece) {
    await this.writable.write(piece);
  }

  async close() {
    await this.writable.close();
    return null;
  }

  async abort() {
    await this.writable.abort().catch(() => {});
  }
}

function fieldsOf({ code = "viewer", message, offset, db, key, keyText, name }) {
  return { code: name === "RangeError" && code === "viewer" ? "out-of-memory" : code, message, offset, db, key, keyText };
}

const MUCH = 1 << 30;
/** Pages of 64 KiB that there is no use without. */
const LEAST_PAGES = 256;

/** A trap is the lack of memory where most of it is in use, or where it grows no further. */
function isMemoryGone() {
  if (!memory || memory.buffer.byteLength > MUCH) return Boolean(memory);
  try {
    memory.grow(LEAST_PAGES);
    return false;
  } catch {
    return true;
  }
}

onmessage = async ({ data: { id, op, args } }) => {
  running += 1;
  try {
    // At once: a promise of the instance would hold its memory for ever.
    if (op !== "standBy" && op !== "letGo") memory ??= initSync({ module }).memory;
    postMessage({ id, value: await operations[op](args) });
  } catch (error) {
    const isTrap = error instanceof WebAssembly.RuntimeError;
    const code = !isTrap ? fieldsOf(error).code : isMemoryGone() ? "out-of-memory" : "crashed";
    postMessage({ id, error: { ...fieldsOf(error), code } });
  } finally {
    running -= 1;
    if (running === 1) alone?.();
  }
};
