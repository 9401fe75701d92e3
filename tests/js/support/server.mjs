// A real server on a unix socket, and as much of its protocol as asking it a few things takes.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = process.env.AIKV_SERVERS ?? fileURLToPath(new URL("../../../.servers", import.meta.url));
const START_MS = 10_000;
const ANSWER_MS = 20_000;

/** The path of the server `name` (`tests/data/servers.sh` obtains them), or null. */
export function findServer(name) {
  const path = join(folder, name, "server");
  return existsSync(path) ? path : null;
}

/**
 * Runs `use(ask)` with a server; `ask(...words)` resolves to its answer, bulk strings as Buffers, and `ask.line(text)` to
 * that of a line as a reader types it. `files`, by their names, lie in its folder when it starts: a `dump.rdb` is loaded.
 */
export async function withServer(path, use, files = {}, options = []) {
  const place = mkdtempSync(join(tmpdir(), "aikv-s-"));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(place, name), bytes);
  const child = spawn(path, ["--port", "0", "--unixsocket", "s", "--save", "", "--dir", place, ...options], { cwd: place, stdio: "ignore" });
  let socket;
  try {
    socket = await connected(join(place, "s"), child);
    const ask = asker(socket);
    await loaded(ask);
    await use(ask);
  } finally {
    socket?.destroy();
    child.kill("SIGKILL");
    rmSync(place, { recursive: true, force: true });
  }
}

/** While it loads, a server refuses all but a few commands. */
async function loaded(ask) {
  for (const end = Date.now() + START_MS; Date.now() < end; ) {
    const refused = await ask("DBSIZE").then(() => null, (error) => error);
    if (!refused) return;
    if (!refused.message.startsWith("LOADING")) throw refused;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function connected(path, child) {
  for (const end = Date.now() + START_MS; Date.now() < end && child.exitCode === null;) {
    const socket = connect(path);
    const opened = await new Promise((resolve) => socket.once("connect", () => resolve(true)).once("error", () => resolve(false)));
    if (opened) return socket;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no answer at ${path}`);
}

function asker(socket) {
  let held = Buffer.alloc(0);
  let wake = null;
  socket.on("data", (chunk) => {
    held = Buffer.concat([held, chunk]);
    wake?.();
  });
  const ask = (...words) => {
    socket.write(Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...words.flatMap((word) => [Buffer.from(`$${Buffer.byteLength(word)}\r\n`), Buffer.from(word), Buffer.from("\r\n")])]));
    return answered();
  };
  ask.line = (text) => {
    socket.write(`${text}\r\n`);
    return answered();
  };
  return ask;

  async function answered() {
    for (;;) {
      const answer = parse(held);
      if (answer) {
        held = held.subarray(answer.end);
        if (answer.value instanceof Error) throw answer.value;
        return answer.value;
      }
      await new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`no answer, but ${held.length} bytes of one`)), ANSWER_MS);
        wake = () => {
          clearTimeout(late);
          resolve();
        };
      });
    }
  }
}

/** One answer: `{ value, end }`, or null when it is not whole. */
function parse(bytes) {
  const line = bytes.indexOf("\r\n");
  if (line < 0) return null;
  const text = bytes.toString("latin1", 1, line);
  switch (String.fromCharCode(bytes[0])) {
    case ":": return { value: Number(text), end: line + 2 };
    case "+": return { value: text, end: line + 2 };
    case "-": return { value: new Error(text), end: line + 2 };
    case "$": {
      const length = Number(text);
      if (length < 0) return { value: null, end: line + 2 };
      return bytes.length < line + 4 + length ? null : { value: bytes.subarray(line + 2, line + 2 + length), end: line + 4 + length };
    }
    case "*": {
      const value = [];
      let end = line + 2;
      for (let left = Number(text); left > 0; left -= 1) {
        const item = parse(bytes.subarray(end));
        if (!item) return null;
        value.push(item.value);
        end += item.end;
      }
      return { value, end };
    }
    default: throw new Error(`an answer this reader does not know: ${text}`);
  }
}
