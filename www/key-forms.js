// One key in the forms that servers take: commands, and the payload of RESTORE. The package's second module makes them of
// the key's line of JSON. Runs in the worker.

import { parse } from "./aikv/entries.js";
import { dump, encode, targets } from "./aikv/index.js";
import { COMMAND_CHARS } from "./limits.js";
import { commandLines, restoreLine } from "./redis-cli.js";
import { needTools } from "./tools.js";

/** The commands that make the key anew, a line each for redis-cli: `{ text, lost }`. `report` is of the file. */
export async function commandsOf(line, report) {
  await needTools();
  const conversion = await encode([parse(line)], { to: await serverFor(report), container: "resp", onLoss: "degrade" });
  const resp = await conversion.bytes();
  return { text: bounded(resp.length > 2 * COMMAND_CHARS ? null : commandLines(resp)), lost: words(conversion.losses) };
}

/** The RESTORE that makes `row` anew, for redis-cli: `{ text, lost }`. */
export async function restoreOf(line, row, report) {
  const { bytes, lost } = await payloadOf(line, report);
  return { text: bounded(bytes.length > COMMAND_CHARS ? null : restoreLine(row, bytes)), lost };
}

/** What DUMP gives for the key, on the server that wrote the file or one that is near: `{ bytes, lost }`. */
export async function payloadOf(line, report) {
  await needTools();
  const { payload, losses } = await dump(parse(line), { to: await serverFor(report), onLoss: "degrade" });
  return { bytes: payload, lost: words(losses) };
}

/** What the form has no room for, as commands have none for the times at which consumers were seen. */
function words(losses) {
  return [...new Set(losses.map((loss) => loss.what))].join(", ");
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
