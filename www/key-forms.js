// One key in the forms that servers take: commands, the payload of RESTORE, a snapshot of its own. The package's second
// module makes them of the key's line of JSON. Runs in the worker.

import { parse } from "./aikv/entries.js";
import { dump, encode, targets } from "./aikv/index.js";
import { COMMAND_CHARS } from "./limits.js";
import { commandLines, restoreLine } from "./redis-cli.js";
import { needTools } from "./tools.js";

/** The commands that make the key anew, a line each for redis-cli. `report` is of the file. */
export async function commandsOf(line, report) {
  const resp = await encodedKey(line, report, "resp");
  return bounded(resp.length > 2 * COMMAND_CHARS ? null : commandLines(resp));
}

/** The RESTORE that makes `row` anew, for redis-cli. */
export async function restoreOf(line, row, report) {
  const payload = await payloadOf(line, report);
  return bounded(payload.length > COMMAND_CHARS ? null : restoreLine(row, payload));
}

/** What DUMP gives for the key, on the server that wrote the file or one that is near. */
export async function payloadOf(line, report) {
  await needTools();
  return (await dump(parse(line), { to: await serverFor(report) })).payload;
}

/** The key alone in a file: `resp` or `rdb`. */
export async function encodedKey(line, report, container) {
  await needTools();
  const conversion = await encode([parse(line)], { to: await serverFor(report), container });
  return conversion.bytes();
}

/** The first server of the file's own version, else the first of a later one. */
async function serverFor({ dialect, version }) {
  const all = (await targets()).filter((server) => server.dialect === (dialect ?? "redis"));
  return (all.find((server) => server.version >= version) ?? all.at(-1)).name;
}

function bounded(text) {
  if (text !== null && text.length <= COMMAND_CHARS) return text;
  throw Object.assign(new Error("These commands are longer than 1 MiB. Export the key instead."), { code: "too-long" });
}
