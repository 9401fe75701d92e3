// A file of Node's file system as a source: read from its beginning, or by span.

const { createReadStream } = require("node:fs");
const { open, stat } = require("node:fs/promises");

/** Bytes read at once. */
const CHUNK = 1 << 20;

/** The part of `Blob` that sources have. Bytes are read when they are asked for. */
class OpenedFile {
  #path;
  #changed;

  constructor(path, facts) {
    this.#path = path;
    this.#changed = facts.mtimeMs;
    this.size = facts.size;
  }

  stream() {
    return createReadStream(this.#path, { highWaterMark: CHUNK });
  }

  slice(start, end) {
    return { arrayBuffer: () => this.#span(start, end) };
  }

  async #span(start, end) {
    const handle = await open(this.#path);
    try {
      const { size, mtimeMs } = await handle.stat();
      const bytes = new Uint8Array(end - start);
      let read = 0;
      while (read < bytes.length) {
        const { bytesRead } = await handle.read(bytes, read, bytes.length - read, start + read);
        if (bytesRead === 0) break;
        read += bytesRead;
      }
      if (size !== this.size || mtimeMs !== this.#changed || read < bytes.length) {
        throw Object.assign(new Error(`${this.#path} has changed since it was opened`), { code: "file-changed" });
      }
      return bytes.buffer;
    } finally {
      await handle.close();
    }
  }
}

async function openFile(path) {
  const facts = await stat(path);
  if (!facts.isFile()) throw Object.assign(new Error(`${path} is not a regular file`), { code: "not-a-file" });
  return new OpenedFile(path, facts);
}

/** A function whose first argument is a source, for paths too; what it gives is a promise. */
function takingPaths(read) {
  return async (source, options) => read(isPath(source) ? await openFile(source) : source, options);
}

/** The same for a generator of what it reads. */
function takingPathsEach(read) {
  return async function* (source, options) {
    options?.signal?.throwIfAborted();
    yield* read(isPath(source) ? await openFile(source) : source, options);
  };
}

function isPath(source) {
  return typeof source === "string" || source instanceof URL;
}

module.exports = { openFile, takingPaths, takingPathsEach };
