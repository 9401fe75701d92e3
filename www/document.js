// A value laid out for reading: a text, the lines in it, and the pieces of lines that are too long for the
// screen. Made where there is time for it, so of plain data that a worker can hand over:
//
//   { text, starts, ends, depths | null, syntax: "json" | "plain", ofLine | null, froms, inside, widest }
//   { hex }   bytes, sixteen to a line
//
// and with each a `note` where something is to be said of it.

import { hasEscapes, textRuns } from "./text.js";

/** Characters a browser can lay out in one line. */
const LONGEST = 20_000;
const NUMBER_CHARS = 6;
/** Where lines are wrapped, indents take no more than this share of them. */
const MOST_INDENT = 0.5;
const LITERAL = /"(?:[^"\\]|\\.)*"?/g;

/** The lines of a text as it is. */
export function plainDocument(text, wrap) {
  const starts = [];
  const ends = [];
  for (let start = 0; start <= text.length;) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    starts.push(start);
    ends.push(end);
    start = end + 1;
  }
  return finished({ text, starts, ends, depths: null, syntax: "plain" }, wrap);
}

/** Lines of `layout` in json.js, or of `msgpackLines`. */
export function codeDocument({ text, starts, ends, depths }, wrap) {
  return finished({ text, starts, ends, depths, syntax: "json" }, wrap);
}

export function lineCount(document) {
  if (document.hex) return Math.max(1, Math.ceil(document.hex.length / 16));
  return (document.ofLine ?? document.starts).length;
}

/** Blanks in front of a line. */
export function indentOf(document, line, wrap) {
  const indent = document.depths ? 2 * document.depths[line] : 0;
  return wrap ? Math.min(indent, Math.floor(wrap * MOST_INDENT)) : indent;
}

/** Typed arrays instead of lists, and long lines in pieces. */
function finished(document, wrap) {
  const { text, starts, ends } = document;
  let widest = 0;
  let isLong = false;
  for (let line = 0; line < starts.length; line += 1) {
    const length = ends[line] - starts[line];
    const room = (wrap || LONGEST) - indentOf(document, line, wrap);
    if (length > room || wrap && length * 8 > room && hasEscapes(text.slice(starts[line], ends[line]))) isLong = true;
    widest = Math.max(widest, Math.min(LONGEST, length + indentOf(document, line, wrap)));
  }
  const typed = { ...document, starts: Uint32Array.from(starts), ends: Uint32Array.from(ends), depths: document.depths && Uint16Array.from(document.depths), ofLine: null };
  return { ...typed, ...(isLong ? pieces(typed, wrap) : null), wrap, widest: wrap ? 0 : widest + NUMBER_CHARS };
}

/** `ofLine` and `froms` of every piece, and whether it begins `inside` of a string. */
function pieces(document, wrap) {
  const { text, starts, ends, syntax } = document;
  const ofLine = [];
  const froms = [];
  const inside = [];
  for (let line = 0; line < starts.length; line += 1) {
    const room = (wrap || LONGEST) - indentOf(document, line, wrap);
    const cuts = ends[line] - starts[line] <= room && !(wrap && hasEscapes(text.slice(starts[line], ends[line]))) ? [starts[line]] : cutsOf(text, starts[line], ends[line], room, Boolean(wrap));
    const literals = syntax === "json" && cuts.length > 1 ? literalsOf(text.slice(starts[line], ends[line]), starts[line]) : [];
    let nth = 0;
    for (const from of cuts) {
      while (nth < literals.length && literals[nth].end <= from) nth += 1;
      ofLine.push(line);
      froms.push(from);
      inside.push(nth < literals.length && literals[nth].start < from ? 1 : 0);
    }
  }
  return { ofLine: Uint32Array.from(ofLine), froms: Uint32Array.from(froms), inside: Uint8Array.from(inside) };
}

/** Where the pieces of one line begin: none is longer on screen than `room`, and no character is cut in two. */
function cutsOf(text, start, end, room, counted) {
  const cuts = [start];
  if (!counted || !hasEscapes(text.slice(start, end))) {
    for (let at = start + room; at < end; at += room) {
      if (isLow(text.charCodeAt(at))) at -= 1;
      cuts.push(at);
    }
    return cuts;
  }
  let used = 0;
  for (let at = start; at < end;) {
    const char = String.fromCodePoint(text.codePointAt(at));
    const width = textRuns(char, true)[0].text.length;
    if (used + width > room && used > 0) {
      cuts.push(at);
      used = 0;
    }
    used += width;
    at += char.length;
  }
  return cuts;
}

function isLow(unit) {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

function literalsOf(line, offset) {
  return [...line.matchAll(LITERAL)].map((found) => ({ start: offset + found.index, end: offset + found.index + found[0].length }));
}
