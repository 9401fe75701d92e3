// A log that is open: its commands as rows, the keys that it makes, and what is wrong with it. Both are read at the same
// time, each by a worker of its own; the second is ended when the keys are there.

import { count, plural, sentence } from "./format.js";
import { toMessage } from "./source.js";
import { emptyQueryOf } from "./state.js";
import { Work } from "./work.js";

const TYPING_MS = 200;
const ANNOUNCE_MS = 500;

export function logActions(store, pool, announce) {
  let commands = null;
  let keys = null;
  let generation = 0;
  let typing = null;
  let telling = null;

  function patch(fields) {
    if (store.state.log) store.update({ log: { ...store.state.log, ...fields } });
  }

  function close() {
    commands?.end();
    keys?.end();
    commands = null;
    keys = null;
  }

  /** What the reader knows of the names of logs. */
  async function order(names, manifestName, manifest) {
    const work = new Work(pool);
    try {
      return await work.call("files", { names, manifestName, manifest });
    } finally {
      work.end();
    }
  }

  /** Reads a log. Resolves `{ blob }`, the snapshot of its keys, null where its commands cannot be applied. */
  async function read(files, { lenient, nowMs }) {
    close();
    const message = { files: files.map(({ source, ...rest }) => ({ ...rest, source: toMessage(source) })), lenient, nowMs };
    const mine = new Work(pool, onCommands);
    commands = mine;
    keys = new Work(pool, ({ offset }) => {
      const { progress } = store.state;
      store.update({ progress: { ...progress, offset } });
    });
    const reading = mine.call("commands", message).then(({ report, failure }) => {
      if (mine !== commands) return null;
      patch({ report, rows: report.rows, isRead: true });
      select(store.state.log.query);
      return failure;
    });
    const [failure, made] = await Promise.all([reading, applied(message)]);
    patch({ keys: made.blob ? "ready" : "failed", made: made.report, findings: findingsOf(files, failure, made) });
    return made;
  }

  async function applied(message) {
    const work = keys;
    try {
      return await work.call("keys", message);
    } catch (error) {
      if (error.code === "ended" || error.code === "file-changed" || error.code === "unreachable") throw error;
      return { blob: null, report: null, failure: { code: error.code, message: error.message, offset: error.offset } };
    } finally {
      work.end();
    }
  }

  function onCommands(message) {
    if (message.event === "commands") {
      patch({ report: message.report, rows: message.rows });
      if (isPlain()) follow();
    } else if (message.event === "found" && message.generation === generation) {
      patch({ selection: { count: message.count, generation }, part: message.part });
    }
  }

  function isPlain() {
    return emptyQueryOf(store.state.log);
  }

  /** While a log is read, rows come at the end. */
  function follow() {
    const { rows, selection } = store.state.log;
    if (selection.generation === 0) select(store.state.log.query);
    else patch({ selection: { ...selection, count: rows } });
  }

  async function select(query) {
    generation += 1;
    const mine = generation;
    clearTimeout(telling);
    try {
      const answer = await commands?.call("select", { query, generation: mine });
      if (!answer || mine !== generation) return;
      patch({ selection: { count: isPlain() ? store.state.log.rows : answer.count, generation: mine }, queryError: null, asking: false, part: null });
      if (!isPlain()) telling = setTimeout(() => announce.say(`${plural(answer.count, "command")} ${answer.count === 1 ? "matches" : "match"}`), ANNOUNCE_MS);
    } catch (error) {
      if (mine !== generation || error.code === "ended") return;
      patch({ queryError: error, asking: false, part: null });
    }
  }

  function change(fields, delay = 0) {
    const query = { ...store.state.log.query, ...fields };
    patch({ query, asking: true });
    clearTimeout(typing);
    if (delay) typing = setTimeout(() => select(query), delay);
    else select(query);
  }

  return {
    order,
    read,
    close,
    pause() {
      for (const work of [commands, keys]) work?.call("pause", {}).catch(() => {});
    },
    goOn() {
      for (const work of [commands, keys]) work?.call("resume", {}).catch(() => {});
    },

    /** For the views. */
    actions: {
      commandRows: async (wanted, from, length) => commands?.call("rows", { generation: wanted, from, count: length }),
      searchCommands: (text) => change({ text }, TYPING_MS),
      commandMode: (mode) => change({ mode }),
      toggleName(name, only = false) {
        const { names } = store.state.log.query;
        if (only) change({ names: names.length === 1 && names[0] === name ? [] : [name] });
        else change({ names: names.includes(name) ? names.filter((one) => one !== name) : [...names, name] });
      },
      clearCommands: () => change({ text: "", names: [] }),

      async openCommand(row) {
        patch({ row, args: null, argsError: null });
        if (row.snapshot) return;
        try {
          const args = await commands.call("command", { row });
          if (store.state.log?.row === row) patch({ args });
        } catch (error) {
          if (error.code !== "ended" && store.state.log?.row === row) patch({ argsError: error });
        }
      },
      closeCommand: () => patch({ row: null, args: null }),

      /** Where in what is shown the first command of this time stands; -1 where there is none. */
      async commandAt(unixS) {
        const id = await commands.call("rowAt", { unixS });
        return id < 0 ? -1 : commands.call("find", { id });
      },
    },
  };
}

/** What is wrong with a log, or to be known of it, as findings. */
function findingsOf(files, failure, made) {
  const found = [];
  const name = (at) => (files.length > 1 ? ` of ${files[at].name}` : "");
  const add = (at, fields) => found.push({ db: undefined, ...fields, source: files[at].source, before: before(files, at) });
  for (const one of [failure, made.failure]) {
    if (!one || !Number.isFinite(one.offset) || found.some((other) => other.code === one.code)) continue;
    const at = one.file ?? 0;
    // Servers cut a torn tail off, unless they are told not to.
    const isTorn = one.code === "truncated" && at === files.length - 1;
    const text = isTorn
      ? `The log ends in the middle of a command or transaction. It is whole up to byte ${count(one.offset)}${name(at)}. A server cuts off what is behind (aof-load-truncated yes, which is the default), and loads the rest.`
      : sentence(`${one.message}${name(at)}`);
    add(at, { severity: isTorn ? "warning" : "error", code: one.code, offset: one.offset, db: one.db, key: one.key, keyText: one.keyText, text, words: isTorn ? text : undefined });
  }
  for (const one of made.report?.skipped ?? []) {
    if (!one.mayChangeData) continue;
    const [at, offset] = placeOf(files, one.offset);
    add(at, { severity: "warning", code: "not-applied", offset, text: `${plural(one.count, "command")} ${one.command} may have changed keys and ${one.count === 1 ? "is" : "are"} not carried out here. The first stands at byte ${count(offset)}${name(at)}.` });
  }
  for (const one of made.report?.failed ?? []) {
    const [at, offset] = placeOf(files, one.offset);
    add(at, { severity: "warning", code: "no-effect", offset, text: `${plural(one.count, "command")} ${one.command} had no effect, as on a server: ${one.reason}. The first stands at byte ${count(offset)}${name(at)}.` });
  }
  return found.sort((a, b) => a.before + a.offset - b.before - b.offset);
}

function before(files, at) {
  return files.slice(0, at).reduce((sum, { source }) => sum + source.size, 0);
}

/** A byte counted through all files, as file and byte. */
function placeOf(files, offset) {
  const at = files.findLastIndex((_, nth) => before(files, nth) <= offset);
  return [at, offset - before(files, at)];
}
