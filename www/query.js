// Filter and sort: turns the wishes of the page into a query for the worker. The newest query wins,
// and the rows on screen stay until the new ones are there.

import { DAY, HOUR, plural } from "./format.js";
import { emptyQuery, hasFile, isFiltered } from "./state.js";

const TYPING_MS = 80;
const ANNOUNCE_MS = 500;

const NUMERIC = ["elements", "size", "memory", "expires", "idle", "offset"];
const SORT_WORDS = {
  file: ["in file order", "in file order"],
  type: ["by type", "by type, last letter first"],
  db: ["by database", "by database, highest first"],
  key: ["by key", "by key, last letter first"],
  elements: ["by elements, fewest first", "by elements, most first"],
  size: ["by size, smallest first", "by size, largest first"],
  memory: ["by memory, smallest first", "by memory, largest first"],
  encoding: ["by encoding", "by encoding, last letter first"],
  expires: ["by expiry, soonest first", "by expiry, latest first"],
  idle: ["by idle time or frequency, smallest first", "by idle time or frequency, largest first"],
  offset: ["by offset, first byte first", "by offset, last byte first"],
};

export function queryActions(store, client, announce) {
  let generation = 0;
  let counting = 0;
  let typing = null;
  let telling = null;

  async function run() {
    const { state } = store;
    if (!hasFile(state)) return;
    generation += 1;
    const mine = generation;
    const { query } = state;
    try {
      const selection = await client.call("select", { query: toPackage(state), generation: mine });
      if (!selection || mine !== generation) return;
      store.update({ selection, queryError: null, asking: false });
      tell(query, selection);
    } catch (error) {
      if (mine !== generation || error.code === "ended") return;
      store.update({ queryError: error, asking: false });
    }
  }

  function tell(query, selection) {
    clearTimeout(telling);
    if (!isFiltered(query)) return;
    telling = setTimeout(() => announce.say(`${plural(selection.count, "key")} ${selection.count === 1 ? "matches" : "match"}`), ANNOUNCE_MS);
  }

  function change(patch, delay = 0) {
    store.update({ query: { ...store.state.query, ...patch }, asking: hasFile(store.state) });
    clearTimeout(typing);
    if (delay) typing = setTimeout(run, delay);
    else run();
  }

  return {
    /** Asks again for the rows of the current query: a first time, or when more keys were read. */
    refresh: run,
    isCurrent: (wanted) => wanted === generation,

    search: (text) => change({ text }, TYPING_MS),
    searchMode: (mode) => change({ mode }),
    filter: (patch) => change(patch),
    clearFilter() {
      const { sort, descending, mode } = store.state.query;
      change({ ...emptyQuery(), sort, descending, mode });
    },
    toggleType(type, only = false) {
      const { types } = store.state.query;
      if (only) change({ types: types.length === 1 && types[0] === type ? [] : [type] });
      else change({ types: types.includes(type) ? types.filter((one) => one !== type) : [...types, type] });
    },
    toggleExpiry: (bucket) => change({ expiry: store.state.query.expiry === bucket ? null : bucket }),
    /** Only the keys of these rows. */
    pick: (words, rows) => change({ ...emptyQuery(), picked: { words, rows: () => rows } }),
    /** Only keys that begin with a prefix, `{ bytes, leaves }`; null: all. */
    prefix: (prefix) => change({ prefix }),
    /** The level below a prefix, as the rest of the filter leaves it; null where a newer counting began. */
    countPrefixes(prefix, most) {
      counting += 1;
      const { separators, prefixOrder } = store.state.settings;
      const query = toPackage({ ...store.state, query: { ...store.state.query, prefix: null } });
      return client.call("prefixes", { job: counting, query, options: { prefix, separators, by: prefixOrder === "keys" ? "keys" : "bytes", most } });
    },
    /** First press: numbers largest first, text from A; second: turned round; third: file order. */
    sortBy(sort) {
      const { query } = store.state;
      const first = NUMERIC.includes(sort);
      if (query.sort !== sort) change({ sort, descending: first });
      else if (query.descending === first) change({ descending: !first });
      else change({ sort: "file", descending: false });
      const now = store.state.query;
      announce.say(`Sorted ${SORT_WORDS[now.sort][now.descending ? 1 : 0]}`);
    },
  };
}

/** The query of the package: buckets become times against the clock, empty wishes are left out. */
export function toPackage({ query, clock: { ms: nowMs }, settings }) {
  const out = { mode: query.mode, sort: query.sort, descending: query.descending, nowMs };
  if (query.text) out.text = query.text;
  if (query.types.length) out.types = query.types;
  if (query.dbs.length) out.dbs = query.dbs;
  if (query.minBytes !== null) out.minBytes = query.minBytes;
  if (query.maxBytes !== null) out.maxBytes = query.maxBytes;
  if (query.prefix) Object.assign(out, { prefix: query.prefix.bytes, leaves: query.prefix.leaves, separators: settings.separators });
  if (query.picked) out.rows = query.picked.rows();
  if (query.expiry) out.expiry = bucket(query.expiry, nowMs);
  return out;
}

/** The rule of the package for a bucket, `{ withinMs }` from the clock on, or `{ fromMs, toMs }`. */
export function bucket(name, now) {
  if (name.withinMs) return { fromMs: now + 1, toMs: now + name.withinMs };
  switch (name) {
    case "hour": return { fromMs: now + 1, toMs: now + HOUR };
    case "day": return { fromMs: now + HOUR + 1, toMs: now + DAY };
    case "week": return { fromMs: now + DAY + 1, toMs: now + 7 * DAY };
    case "month": return { fromMs: now + 7 * DAY + 1, toMs: now + 30 * DAY };
    case "later": return { fromMs: now + 30 * DAY + 1 };
    case "never": return "none";
    default: return name;
  }
}
