// Draws the lines of a document, see document.js.

import { indentOf } from "./document.js";
import { el } from "./dom.js";
import { ascii, hexDigits } from "./hex.js";
import { hex } from "./format.js";
import { tokens } from "./json.js";
import { nodes, textRuns } from "./text.js";

const STRING_END = /^(?:[^"\\]|\\.)*"?/;

/** The nodes of screen line `at`. Bytes count from `base`. */
export function drawLine(document, at, base = 0) {
  if (document.hex) return hexLine(document.hex, at, base);
  const { text, starts, ends, ofLine, froms, inside, wrap } = document;
  const line = ofLine ? ofLine[at] : at;
  const from = ofLine ? froms[at] : starts[line];
  const to = ofLine && ofLine[at + 1] === line ? froms[at + 1] : ends[line];
  const isFirst = from === starts[line];
  const number = el("span", { class: "line-number" }, isFirst ? String(line + 1) : "");
  const part = text.slice(from, to);
  if (document.syntax === "plain") return [number, ...nodes(textRuns(part, true))];
  return [number, " ".repeat(indentOf(document, line, wrap)), ...coloured(part, inside?.[at])];
}

function coloured(part, isInside) {
  const end = isInside ? STRING_END.exec(part)[0].length : 0;
  const first = end ? [{ kind: "string", text: part.slice(0, end) }] : [];
  return [...first, ...tokens(part.slice(end))].map((token) => el("span", { class: `j-${token.kind}` }, nodes(textRuns(token.text === ":" ? ": " : token.text))));
}

function hexLine(bytes, at, base) {
  const part = bytes.subarray(at * 16, at * 16 + 16);
  return [el("span", { class: "at" }, hex(base + at * 16, 8).toLowerCase()), `  ${hexDigits(part)}  `, el("span", { class: "ascii" }, ascii(part))];
}
