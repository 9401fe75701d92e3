// The page's end of a worker that goes through whole files: one worker for each piece of work.

import { scriptAddress } from "./script-address.js";

/** What all of them run: compiled once, by the first. */
let compiled = null;

export class Work {
  #worker;
  #pending = new Map();
  #nextId = 1;
  #started;

  /** `client` has the bytes of what is run; `onEvent(message)` is told how the work goes on. */
  constructor(client, onEvent = () => {}) {
    this.#worker = new Worker(scriptAddress("file-worker.js"), { type: "module" });
    this.#worker.onmessage = ({ data }) => {
      if (data.event) {
        onEvent(data);
        return;
      }
      const waiting = this.#pending.get(data.id);
      this.#pending.delete(data.id);
      if (data.error) waiting?.reject(Object.assign(new Error(data.error.message), data.error));
      else waiting?.resolve(data.value);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail({ code: "crashed", message: event.message || "The worker did not start." });
    };
    this.#started = this.#start(client.tools);
  }

  async #start(bytes) {
    if (compiled) {
      await this.#post("init", { module: await compiled });
      return;
    }
    compiled = this.#post("init", { bytes }).then(({ module }) => module);
    // The network may be back at the next try.
    compiled.catch(() => (compiled = null));
    await compiled;
  }

  /** Runs one operation. Rejects with an `Error` that has `code`, and where it is of a file `offset`. */
  async call(op, args) {
    await this.#started;
    return this.#post(op, args);
  }

  #post(op, args) {
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
    for (const { reject } of waiting) reject(Object.assign(new Error(fields.message), fields));
  }

  /** Ends the worker with all it holds; whatever was asked of it fails with the code `ended`. */
  end() {
    this.#worker.terminate();
    this.#fail({ code: "ended", message: "The work was ended." });
  }
}
