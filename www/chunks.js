// How a worker goes through a file: chunk by chunk, with messages handled in between.

const STREAM_BUFFER = 4 << 20;

/** Work of a worker between two looks at its messages. */
export const TURN_MS = 12;

/** Lets messages that wait be handled before going on. */
export function turn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}

/** Chunks of a source from a byte on: into one reused buffer where streams can do that, else as they come. */
export async function chunksOf(source, from = 0) {
  const stream = await (from ? source.slice(from, source.size).stream() : source.stream());
  let reader;
  let buffer = null;
  try {
    reader = stream.getReader({ mode: "byob" });
    buffer = new ArrayBuffer(STREAM_BUFFER);
  } catch {
    reader = stream.getReader();
  }
  return {
    async next() {
      const { value, done } = await (buffer ? reader.read(new Uint8Array(buffer)) : reader.read());
      if (buffer && value) buffer = value.buffer;
      return done ? null : value;
    },
    cancel() {
      reader.cancel().catch(() => {});
    },
  };
}
