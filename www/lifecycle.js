// From a dropped file to a read one: sniff, read, stop, read on, and everything that can end it early.

import { bytesSpoken, count, hex, partOf, percent, plural, sentence } from "./format.js";
import { chosenOf, FileSet } from "./gather.js";
import { readSpan, ServedFile, SourceError, toMessage } from "./source.js";
import { emptyLog, emptyQuery, findings, hasFile } from "./state.js";

const SNIFF_BYTES = 4096;
const QUARTERS = [25, 50, 75];

/** `later()` resolves with `{ logs }`, which reads a log. */
export function lifecycleActions(store, client, announce, query, later) {
  let job = 0;
  let logs = null;
  let told = 0;
  let toldDamage = false;

  /** Opens the first of so many files that were `dropped` together. */
  async function open(source, { lenient = false, dropped = 1 } = {}) {
    job += 1;
    const run = job;
    told = 0;
    toldDamage = false;
    logs?.close();
    const kept = keptFilter(store.state.query, run);
    const progress = { offset: 0, keys: 0, total: source.size, started: performance.now(), spent: 0 };
    // What is being written goes on: it has a worker of its own.
    const saving = store.state.saving?.phase === "writing" ? store.state.saving : null;
    store.reset({ saving, phase: hasFile(store.state) ? "reading" : "sniffed", source, dropped, lenient, progress, offered: null, dragging: false, query: kept, clock: clockFor(store.state.clock), view: run === 1 ? store.state.view : "keys" });
    try {
      if (source instanceof FileSet) {
        await openSet(run, source);
        return;
      }
      const head = await readSpan(source, 0, Math.min(SNIFF_BYTES, source.size));
      await client.close();
      const sniffed = await client.call("sniff", { prefix: head });
      if (run !== job) return;
      if (sniffed.kind === "compressed") {
        store.update({ phase: "reading", head, progress: { ...progress, unpacking: sniffed.compression } });
        announce.say(`Unpacking ${source.name}, ${bytesSpoken(source.size)}`);
        await unpack(run, source, client.call("unpack", { job: run, source: toMessage(source) }));
        return;
      }
      await take(run, source, sniffed, head);
    } catch (error) {
      if (run === job) ended(error);
    }
  }

  async function needLogs() {
    ({ logs } = await later());
  }

  /** Opens the log that several files are, or else one of them. */
  async function openSet(run, set) {
    await client.close();
    await needLogs();
    let chosen;
    try {
      chosen = await chosenOf(set, logs.order);
    } catch (error) {
      if (!error.refusal) throw error;
      if (run !== job) return;
      store.update({ phase: "refused", refusal: error.refusal });
      announce.alert(error.refusal.text);
      return;
    }
    if (run !== job) return;
    if (chosen.file) {
      await open(chosen.file, { lenient: store.state.lenient, dropped: set.files.length });
      return;
    }
    const size = chosen.files.reduce((sum, { source }) => sum + source.size, 0);
    const source = Object.assign(set, { name: chosen.name, size });
    store.update({ source, progress: { ...store.state.progress, total: size } });
    await nextFrame();
    if (run === job) await readLog(run, source, chosen.files);
  }

  /** Reads the commands of a log, and then, as a snapshot, the keys that they make. */
  async function readLog(run, source, files) {
    store.update({ phase: "reading", log: emptyLog(files), progress: { ...store.state.progress, started: performance.now() } });
    announce.say(`Reading ${source.name}, ${bytesSpoken(source.size)}`);
    try {
      await needLogs();
      const { blob, failure } = await logs.read(files, { lenient: store.state.lenient, nowMs: store.state.clock.ms });
      if (run !== job) return;
      if (blob) {
        const made = new File([blob], source.name);
        store.update({ log: { ...store.state.log, snapshot: made } });
        await follow(run, client.call("read", { job: run, source: toMessage(made), query: store.state.query, nowMs: store.state.clock.ms }));
        const broken = findings(store.state).some((one) => one.severity === "error");
        if (broken && run === job) store.update({ phase: "damaged", view: "findings" });
        return;
      }
      const isFull = failure.code === "limit-exceeded" || failure.code === "out-of-memory";
      store.update({ phase: isFull ? "memory" : "damaged", failure, progress: spent(store.state.progress), view: isFull ? "commands" : "findings" });
      announce.alert(isFull ? "This tab has no memory for the keys of this log" : `The commands cannot be applied from byte ${count(failure.offset)} on`);
    } catch (error) {
      if (run === job) ended(error);
    }
  }

  /** Reads the file if it is one that is read. */
  async function take(run, source, sniffed, head) {
    const refusal = refuse(sniffed, head, source, store.state);
    if (refusal) {
      store.update({ phase: "refused", head, refusal });
      announce.alert(refusal.text);
      return;
    }
    // Its first bytes are seen before its table.
    store.update({ head });
    await nextFrame();
    if (run !== job) return;
    if (sniffed.kind === "aof" || isPreamble(head)) await readLog(run, source, [{ name: source.name, source, isIncrement: false }]);
    else await begin(run, source);
  }

  /** Waits for the end of an unpacking that was begun or taken up again, and reads what came of it. */
  async function unpack(run, source, unpacking) {
    try {
      const { paused, closed, blob, head, sniffed, failure } = await unpacking;
      if (run !== job || closed) return;
      if (paused) {
        store.update({ phase: "stopped", progress: spent(store.state.progress) });
        announce.alert("Unpacking stopped");
        return;
      }
      const unpacked = new File([blob], source.name);
      const packing = { compression: store.state.progress.unpacking, source, failure };
      const progress = { offset: 0, keys: 0, total: unpacked.size, started: performance.now(), spent: 0 };
      store.update({ source: unpacked, packing, progress });
      await take(run, unpacked, sniffed, head);
    } catch (error) {
      if (run === job) ended(error);
    }
  }

  /** A filter set by the address before the first file is kept for it; later files start without. */
  function keptFilter(current, run) {
    return run === 1 ? current : { ...emptyQuery(), mode: current.mode };
  }

  async function begin(run, source) {
    store.update({ phase: "reading", progress: { ...store.state.progress, started: performance.now() } });
    announce.say(`Reading ${source.name}, ${bytesSpoken(source.size)}`);
    await follow(run, client.call("read", { job: run, source: toMessage(source), query: store.state.query, nowMs: store.state.clock.ms }));
  }

  /** Waits for the end of a reading that was begun or taken up again. */
  async function follow(run, reading) {
    query.refresh();
    try {
      const { paused, closed } = await reading;
      if (run !== job || closed) return;
      store.update({ phase: paused ? "stopped" : "read", progress: spent(store.state.progress) });
      if (paused) announce.alert("Reading stopped");
      else announce.say(`Read. ${plural(store.state.progress.keys, "key")}, ${foundWords(store.state)}`);
    } catch (error) {
      if (run === job) ended(error);
    }
  }

  function ended(error) {
    if (error.code === "ended") return;
    const progress = store.state.progress && spent(store.state.progress);
    const failure = { code: error.code, message: error.message, offset: error.offset, db: error.db, key: error.key, keyText: error.keyText };
    const begun = Boolean(progress && store.state.report);
    if (error.code === "file-changed" || error.code === "unreachable") {
      store.update({ phase: begun ? "broken" : "refused", failure, progress, refusal: { text: error.message, advice: "Open it again." } });
    } else if (error.code === "out-of-memory") {
      store.update({ phase: "memory", failure, progress });
    } else if (Number.isFinite(error.offset) && error.code !== "viewer") {
      failure.damage = true;
      store.update({ phase: "damaged", failure, progress, view: "findings" });
      announce.alert(`Damage at byte ${count(error.offset)}, reading stopped`);
    } else {
      crashed(error.message);
    }
  }

  function crashed(message) {
    const { progress } = store.state;
    client.replace();
    store.update({ phase: "crashed", failure: { code: "crashed", message, offset: progress?.offset ?? 0 }, progress: progress && spent(progress) });
    announce.alert("The reader stopped");
  }

  function progress(message) {
    if (message.job !== job) return;
    const { state } = store;
    // What was read of a log is the log, and not the snapshot made of it.
    const offset = state.log ? state.progress.offset : message.offset;
    const patch = { report: message.report, expiry: message.expiry, progress: { ...state.progress, offset, keys: message.keys } };
    if (message.selection && query.isCurrent(message.selection.generation)) patch.selection = message.selection;
    store.update(patch);
    const found = message.report.findings.find((one) => one.severity === "error" && one.nextRow !== undefined);
    if (found && !toldDamage) {
      toldDamage = true;
      announce.alert(`Damage at byte ${count(found.offset)}, reading went on`);
    }
    const done = (message.offset / state.progress.total) * 100;
    const quarter = QUARTERS.findLast((mark) => done >= mark) ?? 0;
    if (quarter > told && done < 100 && performance.now() - state.progress.started > 1000) {
      told = quarter;
      announce.say(`${quarter} percent, ${plural(message.keys, "key")}`);
    }
  }

  function unpackingProgress({ job: from, offset }) {
    const { progress: now } = store.state;
    if (from === job && now?.unpacking) store.update({ progress: { ...now, offset } });
  }

  return {
    open,
    onEvent(message) {
      if (message.event === "progress") progress(message);
      else if (message.event === "unpacking") unpackingProgress(message);
      else if (message.event === "crash") crashed(message.message);
    },

    /** A file was dropped or chosen while another is open: ask in the header first. */
    offer(source, dropped = 1) {
      if (hasFile(store.state)) store.update({ offered: { source, dropped }, dragging: false });
      else open(source, { dropped });
    },
    accept: () => open(store.state.offered.source, store.state.offered),
    decline: () => store.update({ offered: null }),
    readAgain: () => open(store.state.packing?.source ?? store.state.source),
    readLeniently: () => open(store.state.packing?.source ?? store.state.source, { lenient: true }),

    async openSample() {
      await openFetched(async () => {
        const answer = await fetch("sample.rdb");
        if (!answer.ok) throw new SourceError("unreachable", `The sample could not be fetched (${answer.status}).`);
        return new File([await answer.blob()], "sample.rdb");
      });
    },
    /** What the server of the page has open: a file, or the folder of a log. */
    async openServed({ file, folder }) {
      await openFetched(async () => (file === null ? new FileSet(await ServedFile.openAll("opened-file", folder)) : ServedFile.open("opened-file", file)));
    },

    stop() {
      const { phase, log } = store.state;
      if (phase !== "reading") return;
      if (log?.keys === "reading") {
        logs.pause();
        store.update({ phase: "stopped", progress: spent(store.state.progress) });
        announce.alert("Reading stopped");
      } else {
        client.call("pause", {});
      }
    },
    readOn() {
      const before = store.state.progress;
      store.update({ phase: "reading", progress: { ...before, started: performance.now() - before.spent } });
      if (store.state.log?.keys === "reading") {
        logs.goOn();
        return;
      }
      const resumed = client.call("resume", {});
      if (before.unpacking) unpack(job, store.state.source, resumed);
      else follow(job, resumed);
    },
  };

  async function openFetched(fetchSource) {
    try {
      await open(await fetchSource());
    } catch (error) {
      store.update({ phase: "refused", refusal: { text: error instanceof SourceError ? error.message : "The file could not be fetched.", advice: "Choose a file of this computer instead." } });
    }
  }
}

/** A clock that was set stays; any other begins with the file. */
function clockFor(clock) {
  return clock.kind === "given" ? clock : { kind: "now", ms: Date.now() };
}

function spent(progress) {
  return { ...progress, spent: performance.now() - progress.started };
}

function foundWords(state) {
  const found = findings(state).length;
  return found ? plural(found, "finding") : "no findings";
}

function nextFrame() {
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

const ADVICE = {
  bzip2: "It looks like bzip2: unpack it first.",
  xz: "It looks like xz: unpack it first.",
  zip: "It looks like a ZIP archive: unpack it first.",
  json: "It looks like JSON. An export of aikv has one key on each line, and aikv convert makes a snapshot of it.",
  empty: "It is empty.",
};

/** Why a file cannot be opened, or null: `{ text, advice, badVersion, laterVersion }`. */
function refuse(sniffed, head, source, { lenient, packing, supported }) {
  if (packing?.failure && source.size === 0) {
    return { text: `This file is compressed by ${packing.compression} and cannot be unpacked.`, advice: sentence(packing.failure.text) };
  }
  if (source.size === 0) return { text: "This file is empty.", advice: "It holds no bytes at all." };
  if (sniffed.kind === "rdb" && sniffed.supported === false) {
    const name = sniffed.dialect === "valkey" ? "VALKEY" : "RDB";
    const laterVersion = sniffed.version > (supported?.[sniffed.dialect]?.[1] ?? Infinity);
    if (lenient && laterVersion) return null;
    return { text: `This file says ${name} ${sniffed.version}. ${knownVersions(supported)}`, badVersion: true, laterVersion, advice: "" };
  }
  if (sniffed.kind === "rdb" || sniffed.kind === "aof") return null;
  if (sniffed.kind === "manifest") {
    return { text: "This is the manifest of a log in several files.", advice: "Open its whole folder, or choose all of its files at once." };
  }
  if (sniffed.kind === "jsonl") return { text: "This is an export in JSON Lines.", advice: "The viewer opens the RDB or AOF file it was made from." };
  const shown = [...head.subarray(0, 16)].map((byte) => hex(byte)).join(" ");
  return {
    text: packing ? `What this ${packing.compression} file holds does not begin like an RDB or AOF file.` : "This does not begin like an RDB or AOF file.",
    advice: ADVICE[sniffed.looksLike] ?? "",
    firstBytes: shown,
    firstText: [...head.subarray(0, 16)].map((byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : "·")).join(""),
  };
}

function knownVersions(supported) {
  if (!supported) return "";
  const redis = `Versions up to ${supported.redis[1]} (${FIRST_SERVER[supported.redis[1]] ?? "Redis"})`;
  return supported.valkey ? `${redis} and VALKEY ${supported.valkey[1]} (Valkey 9.1) are known.` : `${redis} are known.`;
}

const FIRST_SERVER = { 11: "Redis 7.2, Valkey 8.1", 12: "Redis 8.4", 13: "Redis 8.6", 14: "Redis 8.8", 15: "Redis 8.10" };

const textOf = new TextDecoder("latin1");

/** Whether a snapshot says that it stands at the head of a log: the field `aof-preamble` with the integer 1. */
function isPreamble(head) {
  return textOf.decode(head).includes("aof-preamble\xc0\x01");
}

/** What the header says of a reading that ended early. */
export function endWords({ phase, progress, failure, source, log }) {
  const done = progress ? percent(progress.offset, progress.total) : "";
  if (log && phase === "stopped" && log.keys === "reading") return `Stopped at ${done}. ${plural(log.rows, "command")} ${log.rows === 1 ? "is" : "are"} shown.`;
  if (log && phase === "memory" && log.keys === "failed") return "This tab has no memory for the keys of this log. Its commands are shown. aikv convert makes a snapshot of it.";
  switch (phase) {
    case "stopped": return progress.unpacking ? `Unpacking stopped at ${done}.` : `Stopped at ${done}. ${plural(progress.keys, "key")} ${progress.keys === 1 ? "is" : "are"} shown.`;
    case "broken": return `${failure.message} ${plural(progress.keys, "key")} ${progress.keys === 1 ? "is" : "are"} shown.`;
    case "memory": return `This tab has no memory for more keys. ${count(progress.keys)} are shown, from the first ${partOf(progress.offset, source.size)}. \`aikv info\` reads the whole file.`;
    case "crashed": return `The reader stopped at byte ${count(failure.offset)}. This is a fault of the viewer, not of your file.`;
    default: return "";
  }
}
