// A session that takes compressed files too, and gives rows as lines of JSON: for both it asks the second module.

/** `Session` over the first module's; `tools` gives the second one, or throws where it is not loaded. */
function sessionOver(Core, mayBeCompressed, tools) {
  return class Session extends Core {
    /** The first bytes, until they tell whether the file is compressed; then null. */
    #lead = new Uint8Array(0);
    #unpacker = null;
    #isPackingBroken = false;
    #isContentBroken = false;

    feed(chunk) {
      if (this.#lead) this.#begin(chunk);
      else if (this.#unpacker) this.#unpack(chunk);
      else super.feed(chunk);
    }

    #begin(chunk) {
      const lead = joined(this.#lead, chunk);
      const isPacked = mayBeCompressed(lead.subarray(0, LEAD_BYTES));
      if (isPacked && lead.length < LEAD_BYTES) {
        // The caller may use its buffer again.
        this.#lead = lead.slice();
        return;
      }
      if (isPacked) this.#unpacker = new (tools().Unpacker)();
      this.#lead = null;
      this.feed(lead);
    }

    #unpack(chunk) {
      for (let at = 0; at < chunk.length; at += PIECE) {
        this.#unpacker.feed(chunk.subarray(at, at + PIECE));
        for (let piece = this.#piece(); piece; piece = this.#piece()) {
          try {
            super.feed(piece);
          } catch (error) {
            this.#isContentBroken = true;
            throw error;
          }
        }
      }
    }

    #piece() {
      return this.#packing(() => this.#unpacker.piece());
    }

    #packing(step) {
      try {
        return step();
      } catch (error) {
        this.#isPackingBroken = true;
        throw error;
      }
    }

    finish() {
      if (this.#lead?.length) {
        // Shorter than any compressed file.
        const lead = this.#lead;
        this.#lead = null;
        super.feed(lead);
      }
      if (!this.#unpacker || this.#isContentBroken) {
        super.finish();
        return;
      }
      let failure = null;
      try {
        super.finish();
      } catch (error) {
        failure = error;
      }
      // What is inside of a compressed file that is cut only seems to be cut.
      this.#packing(() => this.#unpacker.finish());
      if (failure) throw failure;
    }

    report() {
      const report = super.report();
      const facts = this.#unpacker?.facts();
      if (!facts) return report;
      const { finding, ...packing } = facts;
      if (finding && this.#isPackingBroken) report.findings.unshift(finding);
      return Object.assign(report, packing);
    }

    lineReader(id) {
      const row = this.readAgain(id);
      return new (tools().LineReader)(row);
    }

    free() {
      this.#unpacker?.free();
      this.#unpacker = null;
      super.free();
    }
  };
}

/** First bytes that tell whether a file may be compressed. */
const LEAD_BYTES = 4;
/** Bytes handed to the unpacker at once: bounds what one step can expand to. */
const PIECE = 1 << 16;

function joined(a, b) {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

export { sessionOver };
