// Rows of the table in windows, asked for when they come into sight and kept while they are near.

const WINDOW = 128;
const KEPT = 16;

export class Windows {
  #fetch;
  #arrived;
  #kept = new Map();
  #generation = 0;
  #busy = false;
  #wanted = [];

  /** `fetch(generation, from, count)` gives rows or null; `arrived()` is called when there are more. */
  constructor(fetch, arrived) {
    this.#fetch = fetch;
    this.#arrived = arrived;
  }

  /** Another order: what is kept no longer holds. */
  reset(generation) {
    this.#generation = generation;
    this.#kept.clear();
  }

  /** The first rows, which came with the answer to the query. */
  begin(rows) {
    if (rows.length > (this.#kept.get(0)?.length ?? 0)) this.#kept.set(0, rows);
  }

  get(index) {
    return this.#kept.get(Math.floor(index / WINDOW))?.[index % WINDOW] ?? null;
  }

  /** Makes sure the rows `[first, last)` of `total` are there or on their way; the middle comes first. */
  want(first, last, total) {
    const from = Math.floor(first / WINDOW);
    const to = Math.floor(Math.max(first, last - 1) / WINDOW);
    this.#wanted = [];
    for (let at = from; at <= to && at * WINDOW < total; at += 1) {
      const there = this.#kept.get(at);
      const size = Math.min(WINDOW, total - at * WINDOW);
      if (there) {
        this.#kept.delete(at);
        this.#kept.set(at, there);
      }
      if (!there || there.length < size) this.#wanted.push([at, size]);
    }
    this.#pump();
  }

  async #pump() {
    if (this.#busy) return;
    const next = this.#wanted.shift();
    if (!next) return;
    this.#busy = true;
    const [at, size] = next;
    const generation = this.#generation;
    try {
      const rows = await this.#fetch(generation, at * WINDOW, size);
      if (rows && generation === this.#generation) {
        this.#kept.set(at, rows);
        while (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value);
        this.#arrived();
      }
    } catch (error) {
      // The reader ended or was replaced: the rows already drawn stay.
      if (error.code !== "ended") throw error;
    } finally {
      this.#busy = false;
      if (this.#wanted.length) this.#pump();
    }
  }
}
