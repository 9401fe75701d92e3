// What changes and writes files, over the second module: conversions, exports by filter, repairs, single payloads.

import { Conversion } from "./conversion.js";
import { chunksOf, parse } from "./entries.js";
import { hasStopped, lent, lentItems } from "./lent.js";
import { isLasting } from "./sources.js";

/** Bytes handed to the module at once. */
const PIECE = 1 << 20;
/** Losses that are kept. */
const MAX_LOSSES = 100_000;
/** Bytes of a damaged file read at once. */
const SLICE = 1 << 20;

/** `convert` over the second module, which `load` gives, and `unpack`. */
function convertBy(load, unpack) {
  return async function convert(source, options = {}) {
    const { to, onLoss = "fail", container, filter, databases, lenient, signal, onProgress } = options;
    const tools = await load();
    const given = { to, onLoss, container, filter, databases, lenient, lines: options[LINES] ?? false };
    const isReadAgain = canBeReadAgain(source);
    const passes = onLoss === "fail" && to !== undefined && isReadAgain ? 2 : 1;
    const run = (pass) => converted(tools, unpack, source, given, signal, onProgress && ((bytes) => onProgress({ bytes, pass, passes })));
    // A mistake of the caller is told at once.
    new tools.Converter(given).free();
    signal?.throwIfAborted();
    if (onLoss !== "fail" || to === undefined) return new Conversion(run(1));
    const first = run(1);
    const held = [];
    for await (const piece of first) {
      if (!isReadAgain && first.tally.losses.length === 0) held.push(piece);
    }
    const { losses, report } = first.tally;
    if (report.losses > 0) {
      const what = report.losses === 1 ? "1 loss" : `${report.losses} losses`;
      throw Object.assign(new Error(`${to} has no form for a part of the file: ${what}`), { code: "loss", losses, report });
    }
    return new Conversion(isReadAgain ? run(2) : again(held, first.tally));
  };
}

/** The output of a conversion, piece by piece, with a `tally` of what was told. Ending it early closes the source. */
function converted(tools, unpack, source, options, signal, tell) {
  const tally = { losses: [], report: null };
  const pieces = lentItems(new tools.Converter(options), async function* (converter) {
    for await (const chunk of unpack(counted(source, signal, tell))) {
      for (let at = 0; at < chunk.length; at += PIECE) {
        converter.feed(chunk.subarray(at, at + PIECE));
        note(converter, tally);
        const piece = converter.take();
        if (piece.length) yield piece;
      }
    }
    converter.finish();
    for (let isMore = true; isMore; ) {
      signal?.throwIfAborted();
      isMore = converter.more();
      note(converter, tally);
      const piece = converter.take();
      if (piece.length) yield piece;
    }
    const report = converter.report();
    tally.report = { ...(report === undefined ? {} : JSON.parse(report)), ...converter.told() };
  });
  return Object.assign(pieces, { tally });
}

function note(converter, tally) {
  for (const loss of JSON.parse(converter.losses())) {
    if (tally.losses.length < MAX_LOSSES) tally.losses.push(loss);
  }
}

function again(held, tally) {
  const pieces = (async function* () {
    while (held.length) yield held.shift();
  })();
  return Object.assign(pieces, { tally });
}

/** `survey` over the second module, which `load` gives, and `unpack`. */
function surveyBy(load, unpack) {
  return async function survey(source, { container, databases, lenient, rowsOf, signal, onProgress } = {}) {
    const tools = await load();
    const surveyor = new tools.Surveyor({ container, databases, lenient, rowsOf });
    let isOver = false;
    try {
      for await (const chunk of unpack(counted(source, signal, onProgress && ((bytes) => onProgress({ bytes, pass: 1, passes: 1 }))))) {
        for (let at = 0; at < chunk.length; at += PIECE) surveyor.feed(chunk.subarray(at, at + PIECE));
      }
      surveyor.finish();
      while (surveyor.more()) signal?.throwIfAborted();
      // It is consumed by this.
      isOver = true;
      return surveyor.result();
    } catch (error) {
      isOver ||= hasStopped(error);
      throw error;
    } finally {
      if (!isOver) surveyor.free();
    }
  };
}

/** Reads a damaged file as `repairer` wants it, which then knows all there is; `read(at)` gives bytes from there on. */
async function examine(repairer, size, read, tell) {
  let most = 0;
  for (let at = repairer.wanted(); at !== undefined; at = repairer.wanted()) {
    if (at < size) repairer.feed(await read(at));
    else if (!repairer.looksAgain()) break;
    most = Math.max(most, at);
    tell?.(most);
  }
  return JSON.parse(repairer.plan(size));
}

/** Bytes of a file from a place on, as many as are read at once. */
function reader(file, signal) {
  return async (at) => {
    signal?.throwIfAborted();
    const bytes = await file.slice(at, Math.min(file.size, at + SLICE));
    if (bytes.length === 0) throw new Error("the file became shorter while it was read");
    return bytes;
  };
}

/** The first bytes of a file, by which it is known what it is. */
const headOf = (file) => file.slice(0, Math.min(file.size, 4096));

/** `repair` over the second module, which `load` gives. */
function repairBy(load) {
  return async function repair(source, { keepReadable, signal, onProgress } = {}) {
    const file = spansOf(source);
    const tools = await load();
    const read = reader(file, signal);
    const repairer = new tools.Repairer(await headOf(file), { keepReadable });
    return lent(repairer, async () => {
      const plan = await examine(repairer, file.size, read, onProgress && ((bytes) => onProgress({ bytes, pass: 1, passes: 2 })));
      const pieces = lentItems(repairer.mender(), async function* (mender) {
        for (let at = 0; at < file.size; ) {
          const bytes = await read(at);
          at += bytes.length;
          onProgress?.({ bytes: at, pass: 2, passes: 2 });
          const piece = mender.feed(bytes);
          if (piece.length) yield piece;
        }
        const last = mender.finish();
        if (last.length) yield last;
      });
      return new Conversion(Object.assign(pieces, { tally: { losses: [], report: plan } }));
    });
  };
}

/** What is wrong with a snapshot from the damage on that ended its reading; nothing of a source that cannot be read again. */
async function behind(tools, source, { code, offset }, signal) {
  if (!isLasting(source)) return [];
  const file = spansOf(source);
  const head = await headOf(file);
  // The first byte of a log: of that it is not told here.
  if ("*#".includes(String.fromCharCode(head[0]))) return [];
  let repairer;
  try {
    repairer = new tools.Repairer(head, {});
  } catch (error) {
    // It is compressed as a whole, or no snapshot at all.
    if (error.code !== "bad-magic") throw error;
    return [];
  }
  return lent(repairer, async () => {
    await examine(repairer, file.size, reader(file, signal));
    return repairer.findingsFrom(code, offset);
  });
}

/** `check` over the second module, which `load` gives, and `unpack`. */
function checkBy(load, unpack) {
  return async function* check(source, { lenient, signal, onProgress } = {}) {
    const tools = await load();
    yield* lentItems(new tools.Checker({ lenient }), async function* (checker) {
      let goesOn = true;
      let isPacked = false;
      try {
        for await (const chunk of unpack(counted(source, signal, onProgress && ((bytes) => onProgress({ bytes, pass: 1, passes: 1 }))))) {
          for (let at = 0; goesOn && at < chunk.length; at += PIECE) {
            goesOn = checker.feed(chunk.subarray(at, at + PIECE));
            yield* checker.findings();
          }
          if (!goesOn) break;
        }
      } catch (error) {
        if (!error.compression) throw error;
        isPacked = true;
        const { code, offset, compression, message: text } = error;
        yield { severity: "error", code, offset, compression, text, repairable: false };
      }
      checker.finish();
      for (const one of checker.findings()) {
        const later = one.severity === "error" && !one.repairable && !isPacked ? await behind(tools, source, one, signal) : [];
        yield* later.length ? later : [one];
      }
    });
  };
}

/** `encode` over `convert`. */
function encodeBy(convert) {
  return function encode(entries, { to, onLoss, container, signal } = {}) {
    return convert(linesOf(entries), { to, onLoss, container, signal, [LINES]: true });
  };
}

/** Says that a source is JSON Lines, whatever it begins with. */
const LINES = Symbol("lines");

/** Entries as JSON Lines. */
async function* linesOf(entries) {
  const encoder = new TextEncoder();
  let lines = "";
  for await (const entry of entries) {
    lines += `${line(entry)}\n`;
    if (lines.length >= PIECE) {
      yield encoder.encode(lines);
      lines = "";
    }
  }
  yield encoder.encode(lines);
}

/** An entry as a line; a BigInt is written as the integer it is. */
function line(entry) {
  let hasBig = false;
  const whole = "key" in entry ? { db: 0, ...entry } : entry;
  const plain = JSON.stringify(whole, (_, value) => {
    hasBig ||= typeof value === "bigint";
    return typeof value === "bigint" ? null : value;
  });
  if (!hasBig) return plain;
  let mark = "@int";
  while (plain.includes(mark)) mark += "@";
  const marked = JSON.stringify(whole, (_, value) => (typeof value === "bigint" ? `${mark}:${value}` : value));
  return marked.replace(new RegExp(`"${mark}:(-?\\d+)"`, "g"), "$1");
}

/** `dump` over the second module, which `load` gives. */
function dumpBy(load) {
  return async function dump(entry, options) {
    const tools = await load();
    const { payload, losses } = tools.dump(line({ key: "", ...entry }), options);
    const found = JSON.parse(losses);
    if (payload) return { payload, losses: found };
    throw Object.assign(new Error(`${options.to} has no form for a part of the value`), { code: "loss", losses: found });
  };
}

/** `restore` over the second module, which `load` gives. */
function restoreBy(load) {
  return async function restore(payload) {
    const tools = await load();
    const { db: _, key: __, ...entry } = parse(tools.restore(payload));
    return entry;
  };
}

/** `targets` over the second module, which `load` gives. */
function targetsBy(load) {
  return async function targets() {
    return (await load()).targets();
  };
}

/** The chunks of a source, until `signal` says otherwise; `tell` is told of the bytes so far. */
async function* counted(source, signal, tell) {
  let bytes = 0;
  for await (const chunk of chunksOf(source, { signal })) {
    bytes += chunk.length;
    yield chunk;
    tell?.(bytes);
  }
}

function canBeReadAgain(source) {
  return source instanceof Uint8Array || source instanceof ArrayBuffer || typeof source?.stream === "function";
}

/** Spans of a source that can be read more than once. */
function spansOf(source) {
  if (source instanceof ArrayBuffer) return spansOf(new Uint8Array(source));
  if (source instanceof Uint8Array) return { size: source.length, slice: async (start, end) => source.subarray(start, end) };
  if (typeof source?.slice === "function" && typeof source.size === "number") {
    return { size: source.size, slice: async (start, end) => new Uint8Array(await source.slice(start, end).arrayBuffer()) };
  }
  throw new TypeError("expected bytes or a Blob, which can be read more than once");
}

export { checkBy, convertBy, dumpBy, encodeBy, repairBy, restoreBy, surveyBy, targetsBy };
