// All parsing happens here, through the package. One file at a time: the worker streams it into a
// Session, answers for windows of rows, and reads single values again from the file by span. A compressed
// file is unpacked first; the page then opens what came of it.

import { __wbg_reset_state as freshInstance, initSync, Session as Core, mayBeCompressed, sniff, supportedVersions, version } from "./aikv/glue.js";
import { sessionOver } from "./aikv/session.js";
import { chunksOf, turn, TURN_MS } from "./chunks.js";
import { compiled } from "./compiled.js";
import { ElementReader } from "./elements-reader.js";
import { lookForGarbage } from "./garbage.js";
import { hold } from "./hold.js";
import { asSourceError, fromMessage, readSpan } from "./source.js";

const PROGRESS_EVERY_MS = 100;
/** Bytes handed to the session at once. What one piece adds to the index is far less than the room kept for it. */
const PIECE = 1 << 20;
/** Memory that stays free beside the rows, for the next piece and for looking at values; and for each row, to filter and sort. */
const ROOM = 20 << 20;
const ROOM_PER_ROW = 24;
/** Rows that go with the answer to a query, so that a table of them need not ask for the first. */
const FIRST_ROWS = 128;
/** Rows that are counted by their prefix before the clock is looked at. */
const COUNTED_AT_ONCE = 8192;

/**
 * The open file, or null: `{ job, source, session, values, query, generation, nowMs }`, its `chunks`, the
 * chunk that is `coming`, `stop` to end the waiting for it, when progress was told `last`, and how many rows of the
 * query the page has. Instead of a session, a file that is being unpacked has an `unpacking`.
 */
let open = null;
/** Whether memory was taken for files that is not given back yet. */
let isUsed = false;
let ready = null;
let latestSelect = 0;
let latestCount = 0;
let dead = false;
/** What `reader-later.js` has, once it is there. */
let more = null;
let coming = null;
let conversions = null;
const Session = sessionOver(Core, mayBeCompressed, () => more.tools());
/** Operations in hand, and whom to tell when only one is left. */
let running = 0;
let alone = null;

const operations = {
  /** Loads the module, and holds `lock` for as long as this worker lives. What another reader has compiled is given. */
  async init({ module, tools, lock }) {
    // Whoever needs it is told where that fails.
    if (tools) later().then(({ giveTools }) => giveTools(tools)).catch(() => {});
    ready = hold(lock).then(() => start(module));
    return ready;
  },

  /** The answer tells that the worker's scripts are there. */
  async standBy() {
    await later();
  },

  /** The second module, compiled, for the page to give to other workers. */
  async tools() {
    return (await later()).compiledTools();
  },

  async sniff({ prefix }) {
    return sniff(prefix);
  },

  async close() {
    const wasUnpacking = open?.unpacking;
    close();
    await wasUnpacking?.ended;
    await forget();
  },

  /** Reads a file to its end, or until `pause`. Resolves `{ paused }`; fails where the file is damaged. */
  async read({ job, source, query, nowMs }) {
    close();
    const from = fromMessage(source);
    const file = { job, source: from, session: new Session({ lenient: true }), fed: 0, chunks: null, coming: null, stop: null, query, generation: 0, given: 0, nowMs, last: 0 };
    isUsed = true;
    file.values = new ElementReader(file.session, from);
    open = file;
    file.chunks = await chunksOf(from);
    return open === file ? readOn(file) : { closed: true };
  },

  /** Unpacks a compressed file to its end, or until `pause`. Resolves `{ paused }`, with what `Unpacking` came to. */
  async unpack({ job, source }) {
    close();
    const from = fromMessage(source);
    const file = { job, source: from, unpacking: null, chunks: null, coming: null, stop: null, last: 0 };
    isUsed = true;
    open = file;
    await needTools();
    file.chunks = await chunksOf(from);
    if (open !== file) return { closed: true };
    file.unpacking = new more.Unpacking(file.chunks);
    return unpackOn(file);
  },

  async resume() {
    return open?.unpacking ? unpackOn(open) : readOn(need());
  },

  async pause() {
    open?.stop?.();
  },

  async clock({ nowMs }) {
    need().nowMs = nowMs;
    return open.session.expiry(nowMs);
  },

  async select({ query, generation }) {
    latestSelect = generation;
    await turn();
    const file = need();
    // A newer query came in while this one waited its turn.
    if (latestSelect !== generation) return null;
    const counts = file.session.select(withClock(file, query));
    file.query = query;
    file.generation = generation;
    file.given = 0;
    return withFirst(file, counts);
  },

  /** The level below a prefix; null where a newer counting or another file came between. */
  async prefixes({ job, query, options }) {
    latestCount = job;
    await turn();
    const file = need();
    const goesOn = () => latestCount === job && open === file;
    if (!goesOn()) return null;
    file.session.countPrefixes(withClock(file, query), options);
    for (let turned = performance.now();;) {
      const level = file.session.countStep(COUNTED_AT_ONCE);
      if (level) return level;
      if (performance.now() - turned < TURN_MS) continue;
      await turn();
      if (!goesOn()) return null;
      turned = performance.now();
    }
  },

  async rows({ generation, from, count }) {
    const file = need();
    return file.generation === generation ? file.session.rows(from, count) : null;
  },

  async row({ id }) {
    return need().session.row(id);
  },

  async find({ id }) {
    return need().session.find(id);
  },

  /** What the bytes mean around a fault; `start` is where a record begins. */
  async explain({ start, db, from, to }) {
    const { source, session } = need();
    const bytes = await readSpan(source, start, to);
    return session.explain(start, bytes, db, from, to);
  },

  /** How much of a value that is broken a repaired copy can keep. */
  async readable({ id }) {
    await needTools();
    return need().values.readable(id, more.tools());
  },

  async value({ id, options }) {
    return need().values.page(id, options);
  },

  async elements({ id, options }) {
    return need().values.sorted(id, options);
  },

  async hours({ id }) {
    return need().values.hours(id);
  },

  async expiring({ id }) {
    return need().values.expiring(id);
  },

  async raw({ id, maxBytes }) {
    return need().values.raw(id, maxBytes);
  },

  async study({ bytes, cut }) {
    return (await later()).study(bytes, cut);
  },

  async prepare({ format, bytes, cut, wrap }) {
    return (await later()).prepare(format, bytes, cut, wrap);
  },

  async copyText({ format, bytes }) {
    return (await later()).copyText(format, bytes);
  },

  /** What a conversion of the file to each version would lose. */
  async survey({ job, source, options }) {
    await later();
    return conversions.survey(fromMessage(source), options, converting(job));
  },

  /** Writes the file anew for a server: into `handle`, or into a Blob. */
  async convert({ job, source, options, handle }) {
    await later();
    return conversions.convert(fromMessage(source), options, handle, converting(job));
  },

  /** What becomes of each byte of a damaged file, as `aikv repair --json` says it. */
  async repairPlan({ job, source, keepReadable }) {
    await later();
    return conversions.plan(fromMessage(source), keepReadable, converting(job));
  },

  /** Writes a new file of all that is whole, as `convert` does. */
  async repair({ job, source, keepReadable, handle }) {
    await later();
    return conversions.repair(fromMessage(source), keepReadable, handle, converting(job));
  },

  async stopConverting() {
    conversions?.stop();
  },

  /** The key as lines for redis-cli: `commands` or `restore`. */
  async redisCli({ id, form }) {
    await needTools();
    const { session, values } = need();
    const line = await values.line(id);
    return form === "commands" ? more.commandsOf(line, session.report()) : more.restoreOf(line, session.row(id), session.report());
  },

  async payload({ id }) {
    await needTools();
    const { session, values } = need();
    return more.payloadOf(await values.line(id), session.report());
  },

  async jsonLine({ id }) {
    await needTools();
    return need().values.line(id);
  },
};

/** Loads the rest of this worker's scripts, once, and again where that failed. */
function later() {
  coming ??= import("./reader-later.js").then((loaded) => {
    more = loaded;
    conversions = new more.Conversions();
    return more;
  }).catch(() => {
    coming = null;
    throw new Error("A part of the reader could not be loaded. Is there a network?");
  });
  return coming;
}

async function needTools() {
  await later();
  await more.needTools();
}

/** Tells the page of the bytes of the source that were read, at times. */
function converting(job) {
  let last = 0;
  return (bytes) => {
    const now = performance.now();
    if (now - last < PROGRESS_EVERY_MS) return;
    last = now;
    postMessage({ event: "converting", job, bytes });
  };
}

async function start(given) {
  const module = given ?? (await compiled("aikv_bg.wasm"));
  // At once: a promise of the instance would hold its memory for ever.
  initSync({ module });
  return { module, version: version(), supported: supportedVersions() };
}

function need() {
  if (!open?.session) throw Object.assign(new Error("No file is open."), { code: "ended" });
  return open;
}

function close() {
  conversions?.stop();
  if (!open) return;
  const file = open;
  open = null;
  file.values?.cancel();
  file.chunks?.cancel();
  file.unpacking?.cancel();
  file.session?.free();
}

/** Gives the memory back that was taken for files: it never shrinks, so it goes with the whole instance. */
async function forget() {
  // What still runs has objects in it.
  if (running > 1) await new Promise((resolve) => { alone = resolve; });
  if (!open && isUsed) {
    isUsed = false;
    freshInstance();
    more?.freshTools();
    lookForGarbage();
  }
}

async function readOn(file) {
  for (;;) {
    const end = await toEnd(file, () => nextChunk(file), (chunk) => feed(file, chunk), postProgress);
    if (end.closed || end.paused) return end;
    try {
      file.session.finish();
      return end;
    } catch (error) {
      // A value may have claimed the rest of the file.
      await readAgain(file, goOnBehind(file, error));
      if (open !== file) return { closed: true };
    }
  }
}

/** From where a file is read on behind what is broken; fails with `error` where nothing tells that. */
function goOnBehind({ session }, error) {
  const from = error instanceof WebAssembly.RuntimeError ? undefined : session.goOn();
  if (from === undefined) throw error;
  return from;
}

async function readAgain(file, from) {
  file.chunks.cancel();
  file.chunks = await chunksOf(file.source, from);
  file.fed = from;
}

/** Reads a chunk, on past everything that is broken and has records behind it. */
async function feed(file, chunk) {
  const { session } = file;
  const start = file.fed;
  file.fed += chunk.length;
  for (let at = 0; at < chunk.length;) {
    if (!session.hasRoom(ROOM + ROOM_PER_ROW * session.rowCount)) throw outOfMemory();
    const piece = chunk.subarray(at, at + PIECE);
    try {
      session.feed(piece);
      at += piece.length;
    } catch (error) {
      if (session.isFull) throw outOfMemory();
      const from = goOnBehind(file, error);
      if (from < start) {
        await readAgain(file, from);
        return;
      }
      at = from - start;
    }
  }
}

function outOfMemory() {
  return Object.assign(new Error("There is no memory for more keys."), { code: "out-of-memory" });
}

async function unpackOn(file) {
  const end = await toEnd(file, () => file.unpacking.next().catch((error) => Promise.reject(asSourceError(error))), () => {}, postUnpacking);
  return end.closed || end.paused ? end : { ...end, ...file.unpacking.result() };
}

/** Hands everything that comes to `take` until nothing is left, or until `pause`. */
async function toEnd(file, next, take, tell) {
  let turned = performance.now();
  let stopped = false;
  const stop = new Promise((resolve) => {
    file.stop = () => {
      stopped = true;
      resolve();
    };
  });
  for (;;) {
    // A chunk that is late does not hold up the stop; it is taken when reading goes on.
    file.coming ??= next();
    // While a chunk is late, what came before it is told.
    const late = setTimeout(() => open === file && tell(file), PROGRESS_EVERY_MS);
    const chunk = await Promise.race([file.coming, stop]).finally(() => clearTimeout(late));
    if (open !== file) return { closed: true };
    if (stopped) {
      tell(file);
      return { paused: true };
    }
    file.coming = null;
    if (!chunk) return { paused: false };
    await take(chunk);
    if (open !== file) return { closed: true };
    const now = performance.now();
    if (now - file.last >= PROGRESS_EVERY_MS) {
      file.last = now;
      tell(file);
    }
    if (now - turned >= TURN_MS) {
      await turn();
      if (open !== file) return { closed: true };
      turned = performance.now();
    }
  }
}

async function nextChunk(file) {
  try {
    return await file.chunks.next();
  } catch (error) {
    throw asSourceError(error);
  }
}

/** What the page shows while reading: counts so far, and in file order the rows that came in. */
function postProgress(file) {
  const { session } = file;
  const message = { event: "progress", job: file.job, offset: session.offset, keys: session.rowCount, report: session.report(), expiry: session.expiry(file.nowMs) };
  if (file.generation > 0 && file.query.sort === "file" && !file.query.descending) {
    message.selection = selectionNow(file);
  }
  postMessage(message);
}

function selectionNow(file) {
  try {
    return withFirst(file, file.session.select(withClock(file, file.query)));
  } catch (error) {
    // The rows that were found before stay in sight; the page's next query gives its reason.
    if (error.code === "limit-exceeded") return undefined;
    throw error;
  }
}

/** The counts of a query with its `generation`, and with the `first` rows where the page lacks some of them. */
function withFirst(file, counts) {
  const { generation } = file;
  const wanted = Math.min(FIRST_ROWS, counts.count);
  if (file.given === wanted) return { ...counts, generation };
  file.given = wanted;
  return { ...counts, generation, first: file.session.rows(0, wanted) };
}

function postUnpacking(file) {
  postMessage({ event: "unpacking", job: file.job, offset: file.unpacking.offset });
}

function withClock(file, query) {
  return { ...query, nowMs: file.nowMs };
}

onmessage = async ({ data: { id, op, args } }) => {
  running += 1;
  try {
    if (op !== "init") await ready;
    if (dead) return;
    const value = await operations[op](args);
    if (op === "read" || op === "resume") postEnd(value);
    if (id) postMessage({ id, value }, transferables(value));
  } catch (error) {
    fail(id, op, error);
  } finally {
    running -= 1;
    if (running === 1) alone?.();
  }
};

/** The last state of a file that was read to its end goes out before the answer. */
function postEnd(value) {
  if (open?.session && !value.closed && !value.paused) postProgress(open);
}

function fail(id, op, error) {
  if (error instanceof WebAssembly.RuntimeError) {
    // After a trap the instance cannot be trusted: the page ends this worker.
    dead = true;
    postMessage({ event: "crash", message: error.message });
    return;
  }
  if ((op === "read" || op === "resume") && open?.session) postProgress(open);
  const { code = "viewer", message, offset, db, key, keyText, name } = error;
  postMessage({ id, error: { code: name === "RangeError" && code === "viewer" ? "out-of-memory" : code, message, offset, db, key, keyText } });
}

function transferables(value) {
  return value?.bytes instanceof Uint8Array ? [value.bytes.buffer] : [];
}
