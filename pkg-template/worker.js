// The package in a worker: what reads and writes whole files, carried out beside the page. Errors, progress and signals cross too.

import { Conversion } from "./conversion.js";

/** Functions that give a promise. */
const ASKED = ["info", "sniff", "supportedVersions", "survey", "targets", "version"];
/** Functions that give one thing after the other. */
const ITERATED = ["check", "commands", "entries", "unpack"];
/** Functions that write a file. */
const WRITTEN = ["convert", "repair"];
/** What goes on when it is answered: the source stays until it is over. */
const KEPT = ["open", "write"];
const INDEX = ["report", "expiry", "select", "rows", "find", "row", "value", "entry"];

/**
 * Starts a worker. `worker` is one that the caller has started by itself, of `aikv/worker-thread`: where the policy of a
 * page says how scripts are named, or for another place of the file.
 */
export function startWorker({ worker } = {}) {
  return new Remote(worker ?? new Worker(new URL("./worker-thread.js", import.meta.url), { type: "module", name: "aikv" }));
}

class Remote {
  #worker;
  #waiting = new Map();
  #sources = new Map();
  #nextId = 1;
  #ended = null;

  constructor(worker) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }) => this.#take(data));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#end(Object.assign(new Error(event.message || "the worker did not start"), { code: "crashed" }));
    });
    for (const name of ASKED) this[name] = (...args) => this.#call({ op: "ask", name }, args);
    for (const name of ITERATED) this[name] = (...args) => this.#iterate(name, args);
    for (const name of WRITTEN) this[name] = (...args) => this.#write(name, args);
  }

  async openIndex(source, options) {
    const { index, rowCount } = await this.#call({ op: "index" }, [source, options]);
    const remote = { rowCount };
    for (const name of INDEX) remote[name] = (...args) => this.#call({ op: "of", index, name }, args);
    remote.close = () => this.#post({ op: "close", index });
    return remote;
  }

  /** Ends the worker with all it holds; whatever was asked of it rejects with the code `ended`. */
  terminate() {
    this.#worker.terminate();
    this.#end(Object.assign(new Error("the worker was ended"), { code: "ended" }));
  }

  #end(error) {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    for (const source of this.#sources.values()) source.cancel();
    this.#sources.clear();
  }

  #post(message, transfer = []) {
    if (!this.#ended) this.#worker.postMessage(message, transfer);
  }

  /** One question with its answer. What of the arguments cannot cross stays here, and is asked for from there. */
  async #call(message, args, signal = args.at(-1)?.signal) {
    if (this.#ended) throw this.#ended;
    signal?.throwIfAborted();
    const id = this.#nextId;
    this.#nextId += 1;
    const { promise, resolve, reject } = withResolvers();
    const abort = () => {
      this.#post({ op: "abort", id });
      reject(signal.reason);
    };
    signal?.addEventListener("abort", abort);
    let isKept = false;
    try {
      const sent = args.map((arg) => this.#sendable(id, arg));
      this.#waiting.set(id, { resolve, reject, onProgress: args.at(-1)?.onProgress });
      this.#post({ ...message, id, args: sent });
      const answer = await promise;
      isKept = KEPT.includes(message.op);
      return answer;
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#waiting.delete(id);
      if (!isKept) this.#letGo(id);
    }
  }

  async *#iterate(name, args) {
    const id = await this.#call({ op: "open", name }, args);
    yield* this.#items(id, args.at(-1), {});
  }

  async #write(name, args) {
    const { id, ...tally } = await this.#call({ op: "write", name }, args);
    return new Conversion(Object.assign(this.#items(id, args.at(-1), tally), { tally }));
  }

  /** What comes one after the other of a reading or writing that was begun; what is told at its end goes into `tally`. */
  async *#items(id, options, tally) {
    const { signal, onProgress } = options ?? {};
    let isDone = false;
    try {
      while (!isDone) {
        const { items, failure, done, told } = await this.#call({ op: "next", of: id, tells: Boolean(onProgress) }, [{ signal, onProgress }]);
        isDone = done || Boolean(failure);
        Object.assign(tally, told);
        for (const item of items) {
          signal?.throwIfAborted();
          yield item;
        }
        if (failure) throw asError(failure);
      }
    } finally {
      if (!isDone) this.#post({ op: "leave", of: id });
      this.#letGo(id);
    }
  }

  #letGo(id) {
    this.#sources.get(id)?.cancel();
    this.#sources.delete(id);
  }

  #sendable(id, arg) {
    if (arg === null || typeof arg !== "object") return arg;
    // A part of a buffer would cross with all of it.
    if (arg instanceof Uint8Array) return arg.byteLength === arg.buffer.byteLength ? arg : arg.slice();
    if (arg instanceof Blob || arg instanceof ArrayBuffer) return arg;
    if (typeof arg.getReader === "function" || typeof arg[Symbol.asyncIterator] === "function") {
      this.#sources.set(id, pulled(arg));
      return { pulled: id };
    }
    const { signal, onProgress, ...rest } = arg;
    return { ...rest, tells: Boolean(onProgress) };
  }

  async #take({ id, value, error, progress, wants, left }) {
    if (wants !== undefined) {
      const chunk = await this.#sources.get(wants)?.next().catch((error) => ({ failure: { name: error?.name, message: error?.message ?? String(error), code: error?.code } }));
      this.#post({ op: "chunk", of: wants, ...(chunk ?? { done: true }) });
      return;
    }
    if (left !== undefined) {
      this.#letGo(left);
      return;
    }
    const waiting = this.#waiting.get(id);
    if (progress) waiting?.onProgress?.(progress);
    else if (error) waiting?.reject(asError(error));
    else waiting?.resolve(value);
  }
}

/** A source that stays here; chunks of it are asked for one by one. */
function pulled(source) {
  const reader = source.getReader?.();
  const iterator = reader ? null : source[Symbol.asyncIterator]();
  return {
    async next() {
      const { value, done } = await (reader ? reader.read() : iterator.next());
      return { value, done };
    },
    cancel() {
      if (reader) reader.cancel().catch(() => {});
      else Promise.resolve(iterator.return?.()).catch(() => {});
    },
  };
}

function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

function asError({ type, ...fields }) {
  return Object.assign(type === "TypeError" ? new TypeError(fields.message) : new Error(fields.message), fields);
}
