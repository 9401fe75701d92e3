// MessagePack as lines that read like JSON, without making objects of it: integers keep every digit, keys
// are of any type, and what JSON has no word for stands as `bin`, `ext` or `timestamp` with its base64.
// Source: the specification at github.com/msgpack/msgpack.

import { base64 } from "./base64.js";
import { utf8 } from "./text.js";

const DEEPEST = 128;
/** Characters that are laid out, at most. */
const MOST_CHARS = 64 << 20;
const TIMESTAMP = -1;

/**
 * Lines of `bytes` as `{ text, starts, ends, depths }`, or null when they are no MessagePack of an object or
 * an array that ends where they end. With `cut`, the end may be missing.
 */
export function msgpackLines(bytes, cut = false) {
  const kind = kindOf(bytes[0] ?? 0xc1);
  if (kind !== "map" && kind !== "array") return null;
  const reader = new Reader(bytes);
  try {
    reader.value(0);
    if (reader.at !== bytes.length) return null;
  } catch (error) {
    if (!(error instanceof Stop) || !error.isEnd || !cut) {
      if (error instanceof Stop) return null;
      throw error;
    }
  }
  reader.endLine(0);
  return reader.lines();
}

function kindOf(byte) {
  if (byte >= 0x80 && byte <= 0x8f || byte === 0xde || byte === 0xdf) return "map";
  return byte >= 0x90 && byte <= 0x9f || byte === 0xdc || byte === 0xdd ? "array" : "other";
}

/** The bytes have come to their end, or are no MessagePack. */
class Stop extends Error {
  constructor(isEnd) {
    super("MessagePack");
    this.isEnd = isEnd;
  }
}

class Reader {
  at = 0;
  #bytes;
  #view;
  #parts = [];
  #length = 0;
  #lineStart = 0;
  #depth = 0;
  #starts = [];
  #ends = [];
  #depths = [];

  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  lines() {
    return { text: this.#parts.join(""), starts: this.#starts, ends: this.#ends, depths: this.#depths };
  }

  /** Ends the line in hand; the next is `deeper` by so much. */
  endLine(deeper) {
    if (this.#length > this.#lineStart) {
      this.#starts.push(this.#lineStart);
      this.#ends.push(this.#length);
      this.#depths.push(this.#depth);
    }
    this.#lineStart = this.#length;
    this.#depth += deeper;
  }

  value(depth) {
    const byte = this.#number("getUint8", 1);
    if (byte < 0x80) return this.#say(String(byte));
    if (byte < 0x90) return this.#many(byte & 15, 2, depth);
    if (byte < 0xa0) return this.#many(byte & 15, 1, depth);
    if (byte < 0xc0) return this.#text(byte & 31);
    if (byte >= 0xe0) return this.#say(String(byte - 256));
    switch (byte) {
      case 0xc0: return this.#say("null");
      case 0xc2: return this.#say("false");
      case 0xc3: return this.#say("true");
      case 0xc4: case 0xc5: case 0xc6: return this.#say(`bin "${base64(this.#take(this.#size(byte - 0xc4)))}"`);
      case 0xc7: case 0xc8: case 0xc9: return this.#extension(this.#size(byte - 0xc7));
      case 0xca: return this.#float(this.#number("getFloat32", 4));
      case 0xcb: return this.#float(this.#number("getFloat64", 8));
      case 0xcc: return this.#say(String(this.#number("getUint8", 1)));
      case 0xcd: return this.#say(String(this.#number("getUint16", 2)));
      case 0xce: return this.#say(String(this.#number("getUint32", 4)));
      case 0xcf: return this.#say(String(this.#number("getBigUint64", 8)));
      case 0xd0: return this.#say(String(this.#number("getInt8", 1)));
      case 0xd1: return this.#say(String(this.#number("getInt16", 2)));
      case 0xd2: return this.#say(String(this.#number("getInt32", 4)));
      case 0xd3: return this.#say(String(this.#number("getBigInt64", 8)));
      case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8: return this.#extension(1 << (byte - 0xd4));
      case 0xd9: case 0xda: case 0xdb: return this.#text(this.#size(byte - 0xd9));
      case 0xdc: case 0xdd: return this.#many(this.#size(byte - 0xdc + 1), 1, depth);
      case 0xde: case 0xdf: return this.#many(this.#size(byte - 0xde + 1), 2, depth);
      default: throw new Stop(false);
    }
  }

  /** The elements of an array, or the pairs of a map. */
  #many(count, width, depth) {
    const [open, close] = width === 2 ? "{}" : "[]";
    this.#say(open);
    if (count > 0) {
      if (depth >= DEEPEST) throw new Stop(false);
      this.endLine(1);
      for (let nth = 0; nth < count; nth += 1) {
        if (width === 2) {
          this.value(depth + 1);
          this.#say(":");
        }
        this.value(depth + 1);
        if (nth + 1 < count) this.#say(",");
        this.endLine(nth + 1 < count ? 0 : -1);
      }
    }
    this.#say(close);
  }

  #text(length) {
    const bytes = this.#take(length);
    const text = utf8(bytes);
    this.#say(text === null ? `bin "${base64(bytes)}"` : JSON.stringify(text));
  }

  #float(value) {
    this.#say(Object.is(value, -0) ? "-0.0" : Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value));
  }

  #extension(length) {
    const type = this.#number("getInt8", 1);
    const bytes = this.#take(length);
    const time = type === TIMESTAMP ? timeOf(bytes) : null;
    this.#say(time ? `timestamp "${time}"` : `ext(${type}) "${base64(bytes)}"`);
  }

  /** A length of 1, 2 or 4 bytes, by `power` of two. */
  #size(power) {
    return this.#number(["getUint8", "getUint16", "getUint32"][power], 1 << power);
  }

  #number(get, size) {
    if (this.at + size > this.#bytes.length) throw new Stop(true);
    const number = this.#view[get](this.at);
    this.at += size;
    return number;
  }

  #take(length) {
    if (length > this.#bytes.length - this.at) throw new Stop(true);
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  #say(text) {
    this.#parts.push(text);
    this.#length += text.length;
    if (this.#length > MOST_CHARS) throw new Stop(false);
  }
}

/** A timestamp in one of its three forms, or null. */
function timeOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let seconds;
  let nanoseconds = 0;
  if (bytes.length === 4) {
    seconds = view.getUint32(0);
  } else if (bytes.length === 8) {
    const both = view.getBigUint64(0);
    nanoseconds = Number(both >> 34n);
    seconds = Number(both & 0x3ffffffffn);
  } else if (bytes.length === 12) {
    nanoseconds = view.getUint32(0);
    seconds = Number(view.getBigInt64(4));
  } else {
    return null;
  }
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime()) || nanoseconds > 999_999_999) return null;
  const part = nanoseconds ? `.${String(nanoseconds).padStart(9, "0").replace(/0+$/, "")}` : "";
  return date.toISOString().replace(/\.000Z$/, `${part}Z`);
}
