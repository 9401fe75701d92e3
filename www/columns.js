// The columns of the key table: what they are called, how wide, how they sort, and how a row is
// written into a cell. Widths are in rem of 10 px.

import { el, fill, icon, setText } from "./dom.js";
import { bytes, bytesExact, count, expiry, span } from "./format.js";
import { paintOneLine, plain } from "./text.js";
import { elementWord, TYPES } from "./types.js";

/** The servers whose memory is estimated. */
export const MEMORY_OF = "Redis 7.0 – 8.0";
export const MEMORY_TIP = `Memory, estimated: what ${MEMORY_OF} would count for the key (MEMORY USAGE)`;

export const COLUMNS = [
  { id: "type", title: "Type", width: 7.4, sort: "type", build: buildType, paint: paintType },
  { id: "db", title: "db", width: 1.8, right: true, sort: "db", build: plainCell, paint: (cell, row) => setText(cell, String(row.db)) },
  { id: "key", title: "Key", width: null, sort: "key", build: keyCell, paint: paintKey },
  { id: "elements", title: "Elements", width: 6.4, right: true, sort: "elements", build: buildElements, paint: paintElements },
  { id: "size", title: "Size", width: 8.4, right: true, sort: "size", build: buildSize, paint: paintSize },
  { id: "memory", title: "Memory", width: 8.4, right: true, sort: "memory", from: 1440, tip: MEMORY_TIP, spoken: ", estimated", build: buildSize, paint: paintMemory },
  { id: "encoding", title: "Encoding", width: 12.2, sort: "encoding", from: 1440, build: plainCell, paint: paintEncoding },
  { id: "expires", title: "Expires", width: 7.4, right: true, sort: "expires", tip: "Time to live (TTL)", build: plainCell, paint: paintExpires },
  { id: "idle", title: "Idle", width: 6.4, right: true, sort: "idle", from: 1680, build: plainCell, paint: paintIdle },
  { id: "offset", title: "Offset", width: 10.4, right: true, sort: "offset", from: Infinity, build: plainCell, paint: (cell, row) => setText(cell, count(row.offset)) },
];

const WIDE_MODE = ["type", "key", "size", "expires"];
const PHONE = ["type", "key", "elements", "db", "size", "expires"];

/** What gives way first where the table is narrow. */
const GIVING_WAY = ["offset", "idle", "encoding", "memory", "db", "elements", "expires"];
const KEY_LEAST = 16;
const GAP = 1.2;
const PADDING = 3.2;

/**
 * The columns to show. `look` has `width` (of the window), `room` (of the table, in rem), `phone`, `wide` (the detail
 * takes most of the place), `databases` (their number), `eviction` (`idle` or `freq` where the file has it),
 * `chosen` (id to true or false), `widths` (id to rem).
 */
export function visibleColumns(look) {
  const wanted = wantedColumns(look);
  if (look.phone || !look.room) return wanted;
  const needed = (columns) => columns.reduce((sum, column) => sum + (column.width === null ? KEY_LEAST : look.widths[column.id] ?? column.width) + GAP, PADDING - GAP);
  return GIVING_WAY.reduce((columns, id) => (needed(columns) > look.room ? columns.filter((column) => column.id !== id) : columns), wanted);
}

function wantedColumns(look) {
  if (look.phone) return PHONE.map((id) => COLUMNS.find((column) => column.id === id)).filter((column) => column.id !== "db" || look.databases > 1);
  if (look.wide) return COLUMNS.filter((column) => WIDE_MODE.includes(column.id));
  return COLUMNS.filter((column) => look.chosen[column.id] ?? isDefault(column, look));
}

function isDefault(column, look) {
  if (column.id === "db") return look.databases > 1;
  if (column.id === "idle" && !look.eviction) return false;
  return !column.from || look.width >= column.from;
}

export function template(columns, widths) {
  return columns.map((column) => (column.width === null ? "minmax(16rem, 1fr)" : `${widths[column.id] ?? column.width}rem`)).join(" ");
}

export function buildCell(column) {
  const cell = el("div", { class: `td ${column.id}${column.right ? " right" : ""}`, role: "gridcell" });
  column.build(cell);
  return cell;
}

/** A badge: the letter is decoration, the name is written or spoken beside it. */
export function badge(type) {
  return el("span", { class: `badge t-${type}`, "aria-hidden": "true" }, TYPES[type].letter);
}

function plainCell() {}

function keyCell(cell) {
  cell.classList.add("mid");
}

function buildType(cell) {
  cell.append(el("span", { class: "badge", "aria-hidden": "true" }), el("span"));
}

function paintType(cell, row) {
  const [letter, name] = cell.children;
  letter.className = `badge t-${row.type}`;
  setText(letter, TYPES[row.type].letter);
  setText(name, row.type);
}

function paintKey(cell, row) {
  paintOneLine(cell, row.key);
  cell.title = row.key.length > 24 ? plain(row.key, 1000) : "";
}

function buildElements(cell) {
  cell.append(el("span"), el("span", { class: "meta-word" }));
}

function paintElements(cell, row) {
  const [number, word] = cell.children;
  if (row.module) setText(number, row.module);
  else setText(number, row.elements === null ? "–" : count(row.elements));
  setText(word, row.elements === null || row.module ? "" : ` ${elementWord(row.type, row.elements)}`);
  cell.classList.toggle("none", row.elements === null && !row.module);
}

function buildSize(cell) {
  cell.classList.add("bytes");
  cell.append(el("span"), el("span", { class: "unit", "aria-hidden": "true" }), el("span", { class: "sr" }));
}

function paintSize(cell, row) {
  paintBytes(cell, row.bytes);
}

function paintMemory(cell, row) {
  const isKnown = row.memoryBytes !== null;
  cell.classList.toggle("none", !isKnown);
  if (isKnown) {
    paintBytes(cell, row.memoryBytes);
    return;
  }
  for (const part of cell.children) setText(part, part === cell.firstChild ? "–" : "");
  cell.title = "Not known of this value";
}

function paintBytes(cell, n) {
  const { number, unit, spoken } = bytes(n);
  setText(cell.children[0], number);
  setText(cell.children[1], unit);
  setText(cell.children[2], ` ${spoken}`);
  cell.title = bytesExact(n);
}

function paintEncoding(cell, row) {
  setText(cell, row.encoding);
  cell.title = row.encoding;
}

function paintExpires(cell, row, look) {
  const { state, text, tip } = expiry(row.expiresAtMs, look.nowMs);
  cell.className = `td expires right ${state}`;
  if (state !== "expired") setText(cell, text);
  else if (cell.childElementCount !== 2) fill(cell, icon("clock", "small"), el("span", null, text));
  cell.title = tip;
}

function paintIdle(cell, row) {
  if (row.freq !== null && row.freq !== undefined) setText(cell, String(row.freq));
  else setText(cell, row.idleSeconds === null || row.idleSeconds === undefined ? "–" : span(Number(row.idleSeconds) * 1000));
}
