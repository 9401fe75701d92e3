// The page's end of a worker that goes through whole files, for one piece of work.

import { workerError } from "./workers.js";

export class Work {
  #pool;
  #onEvent;
  #taking;
  #worker = null;
  #isEnded = false;
  #pending = new Map();
  #nextId = 1;

  /** Takes a worker of the `pool`; `onEvent(message)` is told how the work goes on. */
  constructor(pool, onEvent = () => {}) {
    this.#pool = pool;
    this.#onEvent = onEvent;
    this.#taking = this.#take();
    // Whoever calls is told.
    this.#taking.catch(() => {});
  }

  async #take() {
    const worker = await this.#pool.take();
    if (this.#isEnded) {
      this.#pool.giveBack(worker);
      return;
    }
    this.#worker = worker;
    worker.onmessage = ({ data }) => {
      if (data.event) {
        this.#onEvent(data);
        return;
      }
      const waiting = this.#pending.get(data.id);
      this.#pending.delete(data.id);
      if (data.error) waiting?.reject(workerError(data.error));
      else waiting?.resolve(data.value);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail({ code: "crashed", message: event.message });
    };
  }

  /** Runs one operation. Rejects with an `Error` that has `code`, and where it is of a file `offset`. */
  async call(op, args) {
    await this.#taking;
    if (!this.#worker) throw workerError(ENDED);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, op, args });
    });
  }

  #fail(fields) {
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of waiting) reject(workerError(fields));
  }

  /** Gives the worker back with all it holds; whatever was asked of it fails with the code `ended`. */
  end() {
    this.#isEnded = true;
    if (this.#worker) this.#pool.giveBack(this.#worker);
    this.#worker = null;
    this.#fail(ENDED);
  }
}

const ENDED = { code: "ended", message: "The work was ended." };
