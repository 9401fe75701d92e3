// A file that is compressed as a whole, unpacked into a file that the browser keeps, in memory or on
// disk, so that values can be read from it by span.

import { sniff, unpack } from "./aikv/index.js";

/** What is held here before the browser takes it. */
const PART_BYTES = 8 << 20;
const HEAD_BYTES = 4096;

export class Unpacking {
  /** Bytes taken of the compressed file. */
  offset = 0;
  ended = null;
  #pieces;
  #head = new Uint8Array(0);
  #parts = [];
  #failure = null;

  /** `chunks` has a `next` for the chunks of the compressed file. */
  constructor(chunks) {
    this.#pieces = unpack(this.#counted(chunks));
  }

  /** Unpacks some more. Resolves to null when there is no more, or nothing worth having. */
  async next() {
    if (this.#failure || !this.#isDump()) return null;
    const pieces = [];
    let size = 0;
    try {
      while (size < PART_BYTES) {
        const { value, done } = await this.#pieces.next();
        if (done) break;
        pieces.push(value);
        size += value.length;
      }
    } catch (error) {
      if (!error.compression) throw error;
      const { code, offset, message, compression } = error;
      this.#failure = { severity: "error", code, offset, compression, text: message };
    }
    if (size === 0) return null;
    const part = new Blob(pieces);
    if (!this.#parts.length) this.#head = new Uint8Array(await part.slice(0, HEAD_BYTES).arrayBuffer());
    this.#parts.push(part);
    return part;
  }

  /** All that was unpacked, what it begins with, and what is wrong with the compression. */
  result() {
    return { blob: new Blob(this.#parts), head: this.#head, sniffed: sniff(this.#head), failure: this.#failure };
  }

  /** Ends it; `ended` is when nothing of it is left. */
  cancel() {
    this.ended = this.#pieces.return().catch(() => {});
  }

  #isDump() {
    return !this.#parts.length || ["rdb", "aof"].includes(sniff(this.#head).kind);
  }

  async *#counted(chunks) {
    for (let chunk = await chunks.next(); chunk; chunk = await chunks.next()) {
      this.offset += chunk.length;
      yield chunk;
    }
  }
}
