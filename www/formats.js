// The ways to look at bytes: which of them suit, each laid out as a document, and the text that is copied.
// Without the page, so that a worker can do it for long values.

import { base64 } from "./base64.js";
import { codeDocument, plainDocument } from "./document.js";
import { bytesText, count, hex } from "./format.js";
import { hyperLogLog } from "./hyperloglog.js";
import { layout, pretty } from "./json.js";
import { SHOWN_MOST } from "./limits.js";
import { msgpackLines } from "./msgpack.js";
import { packedAs, unpackInside } from "./packed.js";
import { lossless, textRuns, utf8 } from "./text.js";

/** In the order in which they are offered. */
export const FORMATS = [
  ["json", "JSON"], ["text", "Text"], ["hex", "Hex"], ["msgpack", "MessagePack"], ["gzip", "gzip"], ["zlib", "zlib"],
  ["hll", "HyperLogLog"], ["base64", "Base64"], ["number", "Number, bits"],
];
const PACKED = ["gzip", "zlib"];
const BASE64_WIDTH = 76;
const MOST_BITS_BYTES = 4096;
const PRINTABLE_SHARE = 0.85;
const HEX_STRETCH = 4096;
const REGISTERS_IN_LINE = 32;
/** A text that is laid out may have so many times the characters it had. */
const MOST_PRETTY = 4;

/**
 * `{ formats, suited, name }`: the formats that make sense of the bytes (hex always does), the one that suits them
 * best, and the name of a format that is recognised but not decoded, or null.
 */
export function study(bytes, cut) {
  const text = textOf(bytes, cut);
  const start = text === null ? "" : text.slice(0, 64).trimStart()[0] ?? "";
  const isJson = `{["`.includes(start) && start !== "" && layout(text, cut) !== null;
  const packed = packedAs(bytes);
  const fits = {
    json: isJson, text: true, hex: true, msgpack: msgpackLines(bytes, cut) !== null, [packed]: true,
    hll: !cut && hyperLogLog(bytes) !== null, base64: true, number: bytes.length > 0 && bytes.length <= MOST_BITS_BYTES,
  };
  const suited = isJson && start !== '"' ? "json" : fits.hll ? "hll" : packed && isPacked(packed, text) ? packed : text !== null && isReadable(text) ? "text" : fits.msgpack ? "msgpack" : "hex";
  return { formats: FORMATS.map(([name]) => name).filter((name) => fits[name]), suited, name: recognised(bytes, text, cut) };
}

/** Two bytes of zlib also begin texts (`x^`). */
function isPacked(packed, text) {
  return packed === "gzip" || text === null;
}

function isReadable(text) {
  const unseen = text.match(/[\p{Cc}\p{Cn}\p{Co}]/gu)?.filter((char) => !"\n\t\r".includes(char)).length ?? 0;
  return unseen <= text.length * (1 - PRINTABLE_SHARE);
}

/** What other programs wrote, by its first bytes. */
function recognised(bytes, text, cut) {
  const first = hexOf(bytes.subarray(0, 4));
  if (first === "aced0005") return "a serialized Java object";
  if (first === "00000002") return "a PHP value by igbinary";
  if (bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5 && (cut || bytes.at(-1) === 0x2e)) return `a Python pickle, protocol ${bytes[1]}`;
  return text !== null && /^(?:a:\d+:\{|[OC]:\d+:"|s:\d+:"|E:\d+:")/.test(text) && (cut || /[};]$/.test(text)) ? "a serialized PHP value" : null;
}

/** UTF-8 text; of cut bytes, a last character that was cut in two is left out. */
function textOf(bytes, cut) {
  for (let off = 0; off <= (cut ? 3 : 0); off += 1) {
    const text = utf8(bytes.subarray(0, bytes.length - off));
    if (text !== null) return text;
  }
  return null;
}

/** The bytes as a document. `wrap` is the number of characters to wrap at, or 0. */
export async function prepare(format, bytes, cut, wrap) {
  switch (format) {
    case "json": {
      const text = textOf(bytes, cut);
      return codeDocument({ text, ...layout(text, cut) }, wrap);
    }
    case "msgpack": return codeDocument(msgpackLines(bytes, cut), wrap);
    case "hex": return { hex: bytes };
    case "gzip": case "zlib": return inside(format, bytes, cut, wrap);
    default: return plainDocument(textFor(format, bytes), wrap);
  }
}

/** What is packed in the bytes, in the format that suits it. */
async function inside(form, bytes, cut, wrap) {
  const { bytes: found, isWhole, isDamaged } = await unpackInside(form, bytes, SHOWN_MOST);
  const format = innerFormat(found, !isWhole);
  const document = await prepare(format, found, !isWhole, wrap);
  const label = FORMATS.find(([name]) => name === format)[1];
  const note = isWhole ? `${bytesText(bytes.length)} of ${form}, unpacked to ${bytesText(found.length)}. Shown as ${label}.`
    : isDamaged && !cut ? `This ${form} is damaged. ${bytesText(found.length)} could be unpacked.`
      : `The first ${bytesText(found.length)} of what this ${form} holds. Shown as ${label}.`;
  return { ...document, note };
}

function innerFormat(bytes, cut) {
  const { suited } = study(bytes, cut);
  return PACKED.includes(suited) ? "hex" : suited;
}

/** The text of the formats that are lists of lines. */
function textFor(format, bytes) {
  switch (format) {
    case "base64": return (base64(bytes).match(new RegExp(`.{1,${BASE64_WIDTH}}`, "g")) ?? []).join("\n");
    case "number": return numberLines(bytes).join("\n");
    case "hll": return hllLines(hyperLogLog(bytes)).join("\n");
    default: return lossless(bytes);
  }
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
  let set = 0;
  for (const byte of bytes) for (let rest = byte; rest; rest &= rest - 1) set += 1;
  out.push(`bits set       ${count(set)} of ${count(bytes.length * 8)}`);
  for (let at = 0; at < bytes.length; at += 4) {
    out.push(`bit ${String(at * 8).padStart(5)}      ${[...bytes.subarray(at, at + 4)].map((byte) => byte.toString(2).padStart(8, "0")).join(" ")}`);
  }
  return out;
}

/** The estimate, how many registers have each value, and the registers. */
function hllLines({ isSparse, registers, estimate, cached }) {
  const out = [
    `estimate      ${count(estimate)}`,
    `kept count    ${cached === null ? "out of date, the server counts again" : count(cached)}`,
    `registers     ${count(registers.length)}, ${isSparse ? "sparse" : "dense"}`, "",
  ];
  const numbers = new Map();
  for (const value of registers) numbers.set(value, (numbers.get(value) ?? 0) + 1);
  for (const [value, n] of [...numbers].sort(([a], [b]) => a - b)) out.push(`value ${String(value).padStart(2)}      ${count(n).padStart(6)}`);
  out.push("");
  for (let at = 0; at < registers.length; at += REGISTERS_IN_LINE) {
    out.push(`${String(at).padStart(5)}  ${[...registers.subarray(at, at + REGISTERS_IN_LINE)].map((value) => String(value).padStart(2)).join(" ")}`);
  }
  return out;
}

/** What is copied: nothing rounded or shortened. Bytes that are no UTF-8 are copied as the escapes that are shown. */
export async function copyText(format, bytes) {
  switch (format) {
    case "json": {
      const text = utf8(bytes);
      return text === null ? copyText("text", bytes) : prettyText(text, layout(text), text);
    }
    case "msgpack": {
      const lines = msgpackLines(bytes);
      return lines ? prettyText(lines.text, lines, lines.text) : copyText("hex", bytes);
    }
    case "gzip": case "zlib": {
      const { bytes: found, isWhole } = await unpackInside(format, bytes, SHOWN_MOST);
      return copyText(innerFormat(found, !isWhole), found);
    }
    case "hex": return hexOf(bytes);
    case "base64": return base64(bytes);
    case "number": case "hll": return textFor(format, bytes);
    default: return utf8(bytes) ?? textRuns(lossless(bytes), true).map((part) => part.text).join("");
  }
}

/** Laid out, unless the indents alone would be many times the text: then as it is. */
function prettyText(text, lines, plain) {
  if (!lines) return plain;
  const indents = lines.depths.reduce((sum, depth) => sum + 2 * depth, 0);
  return indents > MOST_PRETTY * text.length + 65_536 ? plain : pretty(text, lines);
}

function hexOf(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += HEX_STRETCH) text += Array.from(bytes.subarray(at, at + HEX_STRETCH), (byte) => hex(byte)).join("").toLowerCase();
  return text;
}
