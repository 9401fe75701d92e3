// The bytes of a file, unpacked, and its entries as objects, one line of JSON Lines at a time.

import { hasStopped, lentItems } from "./lent.js";
import { chunksOf } from "./sources.js";

/** Bytes handed to the module at once: bounds what one step can expand to. */
const PIECE = 1 << 16;
/** An integer of 16 digits may be beyond 2^53, and so no number of its own. */
const LONG_DIGITS = /\d{16}/;
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const INTEGER = /^-?\d+$/;

/** `unpack` over the second module, which `load` gives. */
function unpackBy(load) {
  return async function* unpack(source, options) {
    const { Unpacker } = await load();
    yield* lentItems(new Unpacker(), async function* (unpacker) {
      for await (const chunk of chunksOf(source, options)) {
        let at = 0;
        for (; at < chunk.length && !unpacker.isPlain; at += PIECE) {
          unpacker.feed(chunk.subarray(at, at + PIECE));
          for (let piece = unpacker.piece(); piece; piece = unpacker.piece()) yield piece;
        }
        // What is not compressed need not go through the module.
        if (at < chunk.length) yield chunk.subarray(at);
      }
      unpacker.finish();
    });
  };
}

/** `entries` over the second module, which `load` gives, and what `unpackBy` gives. */
function entriesBy(load, unpack) {
  return async function* entries(source, options) {
    const { Lines } = await load();
    yield* lentItems(new Lines(options), async function* (lines) {
      for await (const chunk of unpack(source, options)) {
        for (let at = 0; at < chunk.length; at += PIECE) {
          yield* fed(lines, () => lines.feed(chunk.subarray(at, at + PIECE)), options?.signal);
        }
      }
      yield* fed(lines, () => lines.finish(), options?.signal);
    });
  };
}

/** What was whole before a failure comes before the failure. */
function* fed(lines, step, signal) {
  let failure = null;
  try {
    step();
  } catch (error) {
    if (hasStopped(error)) throw error;
    failure = error;
  }
  const text = lines.take();
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\n", at);
    signal?.throwIfAborted();
    yield parse(text.slice(at, end));
    at = end + 1;
  }
  if (failure) throw failure;
}

/** Parses a line; integers beyond 2^53 become BigInt, scores stay numbers. */
function parse(line) {
  if (!LONG_DIGITS.test(line)) return JSON.parse(line);
  // Scores are doubles, however many digits they are written with.
  const scores = /"type":"([a-z]+)"/.exec(line)?.[1] === "zset" ? line.indexOf('"value":[[') : -1;
  let mark = "$int";
  while (line.includes(mark)) mark += "$";
  const marked = line.replace(STRING_OR_NUMBER, (token, at) => {
    const isExact = !INTEGER.test(token) || Number.isSafeInteger(Number(token)) || (scores >= 0 && at > scores);
    return isExact ? token : `{"${mark}":"${token}"}`;
  });
  return JSON.parse(marked, (_, value) => (value !== null && typeof value === "object" && mark in value ? BigInt(value[mark]) : value));
}

export { chunksOf, entriesBy, parse, unpackBy };
