// Where bytes come from: whatever the caller has, as chunks, until a signal says otherwise, with word of how far it has come.

/** Bytes of a source in memory that are handed on at once. */
const CHUNK = 1 << 20;
const EXPECTED = "expected bytes, a Blob, a stream or an async iterable of bytes";

/**
 * The chunks of a source. Where `signal` is aborted, the waiting for the next one ends with its reason; however the
 * reading ends early, the source is let go. `onProgress({ bytes, totalBytes })` is called behind each chunk.
 */
async function* chunksOf(source, { signal, onProgress } = {}) {
  signal?.throwIfAborted();
  const { next, cancel, total } = await readerOf(source, Boolean(signal || onProgress));
  const { orAborted, forget } = abortion(signal);
  let bytes = 0;
  let isWhole = false;
  try {
    for (;;) {
      const { value, done } = await orAborted(next);
      isWhole = done === true;
      if (done) return;
      if (!(value instanceof Uint8Array)) throw new TypeError("expected chunks of bytes");
      yield value;
      bytes += value.length;
      onProgress?.({ bytes, totalBytes: total });
    }
  } finally {
    forget();
    if (!isWhole) cancel();
  }
}

/** A race of what comes next with a signal. */
function abortion(signal) {
  if (!signal) return { orAborted: (next) => next(), forget() {} };
  let abort;
  const aborted = new Promise((_, reject) => {
    abort = () => reject(signal.reason);
  });
  // Where nobody waits when it is aborted, the next step tells.
  aborted.catch(() => {});
  signal.addEventListener("abort", abort);
  return {
    async orAborted(next) {
      signal.throwIfAborted();
      const promise = next();
      // Nobody waits for it any more once the source is let go.
      promise.catch(() => {});
      return Promise.race([promise, aborted]);
    },
    forget: () => signal.removeEventListener("abort", abort),
  };
}

/** `{ next, cancel, total }` of a source; `total` is null where it is not known. */
async function readerOf(source, takesTurns) {
  if (source instanceof ArrayBuffer) return inMemory(new Uint8Array(source), takesTurns);
  if (source instanceof Uint8Array) return inMemory(source, takesTurns);
  if (typeof source?.stream === "function") return { ...(await readerOf(await source.stream())), total: source.size ?? null };
  if (typeof source?.getReader === "function") return ofStream(source.getReader());
  if (typeof source?.[Symbol.asyncIterator] === "function") return ofIterable(source);
  throw new TypeError(EXPECTED);
}

function inMemory(bytes, takesTurns) {
  let at = 0;
  return {
    async next() {
      if (at >= bytes.length) return { done: true };
      // Lets a timer or a click that aborts be heard.
      if (takesTurns && at > 0) await new Promise((resolve) => setTimeout(resolve));
      const value = bytes.subarray(at, at + CHUNK);
      at += value.length;
      return { value };
    },
    cancel() {},
    total: bytes.length,
  };
}

function ofStream(reader) {
  return {
    async next() {
      const step = await reader.read();
      if (step.done) reader.releaseLock();
      return step;
    },
    cancel() {
      reader.cancel().catch(() => {});
      reader.releaseLock();
    },
    total: null,
  };
}

function ofIterable(source) {
  const iterator = source[Symbol.asyncIterator]();
  return {
    next: async () => iterator.next(),
    cancel() {
      // A stream of Node ends at once, whatever it waits for; a generator when it has come.
      source.destroy?.();
      Promise.resolve(iterator.return?.()).catch(() => {});
    },
    total: null,
  };
}

/** Whether a source can be read more than once. */
function isLasting(source) {
  return source instanceof Uint8Array || source instanceof ArrayBuffer || (typeof source?.stream === "function" && typeof source.slice === "function");
}

/** Bytes `[start, end)` of a source that can be read more than once. */
async function spanOf(source, start, end) {
  if (source instanceof ArrayBuffer) return new Uint8Array(source, start, end - start);
  if (source instanceof Uint8Array) return source.subarray(start, end);
  return new Uint8Array(await source.slice(start, end).arrayBuffer());
}

export { chunksOf, isLasting, spanOf };
