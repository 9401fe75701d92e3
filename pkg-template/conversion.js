// The output of what writes a file.

/** What a conversion came to. Its output can be taken once, in one of four ways. */
class Conversion {
  #pieces;
  #isTaken = false;

  constructor(pieces) {
    this.#pieces = pieces;
  }

  /** The losses; whole once the output was taken to its end. */
  get losses() {
    return this.#pieces.tally.losses;
  }

  /** What was written; null until the output was taken to its end. */
  get report() {
    return this.#pieces.tally.report;
  }

  [Symbol.asyncIterator]() {
    if (this.#isTaken) throw new TypeError("the output was taken already");
    this.#isTaken = true;
    return this.#pieces;
  }

  stream() {
    const pieces = this[Symbol.asyncIterator]();
    return new ReadableStream({
      async pull(controller) {
        const { value, done } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await pieces.return();
      },
    });
  }

  async bytes() {
    const pieces = [];
    let size = 0;
    for await (const piece of this) {
      pieces.push(piece);
      size += piece.length;
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  async blob() {
    const pieces = [];
    for await (const piece of this) pieces.push(piece);
    return new Blob(pieces);
  }
}

export { Conversion };
