// The workers that go through whole files. They stand by from the time at which the page is idle; one that is given back lets go
// of all it has and stands by again, so that no log and no export asks anything of the network.

import { ask, newLock, newWorker, untilEnded } from "./workers.js";

/** Two read a log, and one more writes an export meanwhile, or is there when one of them had to be ended. */
const SIZE = 3;
const PATIENCE_MS = 1000;

export class Pool {
  #tools;
  /** Each a promise of a worker, or of null where that failed. */
  #idle = [];
  #taken = 0;
  #ended = new WeakSet();

  /** `tools()` resolves with what all of them run, compiled. */
  constructor(tools) {
    this.#tools = tools;
  }

  /** Has them all stand by. One after the other: of several that start at once, WebKit lets a service worker answer the imports of one. */
  async fill() {
    while (this.#idle.length + this.#taken < SIZE) {
      const worker = this.#start();
      this.#idle.push(worker.catch(() => null));
      await worker;
    }
  }

  /** A worker for one piece of work. */
  async take() {
    this.#taken += 1;
    try {
      while (this.#idle.length) {
        const worker = await this.#idle.shift();
        if (worker && !this.#ended.has(worker)) return worker;
      }
      return await this.#start();
    } catch (error) {
      this.#taken -= 1;
      throw error;
    }
  }

  /** Takes a worker back, whatever it is doing. */
  giveBack(worker) {
    this.#taken -= 1;
    if (this.#idle.length + this.#taken >= SIZE) worker.terminate();
    else this.#idle.push(this.#cleared(worker).catch(() => null));
  }

  async #start() {
    const worker = newWorker("file-worker.js");
    const lock = newLock();
    try {
      await ask(worker, "standBy", { module: await this.#tools(), lock });
    } catch (error) {
      worker.terminate();
      throw error;
    }
    untilEnded(lock, () => {
      this.#ended.add(worker);
      // Whoever has it is told, where the browser does not do that.
      worker.dispatchEvent(new ErrorEvent("error", { message: "The worker ended." }));
    });
    return worker;
  }

  /** The same worker with nothing in it; one that has ended or is stuck in a long step is replaced. */
  async #cleared(worker) {
    if (this.#ended.has(worker)) return this.#start();
    let timer;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS, "late");
    });
    const answer = await Promise.race([ask(worker, "letGo").catch(() => "failed"), patience]);
    clearTimeout(timer);
    if (answer === undefined) return worker;
    worker.terminate();
    return this.#start();
  }
}
