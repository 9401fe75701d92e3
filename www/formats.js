// The ways to look at bytes: JSON, text, hex, base64, number. Each gives lines for `lineView` and the
// text that is copied.

import { el } from "./dom.js";
import { count, hex } from "./format.js";
import { layout, pretty, tokens } from "./json.js";
import { nodes, runs, utf8 } from "./text.js";

export const FORMATS = [["json", "JSON"], ["text", "Text"], ["hex", "Hex"], ["base64", "Base64"], ["number", "Number, bits"]];
const HEX_WIDTH = 16;
const BASE64_WIDTH = 76;
const MOST_BITS_BYTES = 4096;
const PRINTABLE_SHARE = 0.85;

/** What suits the bytes: JSON when they are an object or array, text when they read as text, else hex. */
export function suited(bytes, cut) {
  const text = textOf(bytes, cut);
  if (text === null) return "hex";
  if (/^\s*[{[]/.test(text) && layout(text, cut)) return "json";
  const unseen = text.match(/[\p{Cc}\p{Cn}\p{Co}]/gu)?.filter((char) => !"\n\t\r".includes(char)).length ?? 0;
  return unseen > text.length * (1 - PRINTABLE_SHARE) ? "hex" : "text";
}

/** Formats that make sense of the bytes; hex always does. */
export function possible(bytes, cut) {
  const text = textOf(bytes, cut);
  const out = ["text", "hex", "base64"];
  if (text !== null && /^\s*[{["]/.test(text) && layout(text, cut)) out.unshift("json");
  if (bytes.length <= MOST_BITS_BYTES && bytes.length > 0) out.push("number");
  return out;
}

/** UTF-8 text; of cut bytes, a last character that was cut in two is left out. */
function textOf(bytes, cut) {
  for (let off = 0; off <= (cut ? 3 : 0); off += 1) {
    const text = utf8(bytes.subarray(0, bytes.length - off));
    if (text !== null) return text;
  }
  return null;
}

/** `{ lines, draw(at), widest }` for a format. `wrap` is the number of characters to wrap at, or 0. */
export function laidOut(format, bytes, cut, wrap) {
  switch (format) {
    case "json": return jsonLines(textOf(bytes, cut), cut, wrap);
    case "hex": return hexLines(bytes);
    case "base64": return plainLines(base64Lines(bytes), wrap);
    case "number": return plainLines(numberLines(bytes), wrap);
    default: return plainLines(textLines(bytes), wrap);
  }
}

function jsonLines(text, cut, wrap) {
  const lines = layout(text, cut);
  const widest = Math.min(20_000, lines.starts.reduce((most, start, at) => Math.max(most, lines.ends[at] - start + 2 * lines.depths[at] + 6), 0));
  const parts = wrap ? wrapped(lines.starts.map((start, at) => lines.ends[at] - start + 2 * lines.depths[at] + 4), wrap) : null;
  const draw = (at) => {
    const line = tokens(text.slice(lines.starts[at], lines.ends[at]));
    return [...line.map((token) => el("span", { class: `j-${token.kind}` }, shown(token.text === ":" ? ": " : token.text)))];
  };
  const indent = (at) => "  ".repeat(lines.depths[at]);
  if (!parts) return { lines: lines.starts.length, widest: widest + 5, draw: (at) => [number(at), indent(at), ...draw(at)] };
  return { lines: parts.total, widest: 0, draw: (at) => wrappedLine(parts, at, wrap, (line) => [indent(line), ...draw(line)]) };
}

/** Unseen and misleading characters inside a JSON text are written as escapes too. */
function shown(text) {
  return nodes(runs(new TextEncoder().encode(text)));
}

function number(at) {
  return el("span", { class: "line-number" }, String(at + 1));
}

/** How many screen lines each line takes when wrapped: `{ total, firsts }`. */
function wrapped(lengths, wrap) {
  const firsts = new Uint32Array(lengths.length + 1);
  lengths.forEach((length, at) => {
    firsts[at + 1] = firsts[at] + Math.max(1, Math.ceil(length / wrap));
  });
  return { firsts, total: firsts[lengths.length] };
}

/** One screen line of a wrapped line: the nodes cut to its part. */
function wrappedLine({ firsts }, at, wrap, draw) {
  let low = 0;
  let high = firsts.length - 1;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (firsts[middle] <= at) low = middle;
    else high = middle;
  }
  const part = at - firsts[low];
  const start = part * wrap;
  let seen = 0;
  const out = [part === 0 ? number(low) : el("span", { class: "line-number" })];
  for (const piece of draw(low)) {
    const text = typeof piece === "string" ? piece : piece.textContent;
    const cut = text.slice(Math.max(0, start - seen), Math.max(0, start + wrap - seen));
    if (cut) out.push(cut === text ? piece : el("span", { class: typeof piece === "string" ? "" : piece.className ?? "" }, cut));
    seen += text.length;
    if (seen >= start + wrap) break;
  }
  return out;
}

/** Lines of text as byte ranges, so that bytes that are no UTF-8 can be shown in their place. */
function textLines(bytes) {
  const lines = [];
  let start = 0;
  while (start <= bytes.length) {
    const found = bytes.indexOf(10, start);
    const end = found < 0 ? bytes.length : found;
    // Very long lines are cut into stretches the browser can lay out.
    for (let at = start; at === start || at < end; at += 20_000) lines.push(bytes.subarray(at, Math.min(end, at + 20_000)));
    if (found < 0) break;
    start = found + 1;
  }
  return lines;
}

function base64Lines(bytes) {
  const text = base64(bytes);
  return text.match(new RegExp(`.{1,${BASE64_WIDTH}}`, "g")) ?? [""];
}

/** The bytes as one number both ways round, as their own digits, and the bits that are set. */
function numberLines(bytes) {
  const out = [];
  const text = utf8(bytes);
  if (text !== null && /^-?[0-9]{1,40}$/.test(text)) {
    const value = BigInt(text);
    out.push(`decimal      ${count(value)}`, `hexadecimal  ${value < 0n ? "-" : ""}0x${(value < 0n ? -value : value).toString(16).toUpperCase()}`);
    if (value > 946_684_800n && value < 4_102_444_800n) out.push(`as seconds   ${new Date(Number(value) * 1000).toISOString()}`);
    if (value > 946_684_800_000n && value < 4_102_444_800_000n) out.push(`as ms        ${new Date(Number(value)).toISOString()}`);
    out.push("");
  }
  if (bytes.length <= 8) {
    const digits = [...bytes].map((byte) => hex(byte));
    out.push(`big-endian     ${count(BigInt(`0x${digits.join("")}`))}`, `little-endian  ${count(BigInt(`0x${digits.reverse().join("")}`))}`, "");
  }
  const set = [];
  bytes.forEach((byte, at) => {
    for (let bit = 0; bit < 8; bit += 1) if (byte & (0x80 >> bit)) set.push(at * 8 + bit);
  });
  out.push(`bits set       ${count(set.length)} of ${count(bytes.length * 8)}`);
  for (let at = 0; at < bytes.length; at += 4) {
    out.push(`bit ${String(at * 8).padStart(5)}      ${[...bytes.subarray(at, at + 4)].map((byte) => byte.toString(2).padStart(8, "0")).join(" ")}`);
  }
  return out;
}

/** Lines given as text, or as bytes. */
function plainLines(list, wrap) {
  const partsOf = (line) => (typeof line === "string" ? [{ text: line, escaped: false }] : runs(line, true));
  const draw = (line) => nodes(partsOf(line));
  if (!wrap) {
    const widest = list.reduce((most, line) => Math.max(most, line.length), 0);
    return { lines: list.length, widest: widest + 6, draw: (at) => [number(at), ...draw(list[at])] };
  }
  // Escapes are longer than the bytes they stand for, so lengths are those of what is shown.
  const lengths = list.map((line) => partsOf(line).reduce((sum, part) => sum + part.text.length, 0));
  const parts = wrapped(lengths, wrap);
  return { lines: parts.total, widest: 0, draw: (at) => wrappedLine(parts, at, wrap, (line) => draw(list[line])) };
}

function hexLines(bytes) {
  const total = Math.max(1, Math.ceil(bytes.length / HEX_WIDTH));
  return { lines: total, widest: 76, draw: (at) => hexLine(bytes, at) };
}

function hexLine(bytes, at) {
  const start = at * HEX_WIDTH;
  const part = bytes.subarray(start, start + HEX_WIDTH);
  return [el("span", { class: "at" }, hex(start, 8).toLowerCase()), `  ${hexDigits(part)}  `, el("span", { class: "ascii" }, ascii(part))];
}

export function hexDigits(part) {
  let text = "";
  for (let at = 0; at < HEX_WIDTH; at += 1) text += `${at === 8 ? " " : ""}${at < part.length ? hex(part[at]).toLowerCase() : "  "} `;
  return text.trimEnd().padEnd(48);
}

export function ascii(part) {
  return [...part].map((byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
}

function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x6000) text += btoa(String.fromCharCode(...bytes.subarray(at, at + 0x6000)));
  return text;
}

/** What is copied: nothing rounded or shortened. Text that is no UTF-8 is copied with its escapes. */
export function copyText(format, bytes) {
  switch (format) {
    case "json": {
      const text = utf8(bytes);
      const lines = text === null ? null : layout(text);
      return lines ? pretty(text, lines) : text ?? copyText("text", bytes);
    }
    case "hex": return [...bytes].map((byte) => hex(byte).toLowerCase()).join("");
    case "base64": return base64(bytes);
    case "number": return numberLines(bytes).join("\n");
    default: return utf8(bytes) ?? runs(bytes, true).map((part) => part.text).join("");
  }
}
