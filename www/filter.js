// The filter bar: search with its modes, type chips, and the menus for database, expiry and size.

import { badge } from "./columns.js";
import { el, fill, icon, setAttr, setText, show, sizeOf } from "./dom.js";
import { bytesText, count, DAY, HOUR, MINUTE, plural, short, span } from "./format.js";
import { openForm, openMenu } from "./menu.js";
import { facets } from "./state.js";
import { plain } from "./text.js";
import { BUCKET_LONG, BUCKETS, TYPE_NAMES } from "./types.js";

export const MODES = [["text", "text", "any part, no case"], ["glob", "glob", "whole key, * ? [a-z]"], ["regex", "regex", "(?i) for no case"]];
const UNITS = [["B", 1], ["KiB", 1 << 10], ["MiB", 1 << 20], ["GiB", 1 << 30]];

export function mountFilter(root, actions) {
  const input = el("input", { type: "search", id: "search", "aria-label": "Find keys", placeholder: "Find keys", autocomplete: "off", spellcheck: false, oninput: () => actions.search(input.value), onkeydown: onKey });
  const modeText = el("span");
  const mode = el("button", { class: "mode", type: "button", "aria-haspopup": "menu", title: "How the text is understood (Ctrl+.)", onclick: modeMenu }, modeText, icon("down"));
  const hint = el("kbd", { "aria-hidden": "true" }, "/");
  const error = el("p", { class: "search-error", id: "search-error", hidden: true });
  const search = el("div", { class: "search" }, icon("search"), input, hint, mode, error);
  const sortChip = el("button", { class: "filter-menu sort only-narrow", type: "button", "aria-haspopup": "menu", onclick: sortMenu });
  const chips = el("div", { class: "chips", role: "group", "aria-label": "Types" });
  const rest = el("button", { class: "chip rest", type: "button", "aria-haspopup": "menu", hidden: true, onclick: restMenu });
  const prefix = menuButton("Prefix", actions.focusPrefixes, () => actions.prefix(null), false);
  const picked = menuButton("What is lost", () => actions.view("convert"), () => actions.filter({ picked: null }), false);
  const db = menuButton("db", dbMenu, () => actions.filter({ dbs: [] }));
  const expiry = menuButton("Expiry", expiryMenu, () => actions.filter({ expiry: null }));
  const size = menuButton("Size", sizeForm, () => actions.filter({ minBytes: null, maxBytes: null }));
  const menus = el("div", { class: "filter-menus" }, prefix.node, picked.node, db.node, expiry.node, size.node);
  root.append(search, el("div", { class: "divide" }), el("div", { class: "chip-line" }, sortChip, chips, rest, el("div", { class: "divide" }), menus));
  const place = sizeOf(root, () => state && fit());

  let state = null;
  let order = [];
  let fitted = "";
  /** What was fitted into which place: to look again would lay the page out. */
  let fittedWhat = "";

  function menuButton(label, run, clear, stays = true) {
    const text = el("span", null, label);
    const button = el("button", { class: "filter-menu", type: "button", "aria-haspopup": "true", onclick: () => run(button) }, text, icon("down"));
    const undo = () => {
      clear();
      // The cross goes, and with it what has no other use.
      (stays ? button : input).focus();
    };
    const cross = el("button", { class: "clear", type: "button", "aria-label": `Clear ${label}`, hidden: true, onclick: undo }, icon("close", "small"));
    return { text, button, cross, node: el("div", { class: `menu-group${stays ? "" : " passing"}` }, button, cross) };
  }

  function onKey(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (input.value) {
        input.value = "";
        actions.search("");
      } else {
        actions.clearFilter();
      }
    } else if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      actions.focusGrid();
    } else if (event.key === "." && event.ctrlKey) {
      event.preventDefault();
      turnMode();
    }
  }

  function turnMode() {
    const at = MODES.findIndex(([name]) => name === state.query.mode);
    actions.searchMode(MODES[(at + 1) % MODES.length][0]);
  }

  function modeMenu() {
    openMenu(mode, MODES.map(([name, label, about]) => ({ label, hint: about, kind: "radio", checked: state.query.mode === name, run: () => actions.searchMode(name) })), { label: "How the text is understood", align: "right" });
  }

  function sortMenu() {
    const sorts = [["file", "File order"], ["size", "Size"], ["elements", "Elements"], ["expires", "Expires"], ["key", "Key"], ["type", "Type"]];
    openMenu(sortChip, sorts.map(([name, label]) => ({
      label, kind: "radio", checked: state.query.sort === name, hint: state.query.sort === name && name !== "file" ? "turn round" : "", run: () => (name === "file" ? actions.filter({ sort: "file", descending: false }) : actions.sortBy(name)),
    })), { label: "Sort" });
  }

  function dbMenu(button) {
    const { dbs } = state.query;
    const items = state.report.databases.map((one) => ({
      label: `db ${one.db}`, hint: `${plural(one.keys, "key")}, ${bytesText(one.bytes)}`, kind: "checkbox", checked: dbs.includes(one.db), keep: true,
      run: () => {
        const now = state.query.dbs;
        const on = !now.includes(one.db);
        actions.filter({ dbs: on ? [...now, one.db].sort((a, b) => a - b) : now.filter((other) => other !== one.db) });
        return on;
      },
    }));
    openMenu(button, items, { label: "Databases", align: "right" });
  }

  function expiryMenu(button) {
    const counts = facets(state).expiry ?? {};
    const choose = (value) => () => actions.filter({ expiry: value });
    const items = [
      { label: "any expiry", hint: count(BUCKETS.reduce((sum, one) => sum + (one === "never" ? 0 : counts[one] ?? 0), 0)), kind: "radio", checked: state.query.expiry === "any", run: choose("any") },
      ...BUCKETS.map((bucket) => ({ label: BUCKET_LONG[bucket], hint: count(counts[bucket] ?? 0), kind: "radio", checked: state.query.expiry === bucket, run: choose(bucket) })),
      { line: true },
      { label: "within …", kind: "radio", checked: Boolean(state.query.expiry?.withinMs), run: () => queueMicrotask(() => withinForm(button)) },
      { label: "from … to …", kind: "radio", checked: typeof state.query.expiry === "object" && state.query.expiry !== null && !state.query.expiry.withinMs, run: () => queueMicrotask(() => expiryForm(button)) },
    ];
    openMenu(button, items, { label: "Expiry", align: "right" });
  }

  function withinForm(button) {
    openForm(button, (close) => {
      const ms = state.query.expiry?.withinMs ?? HOUR;
      const [unit, scale] = SPANS.findLast(([, size]) => ms >= size && Number.isInteger(ms / size)) ?? SPANS[0];
      const number = el("input", { class: "field", type: "number", min: 1, step: 1, value: String(ms / scale) });
      const choice = el("select", { class: "field", "aria-label": "Unit" }, SPANS.map(([name]) => el("option", { value: name, selected: name === unit }, name)));
      const apply = (event) => {
        event.preventDefault();
        const withinMs = Math.round(Number(number.value)) * SPANS.find(([name]) => name === choice.value)[1];
        actions.filter({ expiry: withinMs > 0 ? { withinMs } : null });
        close();
      };
      return [el("form", { class: "menu-form", onsubmit: apply }, el("div", { class: "pair" }, el("label", null, "Expires within", number), choice), el("button", { class: "button primary", type: "submit" }, "Show these"))];
    }, { label: "Expiry within", align: "right" });
  }

  function expiryForm(button) {
    openForm(button, (close) => {
      const now = typeof state.query.expiry === "object" ? state.query.expiry : null;
      const from = el("input", { class: "field", type: "datetime-local", value: localValue(now?.fromMs) });
      const to = el("input", { class: "field", type: "datetime-local", value: localValue(now?.toMs) });
      const apply = () => {
        const range = { fromMs: fromValue(from.value), toMs: fromValue(to.value) };
        actions.filter({ expiry: range.fromMs === undefined && range.toMs === undefined ? null : range });
        close();
      };
      return [el("form", { class: "menu-form", onsubmit: (event) => { event.preventDefault(); apply(); } },
        el("label", null, "Expires from, UTC", from), el("label", null, "to, UTC", to), el("button", { class: "button primary", type: "submit" }, "Show these"))];
    }, { label: "Expiry from and to", align: "right" });
  }

  function sizeForm(button) {
    openForm(button, (close) => {
      const low = sizeField("At least", state.query.minBytes);
      const high = sizeField("At most", state.query.maxBytes);
      const apply = () => {
        actions.filter({ minBytes: low.value(), maxBytes: high.value() });
        close();
      };
      return [el("form", { class: "menu-form", onsubmit: (event) => { event.preventDefault(); apply(); } }, low.node, high.node, el("button", { class: "button primary", type: "submit" }, "Show these"))];
    }, { label: "Size in the file", align: "right" });
  }

  function render(next) {
    state = next;
    if (root.hidden) return;
    const { query, report, queryError } = next;
    if (document.activeElement !== input && input.value !== query.text) input.value = query.text;
    setText(modeText, query.mode);
    setAttr(mode, "aria-label", `Search mode: ${query.mode}`);
    setAttr(input, "aria-invalid", queryError ? "true" : null);
    setAttr(input, "aria-describedby", queryError ? "search-error" : null);
    show(error, Boolean(queryError));
    if (queryError) {
      setText(error, patternWords(queryError, query.text));
      error.title = error.textContent;
    }
    renderChips(report, query);
    renderMenus(next);
    fit();
    fill(sortChip, query.sort === "file" ? null : icon(query.descending ? "arrow-down" : "arrow-up", "small"), query.sort === "file" ? "File order" : SORT_LABEL[query.sort], icon("down"));
  }

  function renderChips(report, query) {
    const types = [...(report?.types ?? [])].sort((a, b) => b.keys - a.keys || TYPE_NAMES.indexOf(a.type) - TYPE_NAMES.indexOf(b.type));
    // The order is kept while a file is read, so that no chip moves under the pointer.
    const names = types.map((one) => one.type);
    if (order.some((name) => !names.includes(name))) order = [];
    order = keepOrder(order, names);
    while (chips.childElementCount < order.length) chips.append(chip());
    while (chips.childElementCount > order.length) chips.lastChild.remove();
    order.forEach((type, at) => {
      const node = chips.children[at];
      const one = types.find((other) => other.type === type);
      if (node.dataset.type !== type) {
        node.dataset.type = type;
        fill(node, badge(type), el("span", null, type), el("span", { class: "n" }));
      }
      setText(node.lastChild, short(one.keys));
      setAttr(node, "aria-pressed", query.types.includes(type));
      node.title = `${type}: ${plural(one.keys, "key")} (${at + 1})`;
    });
  }

  /**
   * What does not fit gives way: the search field, then the counts, then the last chips into a menu.
   * Counts that grow while a file is read only ever take more room, so nothing moves to and fro.
   */
  function fit() {
    const what = `${place.width} ${order} ${chips.textContent} ${menus.textContent}`;
    if (!place.width || what === fittedWhat) return;
    fittedWhat = what;
    const key = `${root.clientWidth} ${menus.clientWidth} ${order}`;
    const all = [...chips.children];
    const overflows = () => chips.scrollWidth > chips.clientWidth + 1;
    if (key !== fitted) {
      fitted = key;
      for (const node of all) show(node, true);
      root.classList.remove("narrow");
      chips.classList.remove("tight");
      show(rest, false);
    }
    // On phones the chips scroll sideways.
    if (getComputedStyle(chips).overflow === "visible" || !overflows()) return;
    root.classList.add("narrow");
    if (!overflows()) return;
    chips.classList.add("tight");
    let hidden = 0;
    while (overflows() && hidden < all.length) {
      hidden += 1;
      show(all[all.length - hidden], false);
      show(rest, true);
      setText(rest, `+${hidden}`);
    }
    setAttr(rest, "aria-label", `${hidden} more types`);
  }

  function restMenu() {
    const hidden = order.filter((_, at) => chips.children[at].hidden);
    openMenu(rest, hidden.map((type) => ({
      label: type, hint: count(state.report.types.find((one) => one.type === type).keys), kind: "checkbox", checked: state.query.types.includes(type), keep: true,
      run: () => {
        actions.toggleType(type);
        return state.query.types.includes(type);
      },
    })), { label: "More types" });
  }

  function chip() {
    return el("button", { class: "chip", type: "button", onclick: (event) => actions.toggleType(event.currentTarget.dataset.type, event.altKey) });
  }

  function renderMenus({ query, report }) {
    const all = (report?.databases ?? []).map((one) => one.db);
    show(db.node, all.length > 1);
    const listed = query.dbs.length ? query.dbs : all;
    setText(db.text, query.dbs.length ? `db: ${listed.join(", ")}` : `db ${listed.length > 3 ? `${listed.slice(0, 2).join(", ")}, …` : listed.join(", ")}`);
    setText(expiry.text, query.expiry ? `Expiry: ${expiryWords(query.expiry)}` : "Expiry");
    setText(size.text, sizeWords(query));
    show(prefix.node, query.prefix !== null);
    if (query.prefix) setText(prefix.text, query.prefix.leaves ? "no prefix" : plain(query.prefix.bytes, PREFIX_SHOWN));
    show(picked.node, query.picked !== null);
    if (query.picked) {
      const { words } = query.picked;
      setText(picked.text, `Loses: ${words[0].toLowerCase()}${words.slice(1)}`);
    }
    for (const [one, active] of [[prefix, true], [picked, true], [db, query.dbs.length > 0], [expiry, Boolean(query.expiry)], [size, query.minBytes !== null || query.maxBytes !== null]]) {
      one.button.classList.toggle("active", active);
      show(one.cross, active);
    }
  }

  return {
    render,
    focus() {
      input.focus();
      input.select();
    },
    hasFocus: () => document.activeElement === input,
    /** The type of the chip at `place`, counted from 1. */
    typeAt: (place) => order[place - 1] ?? null,
    turnMode,
  };
}

const UNCLOSED = { "unclosed character class": "Unclosed [", "unclosed group": "Unclosed (", "unopened group": "Unopened )" };

/** `Unclosed [ at 7`, counted from 1 as a reader counts. */
function patternWords({ message, offset }, text) {
  const words = UNCLOSED[message] ?? `${message[0].toUpperCase()}${message.slice(1)}`;
  if (!Number.isFinite(offset)) return words;
  const before = new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, offset));
  return `${words} at ${count([...before].length + 1)}`;
}

const PREFIX_SHOWN = 24;
const SORT_LABEL = { type: "Type", db: "Database", key: "Key", elements: "Elements", size: "Size", encoding: "Encoding", expires: "Expires", idle: "Idle", offset: "Offset" };
const SPANS = [["min", MINUTE], ["h", HOUR], ["d", DAY]];
const SHORT_EXPIRY = { hour: "1 h", day: "1 d", week: "7 d", month: "30 d" };

function expiryWords(expiry) {
  if (typeof expiry === "string") return SHORT_EXPIRY[expiry] ?? expiry;
  return expiry.withinMs ? `within ${span(expiry.withinMs, 2)}` : "from, to";
}

function keepOrder(order, names) {
  if (order.length === names.length) return order;
  return [...order, ...names.filter((name) => !order.includes(name))];
}

function sizeWords({ minBytes, maxBytes }) {
  if (minBytes !== null && maxBytes !== null) return `Size: ${bytesText(minBytes)} to ${bytesText(maxBytes)}`;
  if (minBytes !== null) return `Size: from ${bytesText(minBytes)}`;
  return maxBytes !== null ? `Size: to ${bytesText(maxBytes)}` : "Size";
}

function sizeField(label, bytes) {
  const [unit, scale] = UNITS.findLast(([, size]) => bytes !== null && bytes >= size && Number.isInteger(bytes / size)) ?? UNITS[1];
  const number = el("input", { class: "field", type: "number", min: 0, step: "any", value: bytes === null ? "" : String(bytes / scale) });
  const choice = el("select", { class: "field", "aria-label": `${label}, unit` }, UNITS.map(([name]) => el("option", { value: name, selected: name === unit }, name)));
  return {
    node: el("div", { class: "pair" }, el("label", null, label, number), choice),
    value: () => (number.value === "" ? null : Math.round(Number(number.value) * UNITS.find(([name]) => name === choice.value)[1])),
  };
}

/** Unix ms as the value of a `datetime-local` field, read as UTC. */
export function localValue(ms) {
  return ms === undefined || ms === null ? "" : new Date(ms).toISOString().slice(0, 16);
}

export function fromValue(text) {
  const ms = Date.parse(`${text}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

