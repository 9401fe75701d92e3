// The state of the page: one object, one `update`. Views are told once per frame, with the whole state.

/** What stays when a file is opened: everything that is not about one file. */
const lasting = () => ({
  /** start | sniffed | refused | reading | stopped | read | damaged | broken | memory | crashed */
  phase: "start",
  dragging: false,
  /** What was dropped while a file is open: `{ source, dropped }`. */
  offered: null,
  supported: null,
  version: "",
  view: "keys",
  clock: { kind: "now", ms: Date.now() },
  settings: null,
  /** The treemap has the table's place. */
  largeMap: false,
});

const ofFile = () => ({
  source: null,
  /** Files that were dropped together with it, itself included. */
  dropped: 1,
  /** Of a compressed file, whose unpacked bytes are then the source: `{ compression, source, failure }`. */
  packing: null,
  /** Whether it is read though its version is later than those that are known. */
  lenient: false,
  head: null,
  /** Of a log: its commands and what is known of its keys, as `emptyLog` says. */
  log: null,
  /** What is being written, or was: `{ phase: writing | saved | failed | refused, name, offset, total, keys, bytes, text, command }`. */
  saving: null,
  refusal: null,
  progress: null,
  report: null,
  expiry: null,
  failure: null,
  finding: 0,
  /** Where the records start that a repaired copy keeps with what of their values is readable. */
  keeps: [],
  /** A repaired copy that was asked for: null, or `{ busy, plan, saved, failure }`. */
  repair: null,
  query: emptyQuery(),
  queryError: null,
  /** A query was asked for and is not answered yet. */
  asking: false,
  selection: { count: 0, bytes: 0, total: 0, generation: 0 },
  detail: emptyDetail(),
  convert: emptyConvert(),
});

/**
 * `prefix` is null or `{ bytes, leaves }`; with `leaves` only names that no separator parts behind it.
 * `picked` is null or `{ words, rows }`: keys that were listed for what `words` say; `rows()` gives their ids.
 */
export function emptyQuery() {
  return { text: "", mode: "text", types: [], dbs: [], expiry: null, minBytes: null, maxBytes: null, prefix: null, picked: null, sort: "file", descending: false };
}

/** `surveys` by container, `busy` as `{ job, kind, bytes, total }`, `saved` as `{ name, bytes, losses }`. */
function emptyConvert() {
  return { target: null, container: "rdb", onLoss: "degrade", onlyShown: false, surveys: {}, busy: null, saved: null, failure: null };
}

export function emptyDetail() {
  return {
    open: false, wide: false, row: null,
    loading: false, page: null, error: null,
    from: 0, order: null, find: "", min: null, max: null, shown: 65_536, moduleTab: null, raw: null, expiring: null,
    // Of a stream: what stands behind its entries, which not every page reaches.
    about: null, hours: null, streamTab: "entries",
    item: null, itemValue: null, field: null,
  };
}

/** A log that is about to be read. */
export function emptyLog(files) {
  return {
    /** `[{ name, source, isIncrement }]`, in the order they are read. */
    files,
    /** What is known of the commands: how many rows, and their report. */
    rows: 0, report: null, isRead: false,
    /** Of the keys: reading | ready | failed; `made` is what the reader tells beside them. */
    keys: "reading", made: null,
    /** A snapshot of the keys, as a file. */
    snapshot: null,
    findings: [],
    query: { text: "", mode: "text", names: [] },
    queryError: null, asking: false, part: null,
    selection: { count: 0, generation: 0 },
    /** The command that is looked at, and its arguments. */
    row: null, args: null, argsError: null,
  };
}

/** Whether all of its commands are shown. */
export function emptyQueryOf(log) {
  return !log.query.text && !log.query.names.length;
}

/** How many commands the files of a log have. */
export function commandsOf(report) {
  return (report?.files ?? []).reduce((sum, part) => sum + part.commands, 0);
}

/** The part of the query that narrows the rows. */
export function isFiltered(query) {
  return Boolean(query.text || query.types.length || query.dbs.length || query.expiry || query.minBytes !== null || query.maxBytes !== null || query.prefix || query.picked);
}

/** Whether the shown keys can be written alone: a filter says which they are, in words that a command has too. */
export function isWritable(query) {
  return !query.picked;
}

/** Keys by type and by expiry for the bars: of the whole file, or as the rest of the filter leaves them. */
export function facets({ query, selection, report, expiry }) {
  if (!isFiltered(query) || !selection.types) return { types: report?.types ?? [], expiry };
  const types = [...selection.types].sort((a, b) => b.bytes - a.bytes);
  for (const type of query.types) if (!types.some((one) => one.type === type)) types.push({ type, keys: 0, bytes: 0 });
  return { types, expiry: selection.expiry };
}

/** Every finding: of the compression, those of the report, and the failure that ended the reading. */
export function findings(state) {
  const outer = state.packing?.failure;
  const found = [...(state.log?.findings ?? []), ...findingsInside(state)];
  return outer ? [outer, ...found] : found;
}

function findingsInside(state) {
  const listed = state.report?.findings ?? [];
  const { failure } = state;
  if (!failure || !failure.damage || listed.some((one) => one.code === failure.code && one.offset === failure.offset)) return listed;
  const last = { severity: "error", code: failure.code, offset: failure.offset, db: failure.db, key: failure.key, keyText: failure.keyText, text: failure.message };
  return [...listed, last].sort((a, b) => a.offset - b.offset);
}

/** Up to where the file was read, or the files of a log, counted through all of them. */
export function readTo({ log, source, progress }) {
  if (!log) return progress?.offset ?? 0;
  const end = log.findings.find((one) => one.severity === "error" || one.code === "truncated");
  return end ? end.before + end.offset : source.size;
}

/** The file that the keys are read from: of a log, a snapshot made of it. */
export function keysOf({ source, log }) {
  return log ? log.snapshot : source;
}

/** The files that must not be written over. */
export function openedOf({ source, packing, log }) {
  return [source, packing?.source, ...(log?.files ?? []).map((file) => file.source)].filter(Boolean);
}

/** A file is on screen, whole or in part. */
export function hasFile(state) {
  return ["reading", "stopped", "read", "damaged", "broken", "memory", "crashed"].includes(state.phase);
}

export class Store {
  #views = [];
  #scheduled = false;

  constructor(settings) {
    this.state = { ...lasting(), ...ofFile(), settings };
  }

  /** Merges `patch` and draws in the next frame. */
  update(patch) {
    Object.assign(this.state, patch);
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.draw());
  }

  /** Forgets the file that was open. */
  reset(patch) {
    this.update({ ...ofFile(), ...patch });
  }

  detail(patch) {
    this.update({ detail: { ...this.state.detail, ...patch } });
  }

  addView(view) {
    this.#views.push(view);
  }

  draw() {
    this.#scheduled = false;
    for (const view of this.#views) view.render(this.state);
  }
}
