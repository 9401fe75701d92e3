// What outlives a visit: theme, widths and the single-key switch in localStorage; view, sort and
// filter in the fragment of the address. Key names, search text and data are never stored.

import { BUCKETS, TYPE_NAMES } from "./types.js";

const STORE = "aikv.viewer";
const SORTS = ["file", "type", "db", "key", "elements", "size", "memory", "encoding", "expires", "idle", "offset"];
const VIEWS = ["keys", "prefixes", "commands", "findings", "convert", "summary"];
const ORDERS = ["name", "keys", "bytes"];

const defaults = { theme: "auto", singleKeys: true, detailWidth: null, detailWide: null, prefixesWidth: null, prefixOrder: "bytes", separators: [":"], columns: {}, wrap: false };

export function loadSettings() {
  try {
    const settings = { ...defaults, ...JSON.parse(localStorage.getItem(STORE) ?? "{}") };
    // What another version wrote, or a hand, is not taken as it is.
    if (!ORDERS.includes(settings.prefixOrder)) settings.prefixOrder = defaults.prefixOrder;
    if (!Array.isArray(settings.separators)) settings.separators = defaults.separators;
    settings.separators = settings.separators.filter((one) => typeof one === "string" && one !== "");
    return settings;
  } catch {
    // Storage is off or holds something else: the page works without it.
    return { ...defaults };
  }
}

export function saveSettings(settings) {
  try {
    localStorage.setItem(STORE, JSON.stringify(settings));
  } catch {
    // Nothing is lost but the wish for the next visit.
  }
}

export function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** The fragment for a state: only what names no data. */
export function toFragment({ view, query }) {
  const parts = new URLSearchParams();
  if (view !== "keys") parts.set("view", view);
  if (query.sort !== "file" || query.descending) parts.set("sort", `${query.descending ? "-" : ""}${query.sort}`);
  if (query.types.length) parts.set("types", query.types.join(","));
  if (query.dbs.length) parts.set("db", query.dbs.join(","));
  if (query.expiry) parts.set("expiry", expiryText(query.expiry));
  const text = parts.toString().replaceAll("%2C", ",");
  return text ? `#${text}` : "";
}

/** `never`, `within 3600000`, or the ends of a span in Unix ms, `1700000000000..`. */
function expiryText(expiry) {
  if (typeof expiry === "string") return expiry;
  return expiry.withinMs ? `within ${expiry.withinMs}` : `${expiry.fromMs ?? ""}..${expiry.toMs ?? ""}`;
}

function expiryOf(text) {
  if ([...BUCKETS, "any"].includes(text)) return text;
  const within = /^within (\d{1,15})$/.exec(text);
  if (within && Number(within[1]) > 0) return { withinMs: Number(within[1]) };
  const ends = /^(-?\d{1,15})?\.\.(-?\d{1,15})?$/.exec(text);
  if (!ends || text === "..") return null;
  return Object.fromEntries([["fromMs", ends[1]], ["toMs", ends[2]]].filter(([, at]) => at !== undefined).map(([name, at]) => [name, Number(at)]));
}

/** View and query of a fragment; whatever is not understood is left out. */
export function fromFragment(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const list = (name) => (parts.get(name) ?? "").split(",").filter(Boolean);
  const sort = parts.get("sort") ?? "";
  const name = sort.replace(/^-/, "");
  const query = {};
  if (SORTS.includes(name)) Object.assign(query, { sort: name, descending: sort.startsWith("-") });
  query.types = list("types").filter((type) => TYPE_NAMES.includes(type));
  query.dbs = list("db").map(Number).filter((db) => Number.isInteger(db) && db >= 0);
  query.expiry = expiryOf(parts.get("expiry") ?? "");
  const view = parts.get("view");
  return { view: VIEWS.includes(view) ? view : "keys", query };
}
