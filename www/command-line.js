// What the command line is given to do the same as the page: the filter as flags, words quoted for a shell.

/** `aikv export ...` for what is exported. `query` is of the package; of `key`, one key, only its name and database count. */
export function exportCommand({ source, output, format, isLog, isOfCommands, to, query, key, lenient }) {
  const flags = key ? ["--key", `(?-u)^${bytePattern(key.key)}$`, "-d", String(key.db)] : query ? filterFlags(query) : [];
  if (lenient) flags.push("--lenient");
  const words = ["aikv"];
  // A log's keys are what its commands make: these are converted.
  if (format === "rdb") words.push(...(isLog ? ["convert", source, output, "--to", to] : ["filter", source, output]));
  else if (isLog && !isOfCommands && format === "jsonl") words.push("convert", source, output);
  else words.push("export", source, "--format", format, "-o", output);
  return [...words, ...flags].map(quoted).join(" ");
}

/** A query as the flags of the command. */
export function filterFlags({ text, mode, types = [], dbs = [], expiry, nowMs, minBytes, maxBytes, prefix, leaves, separators = [] }) {
  const flags = [];
  if (text && mode === "glob") flags.push("--glob", text);
  else if (text) flags.push("--key", mode === "regex" ? text : `(?i)${text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}`);
  if (prefix?.length) flags.push("--key", `(?-u)^${bytePattern(prefix)}`);
  if (leaves) {
    const parts = separators.map((one) => bytePattern(new TextEncoder().encode(one)));
    flags.push("--not-key", `(?s-u)^${bytePattern(prefix ?? [])}.*(${parts.join("|")})`);
  }
  for (const type of types) flags.push("-t", type);
  for (const db of dbs) flags.push("-d", String(db));
  if (expiry === "expired") flags.push("--expiry", `~${nowMs}`);
  else if (typeof expiry === "string") flags.push("--expiry", expiry);
  else if (expiry) flags.push("--expiry", `${expiry.fromMs ?? ""}~${expiry.toMs ?? ""}`);
  if (minBytes !== undefined || maxBytes !== undefined) flags.push("--bytes", `${minBytes ?? ""}~${maxBytes ?? ""}`);
  return flags;
}

/** A regular expression for just these bytes. */
function bytePattern(bytes) {
  return [...bytes].map((byte) => (/[A-Za-z0-9_:/-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`)).join("");
}

/** A word as a shell reads it back. */
export function quoted(word) {
  return /^[\w@%+=:,./~-]+$/.test(word) && !word.startsWith("~") ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
