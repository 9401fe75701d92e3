// What the page says of a finding: its title, what was expected and found, what becomes of it in a repaired copy.

import { count, plural } from "./format.js";
import { plain } from "./text.js";

const BY_CODE = {
  "truncated": "The file ends too early",
  "bad-magic": "Not the beginning of a dump",
  "unsupported-version": "A version that is not known",
  "unknown-opcode": "An opcode that is not known",
  "unknown-type": "A value type that is not known",
  "unreadable-type": "A value type that cannot be read",
  "bad-length": "A length that cannot be",
  "bad-encoding": "An encoding that cannot be",
  "bad-packed": "A packed value that does not hold together",
  "bad-value": "A value no server holds",
  "bad-checksum": "Checksum does not match",
  "bad-command": "A command that does not hold together",
  "bad-manifest": "A manifest that does not hold together",
  "not-applied": "Commands that are not carried out",
  "no-effect": "Commands without effect",
  "unsupported-command": "A command that cannot be applied",
  "duplicate": "The same twice",
  "limit-exceeded": "Larger than this viewer reads",
  "trailing-data": "Bytes behind the end",
};

const CONTAINER = "(listpack|ziplist|zipmap|intset)";
/** More than the code tells, by what was expected. */
const BY_TEXT = [
  [`the ${CONTAINER}'s end byte`, ([, name]) => `${upper(name)} without its end byte`],
  [`${CONTAINER} that states its own length`, ([, name]) => `${upper(name)} with a wrong length`],
  [`as many ${CONTAINER} (?:entries|pairs) as its header`, ([, name]) => `${upper(name)} with a wrong count`],
  [`${CONTAINER} (?:entry|string) inside`, ([, name]) => `${upper(name)} entry that reaches past the end`],
  ["size behind a listpack entry", () => "Listpack entry with a wrong size beside it"],
  ["size of the ziplist entry before", () => "Ziplist entry with a wrong size beside it"],
  ["even number of entries", () => "A field without its value"],
  ["(?:value|entries|list node|slots) with (?:elements|entries|content|slots)", () => "A key without elements"],
  ["LZF", () => "A compressed string that does not expand"],
];

export function titleOf({ code, text, lost }) {
  if (lost && code === "truncated") return "A length beyond the end of the file";
  if (code !== "bad-checksum") {
    for (const [pattern, title] of BY_TEXT) {
      const match = new RegExp(pattern).exec(text);
      if (match) return title(match);
    }
  }
  return BY_CODE[code] ?? code;
}

/** The key as text, without what only markup can show. */
export function keyWords(one) {
  return one.keyText ?? (one.key ? plain(one.key, 64) : "");
}

/** Expected and found, as a sentence with marks for the fixed font. */
export function sentenceOf(one, { progress, source, packing }) {
  if (one.words) return one.words;
  if (one.lost && one.code === "truncated") return "What stands here says that it is longer than the rest of the file.";
  if (one.code === "truncated") {
    const { size } = one.compression ? packing.source : (one.source ?? source);
    const place = [one.encoding, one.db === undefined || one.db === null ? null : `db ${one.db}`].filter(Boolean).join(", ");
    const inside = keyWords(one) ? `, inside the value of ${code(keyWords(one))}${place ? ` (${place})` : ""}` : "";
    return `The ${one.compression ? `${one.compression} file` : "file"} ends at byte ${count(size)}${inside}. ${whole(progress)}`;
  }
  const parts = /^(?:in the compressed file \([a-z0-9]+\): )?expected (.*), found (.*)$/s.exec(one.text);
  if (!parts) return upper(one.text) + (/[.!?]$/.test(one.text) ? "" : ".");
  return `Expected ${parts[1]} at byte ${count(one.offset)}, found ${foundWords(parts[2])}.`;
}

/** `byte 0` of the decoder is a byte, which is shown as the dump below shows it. */
function foundWords(found) {
  const byte = /^byte (\d+)$/.exec(found);
  return byte ? code(Number(byte[1]).toString(16).toUpperCase().padStart(2, "0")) : found;
}

/** What should have stood at the faulty byte, where that was said. */
export function expectedOf({ text }) {
  return /expected (.*), found /s.exec(text)?.[1] ?? null;
}

export function whole(progress) {
  const keys = progress?.keys ?? 0;
  return keys ? `${plural(keys, "key")} before it ${keys === 1 ? "is" : "are"} whole.` : "No key is before it.";
}

/** What a repaired copy does about it. */
export function repairWords(one, { report, packing, repair, log }) {
  const range = one.compression ? null : repair?.plan?.ranges.find(({ kept, start, end }) => !kept && one.offset >= start && one.offset < end);
  const bytes = range && `Bytes ${count(range.start)} – ${count(range.end)} are left out`;
  if (range?.rewritten) return `${bytes}, and the key is kept with what of them is readable.`;
  if (range) return `${bytes}.`;
  if (one.compression) return `What was unpacked of the ${one.compression} file is kept, and is not compressed again.`;
  if (one.code === "unsupported-version") return "No repaired copy is made of a version that is not known.";
  if (one.code === "bad-checksum") return "The checksum is made anew of the bytes that are kept.";
  if (one.code === "trailing-data") return "These bytes are left out.";
  if (["not-applied", "no-effect", "unsupported-command"].includes(one.code)) return "It is left as it is.";
  if ((log || report?.format === "aof") && one.row === undefined) return logWords(one);
  if (one.lost) return "What is lost is left out, and so is what next to it is not sure. The keys that are sure are kept.";
  if (one.repairable) return keyWords(one) ? "This key is left out. The keys around it are kept." : "It is left as it is.";
  return `Everything behind the last whole key is left out, and an end with its checksum is added${packing ? ". The copy is not compressed" : ""}.`;
}

function logWords({ code, offset }) {
  if (code === "truncated") return `The commands before byte ${count(offset)} are kept. What is behind it is left out, unless commands go on there.`;
  return `What is lost at byte ${count(offset)} is left out, with its transaction and what may be of another database. The commands before it are kept, and those that go on behind it.`;
}

const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const code = (text) => `\`${text.replaceAll("`", "'")}\``;

/** `2 errors, 1 warning`. */
export function severityWords(found) {
  const errors = found.filter((one) => one.severity === "error").length;
  const parts = [];
  if (errors) parts.push(plural(errors, "error"));
  if (found.length - errors) parts.push(plural(found.length - errors, "warning"));
  return parts.join(", ");
}
