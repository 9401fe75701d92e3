// Bytes as text. Valid UTF-8 stays as it is; what cannot be seen or could mislead (control, bidi and
// zero-width characters, bytes that are no UTF-8) becomes a visible escape such as \x00 or \u202E.

import { el } from "./dom.js";
import { hex } from "./format.js";

const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/u;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const TAIL = 10;
const LOST = 0xdc00;

/** The text of `bytes` when they are valid UTF-8, else null. */
export function utf8(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/**
 * Bytes as text that loses nothing: a byte that belongs to no UTF-8 character becomes the lone surrogate
 * U+DC00 + byte, which no UTF-8 text holds.
 */
export function lossless(bytes) {
  const whole = utf8(bytes);
  if (whole !== null) return whole;
  const parts = [];
  let clean = 0;
  for (let at = 0; at < bytes.length;) {
    const size = sequenceLength(bytes, at);
    if (size === 0) {
      parts.push(strict.decode(bytes.subarray(clean, at)), String.fromCharCode(LOST + bytes[at]));
      clean = at + 1;
    }
    at += size || 1;
  }
  parts.push(strict.decode(bytes.subarray(clean)));
  return parts.join("");
}

/**
 * Runs of plain text and of escapes, alternating: `[{ text, escaped }]`.
 * `keepLayout` leaves line feeds and tabs as they are (for the Text view).
 */
export function runs(bytes, keepLayout = false) {
  return textRuns(lossless(bytes), keepLayout);
}

/** The same of a text, or of a part of what `lossless` gave. */
export function textRuns(text, keepLayout = false) {
  if (!UNSAFE.test(text)) return text ? [{ text, escaped: false }] : [];
  const out = [];
  for (const char of text) {
    const shown = escaped(char, keepLayout);
    const last = out.at(-1);
    if (last && last.escaped === (shown !== char)) last.text += shown;
    else out.push({ text: shown, escaped: shown !== char });
  }
  return out;
}

function escaped(char, keepLayout) {
  const code = char.codePointAt(0);
  if (!UNSAFE.test(char) || (keepLayout && (code === 10 || code === 9))) return char;
  if (code < 0x100) return `\\x${hex(code)}`;
  if (code >= LOST + 0x80 && code <= LOST + 0xff) return `\\x${hex(code - LOST)}`;
  return code > 0xffff ? `\\u{${hex(code, 4)}}` : `\\u${hex(code, 4)}`;
}

/** Whether something of the text is shown as an escape, so that it takes more room than it has characters. */
export function hasEscapes(text) {
  return UNSAFE.test(text);
}

/** Length of the UTF-8 sequence at `at`, 0 when there is no valid one. */
function sequenceLength(bytes, at) {
  const first = bytes[at];
  const size = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (size === 0 || at + size > bytes.length) return 0;
  for (let i = 1; i < size; i += 1) if ((bytes[at + i] & 0xc0) !== 0x80) return 0;
  return utf8(bytes.subarray(at, at + size)) === null ? 0 : size;
}

/** One string with the escapes in it, for titles, names and announcements. */
export function plain(bytes, limit = 200) {
  const cut = bytes.length > limit ? bytes.subarray(0, limit) : bytes;
  const text = runs(cut).map((run) => run.text).join("");
  return bytes.length > limit ? `${text}…` : text;
}

/** Nodes for `runs`: text nodes, and a box around each escape. */
export function nodes(parts) {
  return parts.map((run) => (run.escaped ? el("span", { class: "esc" }, run.text) : document.createTextNode(run.text)));
}

/**
 * A key or value for one line: head and tail, where the head gives way when it is too long
 * and the last characters stay. Long bytes are cut in the middle before they reach the page.
 */
function oneLine(bytes, limit = 400) {
  if (bytes.length > limit) {
    const head = runs(bytes.subarray(0, limit - 64));
    const tail = runs(bytes.subarray(bytes.length - 24));
    return { head: [...head, { text: "…", escaped: false }], tail };
  }
  const all = runs(bytes);
  const last = all.at(-1);
  if (!last || last.escaped || last.text.length <= TAIL + 6) return { head: all, tail: [] };
  const chars = [...last.text];
  const tail = chars.slice(-TAIL).join("");
  const head = chars.slice(0, -TAIL).join("");
  return { head: [...all.slice(0, -1), { text: head, escaped: false }], tail: [{ text: tail, escaped: false }] };
}

/** Writes a key by `oneLine` into a `.mid` cell (two spans), reusing its text nodes where it can. */
export function paintOneLine(cell, bytes) {
  if (cell.childElementCount !== 2) cell.replaceChildren(el("span", { class: "mid-head" }), el("span", { class: "mid-tail" }));
  const { head, tail } = bytes.length ? oneLine(bytes) : { head: [{ text: "empty key", escaped: true }], tail: [] };
  paintRuns(cell.firstChild, head);
  paintRuns(cell.lastChild, tail);
}

function paintRuns(node, parts) {
  if (parts.length === 1 && !parts[0].escaped) {
    if (node.childNodes.length === 1 && node.firstChild.nodeType === 3) node.firstChild.data = parts[0].text;
    else node.textContent = parts[0].text;
  } else if (parts.length === 0) {
    if (node.firstChild) node.textContent = "";
  } else {
    node.replaceChildren(...nodes(parts));
  }
}
