// Where the bytes come from: a File of this computer, or a file the local server of `aikv view` holds.
// Both are read the same way: a stream from the start, and spans by slice.

/** A file behind the page's own server, read by range requests. It has the part of `File` the viewer uses. */
export class ServedFile {
  constructor({ url, name, size }) {
    this.url = url;
    this.name = name;
    this.size = size;
  }

  /** Asks the server for name and size. `name` is used when the server does not say. */
  static async open(url, name) {
    const answer = await fetch(url, { method: "HEAD", cache: "no-store" });
    if (!answer.ok) throw new SourceError("unreachable", `The server answered ${answer.status} for the file.`);
    const given = answer.headers.get("X-File-Name");
    const size = Number(answer.headers.get("Content-Length"));
    return new ServedFile({ url, name: given ? decodeURIComponent(given) : name, size });
  }

  /** The files of a log that the server lists: `[{ file, path }]`. */
  static async openAll(url, folder) {
    const answer = await fetch(url, { cache: "no-store" });
    if (!answer.ok) throw new SourceError("unreachable", `The server answered ${answer.status} for the log.`);
    const { files } = await answer.json();
    return files.map(({ name, size }) => ({ file: new ServedFile({ url: `${url}/${encodeURIComponent(name)}`, name, size }), path: `${folder}/${name}` }));
  }

  arrayBuffer() {
    return this.#span(0, this.size);
  }

  async stream() {
    const answer = await this.#get();
    return answer.body;
  }

  slice(start, end) {
    const last = Math.min(end, this.size);
    return {
      arrayBuffer: () => this.#span(start, last),
      stream: async () => (await this.#get({ Range: `bytes=${start}-${last - 1}` })).body,
    };
  }

  async #span(start, end) {
    if (end <= start) return new ArrayBuffer(0);
    const answer = await this.#get({ Range: `bytes=${start}-${end - 1}` });
    const bytes = await answer.arrayBuffer();
    // A server that ignores ranges answers 200 with everything.
    const span = answer.status === 206 ? bytes : bytes.slice(start, end);
    if (span.byteLength !== end - start) throw new SourceError("file-changed", "The file on disk has changed.");
    return span;
  }

  async #get(headers) {
    let answer;
    try {
      answer = await fetch(this.url, { headers, cache: "no-store" });
    } catch {
      throw new SourceError("unreachable", "The server that holds the file does not answer.");
    }
    if (answer.status === 416 || answer.status === 404) throw new SourceError("file-changed", "The file on disk has changed.");
    if (!answer.ok) throw new SourceError("unreachable", `The server answered ${answer.status} for the file.`);
    return answer;
  }
}

/** A failure to read the bytes themselves: `file-changed` or `unreachable`. */
export class SourceError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** What crosses to the worker for a source, and back into one there. */
export function toMessage(source) {
  return source instanceof ServedFile ? { served: { url: new URL(source.url, location.href).href, name: source.name, size: source.size } } : { file: source };
}

export function fromMessage(message) {
  return message.served ? new ServedFile(message.served) : message.file;
}

/** Bytes `[start, end)` of a source. A file that changed under us is a `SourceError`. */
export async function readSpan(source, start, end) {
  try {
    return new Uint8Array(await source.slice(start, end).arrayBuffer());
  } catch (error) {
    throw asSourceError(error);
  }
}

export function asSourceError(error) {
  if (error instanceof DOMException && (error.name === "NotReadableError" || error.name === "NotFoundError")) {
    return new SourceError("file-changed", "The file on disk has changed since it was opened.");
  }
  return error;
}
