// The bytes around a fault: offset, hex, text, and what each line means. The faulty byte stands out, and so do
// those that do not decode.

import { el } from "./dom.js";
import { hex } from "./format.js";
import { ascii } from "./hex.js";

export const ROW = 16;
const HALF = 8;

/** `bytes` stand from `start` of the file on; `meanings` are `{ start, end, text, readable }`. */
export function hexView({ bytes, start, fault, meanings, expected }) {
  const node = el("div", { class: "hexdump", tabIndex: 0, role: "region", "aria-label": "Bytes around the fault, in hex and text" });
  const width = start + bytes.length > 0xffff_ffff ? 12 : 8;
  for (let at = 0; at < bytes.length; at += ROW) node.append(line(bytes.subarray(at, at + ROW), start + at, { fault, meanings, expected, width }));
  return node;
}

function line(part, at, { fault, meanings, expected, width }) {
  const row = el("div", null, el("span", { class: "at" }, hex(at, width).toLowerCase()), "  ");
  const unreadable = meanings.filter((one) => !one.readable);
  for (let nth = 0; nth < ROW; nth += 1) {
    if (nth === HALF) row.append(" ");
    const byte = at + nth;
    const digits = nth < part.length ? hex(part[nth]).toLowerCase() : "  ";
    if (byte === fault && nth < part.length) row.append(el("span", { class: "fault" }, digits));
    else if (nth < part.length && unreadable.some((one) => byte >= one.start && byte < one.end)) row.append(el("span", { class: "after" }, digits));
    else row.append(digits);
    row.append(" ");
  }
  row.append(" ", el("span", { class: "ascii" }, ascii(part).padEnd(ROW)), "  ", el("span", { class: "meaning" }, meaningOf(at, part.length, { fault, meanings, expected })));
  return row;
}

/** What begins on a line, in its order. */
function meaningOf(at, length, { fault, meanings, expected }) {
  const begins = (offset) => offset >= at && offset < at + length;
  const words = meanings.filter((one) => begins(one.start)).map((one) => one.text);
  if (begins(fault) && expected) words.unshift(`expected ${expected}`);
  return words.join(", ");
}
