// The body of the detail pane for values with elements: hash, list, set, sorted set, array, module.

import { el, fill, icon, setAttr, setText, show } from "./dom.js";
import { elementGrid } from "./element-grid.js";
import { bytesText, count, expiry, score } from "./format.js";
import { canGather, PAGE } from "./limits.js";
import { openForm, openMenu } from "./menu.js";
import { nodes, plain, runs } from "./text.js";
import { elementWord, TYPES } from "./types.js";

const TYPING_MS = 150;
/** Elements that are seen at once need no search. */
const FEW = 10;
const ORDERS = {
  list: [[null, "First to last"], ["down", "Last to first"]],
  zset: [["up", "Lowest score first"], ["down", "Highest score first"]],
};

export function mountElements(actions, viewer) {
  const find = el("input", { class: "field find-field", type: "search", autocomplete: "off", spellcheck: false, oninput: onFind });
  const findBox = el("div", { class: "find" }, icon("search"), find);
  const order = el("button", { class: "button bare", type: "button", "aria-haspopup": "menu", onclick: orderMenu });
  const pager = mountPager(actions);
  const bar = el("div", { class: "el-bar" }, findBox, order, pager.node);
  const grid = elementGrid("Elements", (at) => actions.openItem(at));
  const note = el("p", { class: "value-note", hidden: true });
  const lower = el("div", { class: "lower", hidden: true }, viewer.node);
  const node = el("div", { class: "element-body" }, bar, note, grid.node, lower);
  let state = null;
  let typing = null;
  const drawings = new WeakMap();

  function onFind() {
    clearTimeout(typing);
    typing = setTimeout(() => actions.find(find.value), TYPING_MS);
  }

  function orderMenu() {
    const { row, order: now } = state.detail;
    const items = ORDERS[row.type].map(([name, label]) => ({ label, kind: "radio", checked: now === name, run: () => actions.order(name) }));
    if (row.type === "list") items.push({ line: true }, { label: "Go to index…", run: () => queueMicrotask(jumpForm) });
    if (row.type === "zset") items.push({ line: true }, { label: "Score from … to …", run: () => queueMicrotask(rangeForm) });
    openMenu(order, items, { label: "Order", align: "right" });
  }

  function jumpForm() {
    const last = state.detail.row.elements - 1;
    form("Go to index", [["Index", 0]], ([index]) => actions.jumpTo(Math.min(index ?? 0, last)));
  }

  function rangeForm() {
    form("Scores", [["From", state.detail.min], ["to", state.detail.max]], ([min, max]) => actions.scoreRange(min, max));
  }

  function form(label, fields, run) {
    openForm(order, (close) => {
      const inputs = fields.map(([, value]) => el("input", { class: "field", type: "number", step: "any", value: value === null ? "" : String(value) }));
      const submit = (event) => {
        event.preventDefault();
        run(inputs.map((input) => (input.value === "" ? null : Number(input.value))));
        close();
      };
      return [el("form", { class: "menu-form", onsubmit: submit }, fields.map(([name], at) => el("label", null, name, inputs[at])), el("button", { class: "button primary", type: "submit" }, "Show"))];
    }, { label, align: "right" });
  }

  function render(next) {
    state = next;
    const { row, page, item, itemValue, find: wanted, order: now, min, max } = next.detail;
    const words = TYPES[row.type].many;
    const searchable = ["hash", "set", "zset", "list", "array"].includes(row.type) && canGather(row) && row.elements > FEW;
    show(findBox, searchable);
    setAttr(find, "aria-label", `Find in ${words}`);
    find.placeholder = `Find in ${words}`;
    if (document.activeElement !== find && find.value !== wanted) find.value = wanted;
    const ordered = row.type === "list" || (row.type === "zset" && canGather(row));
    show(order, ordered && row.elements > 1);
    if (ordered) {
      const range = min !== null || max !== null ? `, ${min ?? "-inf"} to ${max ?? "inf"}` : "";
      fill(order, ORDERS[row.type].find(([name]) => name === now)?.[1] ?? "", range, icon("down", "small"));
    }
    pager.render(next.detail);
    renderNote(next.detail, words);
    grid.render(shapedPage(page, next.detail.expiring > 0), () => layoutOf(row, page, next), item);
    show(lower, item !== null && itemValue !== null);
    if (item !== null && itemValue !== null) {
      viewer.render({
        value: itemValue, keyPrefix: prefixOf(row), heading: headingOf(row, page, item, itemValue), wrap: next.settings.wrap, wide: next.detail.wide,
      });
    }
  }

  // A page of a hash is drawn again once it is known that fields of other pages expire.
  function shapedPage(page, expires) {
    if (!expires) return page;
    if (!drawings.has(page)) drawings.set(page, {});
    return drawings.get(page);
  }

  function renderNote({ row, page, find: wanted }, words) {
    const text = page.matching === 0 ? (wanted ? `No ${TYPES[row.type].one} holds this text.` : `No ${words} in this range.`)
      : row.type === "zset" && !canGather(row) ? "Too many members to order by score: they are shown as the file has them." : "";
    show(note, text !== "");
    setText(note, text);
  }

  return { node, render, focus: () => grid.node.focus() };
}

/** `1 – 200 of 1,920` and the two buttons that turn pages; `total` says whether their number stands there too. */
export function mountPager(actions, { total: isTotal = true } = {}) {
  const range = el("span", { class: "num" });
  const back = el("button", { class: "icon-button", type: "button", "aria-label": "Previous page", title: "Previous page ([)", onclick: () => actions.turnPage(-1) }, icon("left"));
  const on = el("button", { class: "icon-button", type: "button", "aria-label": "Next page", title: "Next page (])", onclick: () => actions.turnPage(1) }, icon("right"));
  const node = el("div", { class: "pager" }, range, back, on);
  return {
    node,
    render({ row, page }) {
      const { from } = page;
      const total = page.matching ?? page.total;
      const last = Math.min(from + PAGE, total);
      const single = total <= PAGE && from === 0;
      setText(range, total === 0 ? "none" : single ? `${count(total)} ${elementWord(row.type, total)}` : `${count(from + 1)} – ${count(last)}${isTotal ? ` of ${count(total)}` : ""}`);
      back.disabled = from === 0;
      on.disabled = last >= total;
      show(back, total > PAGE || from > 0);
      show(on, total > PAGE || from > 0);
    },
  };
}

function layoutOf(row, page, state) {
  const first = page.from;
  const common = { items: page.items, first, total: page.matching };
  switch (row.type) {
    case "hash": return { ...common, ...hashLayout(page, state.detail.expiring, state.clock.ms) };
    case "zset": return { ...common, ...zsetLayout(page) };
    case "set": return { ...common, ...setLayout(page) };
    case "array": return { ...common, ...arrayLayout(page) };
    case "module": return { ...common, ...moduleLayout(page) };
    default: return { ...common, ...listLayout(page) };
  }
}

function hashLayout(page, expiring, nowMs) {
  const expires = expiring > 0 || page.items.some((item) => item.expiresAtMs !== undefined && item.expiresAtMs !== null);
  const columns = [
    { title: "Field", width: `${fitting(page.items.map((item) => item.field), 6, 22)}ch`, kind: "mono" },
    { title: "Value", width: "minmax(0, 1fr)", kind: "mono value" },
  ];
  if (expires) columns.push({ title: "Expires", width: "7.6rem", right: true });
  const cells = ({ field, value, expiresAtMs }) => {
    const out = [text(field), text(value)];
    if (expires) {
      const when = expiry(expiresAtMs, nowMs);
      out.push([el("span", { class: when.state, title: when.tip }, when.text)]);
    }
    return out;
  };
  return { columns, cells };
}

function listLayout(page) {
  const columns = [{ title: "Index", width: `${digitsOf(page)}ch`, right: true }, { title: "Value", width: "minmax(0, 1fr)", kind: "mono value" }];
  return { columns, cells: (item, at) => [count(page.places[at]), text(item)] };
}

function setLayout(page) {
  const numbers = page.items.length > 0 && page.items.every((item) => /^-?[0-9]{1,20}$/.test(plain(mainBytes(item), 24)));
  const columns = [{ title: "Member", width: numbers ? `${fitting(page.items, 8, 24)}ch` : "minmax(0, 1fr)", right: numbers, kind: "mono value" }];
  return { columns, cells: (item) => [text(item)] };
}

function zsetLayout(page) {
  const scores = page.items.map((item) => score(item.score));
  const wide = Math.max(5, ...scores.map((one) => one.length)) + 1;
  const columns = [{ title: "Rank", width: `${digitsOf(page)}ch`, right: true }, { title: "Score", width: `${Math.min(24, wide)}ch`, right: true, kind: "mono" }, { title: "Member", width: "minmax(0, 1fr)", kind: "mono value" }];
  return { columns, cells: (item, at) => [page.ranks ? count(page.ranks[at]) : "–", scores[at], text(item.member)] };
}

/** What is empty between two elements, or in front of the first, is one row. */
function arrayLayout(page) {
  const widest = page.items.reduce((most, item) => Math.max(most, count(item.index).length), 6);
  const columns = [{ title: "Index", width: `${widest + 1}ch`, right: true }, { title: "Value", width: "minmax(0, 1fr)", kind: "mono value" }];
  const gapBefore = (item, at) => {
    const empty = emptyBefore(page, at);
    return empty > 0n ? ["", [el("span", { class: "empties" }, `${count(empty)} empty`)]] : null;
  };
  return { columns, cells: (item) => [count(item.index), text(item.value)], gapBefore };
}

/** Only between neighbours in the file, which a search takes apart. */
function emptyBefore({ items, places, indexBefore }, at) {
  const before = places[at] === 0 ? -1n : at === 0 ? indexBefore : places[at - 1] === places[at] - 1 ? items[at - 1].index : undefined;
  return before === undefined ? 0n : BigInt(items[at].index) - BigInt(before) - 1n;
}

function moduleLayout(page) {
  const columns = [{ title: "Part", width: `${digitsOf(page)}ch`, right: true }, { title: "Kind", width: "6rem" }, { title: "Value", width: "minmax(0, 1fr)", kind: "mono value" }];
  return { columns, cells: ({ kind, value }, at) => [count(page.places[at]), kind, value instanceof Uint8Array || value?.bytes ? text(value) : kind.includes("int") ? String(value) : score(value)] };
}

function digitsOf(page) {
  return Math.max(6, String(page.total).length + 3);
}

/** Width in characters that fits all of `parts`, between `least` and `most`. */
function fitting(parts, least, most) {
  return Math.min(most, parts.reduce((widest, part) => Math.max(widest, Math.min(most, mainBytes(part).length)), least)) + 1;
}

function mainBytes(part) {
  return part.bytes ?? part;
}

/** One line of bytes for a cell: what a line can show, the rest is in the viewer below. */
export function text(part) {
  const bytes = mainBytes(part);
  const parts = nodes(runs(bytes.subarray(0, 300)));
  return bytes.length > 300 || part.cut ? [...parts, "…"] : parts;
}

function headingOf(row, page, at, value) {
  const item = page.items[at];
  const size = el("span", { class: "num viewer-size" }, bytesText(value.length));
  if (row.type === "hash") return [el("span", { class: "mid-head" }, text(item.field)), size];
  if (row.type === "array") return [el("span", { class: "mid-head" }, count(item.index)), size];
  if (row.type === "list" || row.type === "module") return [el("span", { class: "mid-head" }, count(page.places[at])), size];
  return [size];
}

/** Formats are remembered by what stands before the first colon of the key. */
export function prefixOf(row) {
  const colon = row.key.indexOf(58);
  return `${row.type} ${plain(colon < 0 ? row.key : row.key.subarray(0, colon), 64)}`;
}

