// Export: the keys that are shown, one of them, or the commands of a log, in the formats of the command line.

import { exportCommand } from "./command-line.js";
import { isLenient } from "./convert-actions.js";
import { bytesText, count, plural } from "./format.js";
import { DOWNLOAD_BYTES } from "./limits.js";
import { toPackage } from "./query.js";
import { askWhere, download } from "./saving.js";
import { toMessage } from "./source.js";
import { isFiltered, isWritable, keysOf, openedOf } from "./state.js";
import { Work } from "./work.js";

export const EXPORTS = [["jsonl", "JSON Lines", ".jsonl"], ["csv", "CSV", ".csv"], ["resp", "Commands", ".resp"], ["rdb", "New snapshot", ".rdb"]];

/** What a log without a snapshot in front is converted to. */
const LATEST = 15;

export function exportActions(store, pool, announce) {
  let work = null;

  /** `what`: `shown`, `key` or `commands`. */
  async function run(what, format) {
    const { state } = store;
    let name = nameOf(state, what, format);
    const told = options(state, what, format);
    const files = filesOf(state, what);
    let where;
    try {
      where = await askWhere(name, openedOf(state));
    } catch (error) {
      store.update({ saving: { phase: "failed", name, text: error.message } });
      announce.alert(error.message);
      return;
    }
    if (!where) return;
    name = where.handle?.name ?? name;
    const command = commandFor(state, what, format, name);
    stop();
    const total = files.reduce((sum, { source }) => sum + (source.file ?? source.served).size, 0);
    store.update({ saving: { phase: "writing", name, offset: 0, total } });
    announce.say(`Writing ${name}`);
    const mine = new Work(pool, ({ offset }) => {
      if (mine === work) store.update({ saving: { ...store.state.saving, offset } });
    });
    work = mine;
    try {
      const { keys, bytes, losses, blob } = await mine.call("export", { files, options: told, handle: where.handle });
      if (mine !== work) return;
      if (losses) throw Object.assign(new Error(`A snapshot for this log's own server would lose ${plural(losses, "thing")}. Convert says which.`), { code: "losses" });
      if (blob) download(blob, name);
      const saved = `${plural(keys, what === "commands" ? "line" : "key")}, ${bytesText(bytes)}`;
      store.update({ saving: { phase: "saved", name, text: `Saved ${name}: ${saved}.` } });
      announce.say(`Saved ${name}, ${saved}`);
    } catch (error) {
      if (error.code === "ended" || mine !== work) return;
      const isLarge = error.code === "too-large";
      const text = isLarge ? `${error.message} This browser only takes downloads up to ${bytesText(DOWNLOAD_BYTES)}; the command has no such limit.` : `Nothing was saved. ${error.message}`;
      store.update({ saving: { phase: "failed", name, text, command: isLarge ? command : null } });
      announce.alert(text);
    } finally {
      mine.end();
      if (mine === work) work = null;
    }
  }

  function stop() {
    work?.end();
    work = null;
  }

  function options(state, what, format) {
    if (what === "commands") {
      const { text, mode, names } = state.log.query;
      return { format, commands: text || names.length ? { text, mode, names } : undefined, lenient: isLenient(state) };
    }
    const made = state.log ? { source: state.log.made.source ?? undefined } : undefined;
    const lenient = isLenient(state) && !state.log;
    if (what === "key") {
      const { key, db } = state.detail.row;
      return { format, key, db, made, lenient };
    }
    return { format, query: toPackage(state), made, lenient };
  }

  /** What is read for it: the log, or the file of the keys, which the reader of keys has. */
  function filesOf(state, what) {
    if (what === "commands") return state.log.files.map(({ source, ...rest }) => ({ ...rest, source: toMessage(source) }));
    return [{ name: state.source.name, source: toMessage(keysOf(state)), isIncrement: false }];
  }

  return {
    exportAs: run,
    stopExport() {
      const { name } = store.state.saving;
      stop();
      store.update({ saving: { phase: "failed", name, text: `Stopped. Nothing was saved as ${name}.` } });
      announce.alert("Export stopped");
    },
    closeExport: () => store.update({ saving: null }),
    /** What can be exported now, as items of a menu. */
    exportItems() {
      const { state } = store;
      const items = [];
      const add = (title, what, formats) => {
        if (items.length) items.push({ line: true });
        items.push({ title });
        for (const [format, label, ending] of formats) items.push({ label, hint: ending, run: () => run(what, format) });
      };
      if (state.log && state.view === "commands") {
        const { query, selection } = state.log;
        const some = query.text || query.names.length;
        add(some ? `Export the ${plural(selection.count, "command")} shown` : "Export all of the log", "commands", EXPORTS.slice(0, 1));
        return items;
      }
      if (!state.report || (state.log && state.log.keys !== "ready")) return items;
      const { row } = state.detail;
      if (row) add("Export the selected key", "key", EXPORTS);
      if (!isWritable(state.query)) {
        items.push({ title: "Keys that are shown for what they lose cannot be exported alone" });
        return items;
      }
      const { count: length } = state.selection;
      add(isFiltered(state.query) ? `Export the ${plural(length, "key")} shown` : `Export all ${plural(state.report.keys, "key")}`, "shown", EXPORTS);
      return items;
    },
  };
}

/** The command that does the same. */
function commandFor(state, what, format, output) {
  const { source, packing, log, detail } = state;
  const made = log?.made?.source;
  return exportCommand({
    source: (packing?.source ?? source).name, output, format, isLog: Boolean(log), isOfCommands: what === "commands", to: `rdb-${made?.version ?? LATEST}`,
    query: what === "shown" ? toPackage(state) : null, key: what === "key" ? detail.row : null, lenient: isLenient(state),
  });
}

function nameOf({ source, log }, what, format) {
  const stem = source.name.replace(/\.(gz|zst|lz4)$/i, "").replace(/\.(rdb|aof)$/i, "");
  const ending = EXPORTS.find(([name]) => name === format)[2];
  const kind = what === "key" ? "-key" : what === "commands" ? "-commands" : format === "rdb" && !log ? "-shown" : "";
  return `${stem || "export"}${kind}${ending}`;
}
