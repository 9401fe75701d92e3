// The page's end of the worker: a promise for every message id, progress by callback, and two ways to
// stop: ask the worker to let go of the file, or end it when it does not answer.

import { ask, newLock, newWorker, untilEnded, workerError } from "./workers.js";

const SCRIPT = "worker.js";
const CLOSE_PATIENCE_MS = 1000;

export class Client {
  #worker = null;
  #spare = null;
  #module = null;
  /** The second module: a promise of it, and itself once it is there. */
  #tools = null;
  #toolsModule = null;
  #pending = new Map();
  #nextId = 1;
  #onEvent;
  #started = null;

  /** `onEvent(message)` gets progress while a file is read, and `{ event: "crash", message }`. */
  constructor(onEvent) {
    this.#onEvent = onEvent;
  }

  /** Starts the worker and loads the WebAssembly module. Resolves with what the package supports. */
  start() {
    this.#started ??= this.#startFirst();
    return this.#started;
  }

  async #startFirst() {
    this.#attach(newWorker(SCRIPT));
    const { module, ...facts } = await this.#begin();
    this.#module = module;
    return facts;
  }

  /** Loads what the first rows of a file do without: the second module, and a second worker for when this one has to be ended. */
  async standBy() {
    await this.tools();
    await this.#spareOne();
  }

  async #spareOne() {
    const spare = newWorker(SCRIPT);
    await ask(spare, "standBy");
    this.#spare = spare;
  }

  /** The second module, compiled. Asked for once, and again where that failed. */
  tools() {
    this.#tools ??= this.call("tools").then((module) => (this.#toolsModule = module)).catch((error) => {
      this.#tools = null;
      // Another reader has taken the place of the one that was asked.
      if (error.code === "ended") return this.tools();
      throw error;
    });
    return this.#tools;
  }

  /** Loads the module in the current worker, and watches over its life from then on. */
  async #begin() {
    const worker = this.#worker;
    const lock = newLock();
    const facts = await this.#post("init", { module: this.#module, tools: this.#toolsModule, lock });
    untilEnded(lock, () => {
      if (worker === this.#worker) this.#onEvent({ event: "crash", message: "The worker ended." });
    });
    return facts;
  }

  /** Runs one operation in the worker. Rejects with an `Error` that has `code`, `offset`, `db`, `keyText`. */
  async call(op, args, transfer) {
    await this.start();
    return this.#post(op, args, transfer);
  }

  #post(op, args, transfer = []) {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, op, args }, transfer);
    });
  }

  /** Lets go of the open file. A worker that is stuck in one long step is ended and replaced. */
  async close() {
    await this.start();
    let timer;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, CLOSE_PATIENCE_MS, "late");
    });
    const answer = await Promise.race([this.#post("close", {}).catch(() => "late"), patience]);
    clearTimeout(timer);
    if (answer === "late") this.replace();
  }

  /** Ends the worker with all it holds; whatever was asked of it fails with the code `ended`. */
  replace() {
    this.#worker.terminate();
    const failed = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of failed) reject(workerError({ code: "ended", message: "The reader was ended." }));
    this.#attach(this.#spare ?? newWorker(SCRIPT));
    this.#spare = null;
    // The next one, where the page's own copy answers for its script.
    if (navigator.serviceWorker?.controller) this.#spareOne().catch(() => {});
    this.#begin().catch((error) => {
      if (error.code !== "ended") this.#onEvent({ event: "crash", message: error.message });
    });
  }

  #attach(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => {
      if (worker !== this.#worker) return;
      if (data.event) {
        this.#onEvent(data);
        return;
      }
      const waiting = this.#pending.get(data.id);
      if (!waiting) return;
      this.#pending.delete(data.id);
      if (data.error) waiting.reject(workerError(data.error));
      else waiting.resolve(data.value);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker !== this.#worker) return;
      this.#onEvent({ event: "crash", message: event.message || "The worker did not start." });
    };
  }
}
