// Commands as lines that redis-cli takes, one by one or from a file: words with anything but plain characters in
// them are quoted. Source: `sdssplitargs` of the servers (Redis 7.0 `sds.c`), which reads such lines.

const PLAIN = /^[A-Za-z0-9_.:,/@%+=*-]+$/;
const ESCAPES = { 0x0a: "\\n", 0x0d: "\\r", 0x09: "\\t", 0x22: '\\"', 0x5c: "\\\\" };

/** A word of a command, bytes or text. */
export function quoted(word) {
  const bytes = typeof word === "string" ? new TextEncoder().encode(word) : word;
  const parts = [];
  for (const byte of bytes) parts.push(ESCAPES[byte] ?? (byte < 0x20 || byte > 0x7e ? `\\x${byte.toString(16).padStart(2, "0")}` : String.fromCharCode(byte)));
  const text = parts.join("");
  return PLAIN.test(text) ? text : `"${text}"`;
}

/** The commands of a log (RESP), a line each, without the one that chooses a database. */
export function commandLines(resp) {
  const lines = [];
  for (let at = 0; at < resp.length;) {
    const [words, end] = command(resp, at);
    at = end;
    if (String.fromCharCode(...words[0]).toUpperCase() !== "SELECT") lines.push(words.map(quoted).join(" "));
  }
  return lines.join("\n");
}

/** The words of the command at `at`, and where it ends. */
function command(resp, at) {
  const words = [];
  let [left, next] = header(resp, at);
  for (; left > 0; left -= 1) {
    const [length, start] = header(resp, next);
    words.push(resp.subarray(start, start + length));
    next = start + length + 2;
  }
  return [words, next];
}

/** The number behind the sign at `at`, and where the line ends. */
function header(resp, at) {
  const end = resp.indexOf(13, at);
  return [Number(String.fromCharCode(...resp.subarray(at + 1, end))), end + 2];
}

/** RESTORE of a payload of DUMP, with what of a key is no part of it. */
export function restoreLine({ key, expiresAtMs, idleSeconds, freq }, payload) {
  const words = ["RESTORE", key, String(expiresAtMs ?? 0), payload];
  if (expiresAtMs !== null && expiresAtMs !== undefined) words.push("ABSTTL");
  if (idleSeconds !== null && idleSeconds !== undefined) words.push("IDLETIME", String(idleSeconds));
  if (freq !== null && freq !== undefined) words.push("FREQ", String(freq));
  return words.map(quoted).join(" ");
}
