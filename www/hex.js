// Sixteen bytes as a line of hexadecimal digits and characters.

import { hex } from "./format.js";

const WIDTH = 16;

export function hexDigits(part) {
  let text = "";
  for (let at = 0; at < WIDTH; at += 1) text += `${at === 8 ? " " : ""}${at < part.length ? hex(part[at]).toLowerCase() : "  "} `;
  return text.trimEnd().padEnd(48);
}

export function ascii(part) {
  return [...part].map((byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
}
