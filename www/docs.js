// What the page has to say of itself, at hand without a network: what it opens, what its numbers are, and what codes mean.

import { el, icon, marked } from "./dom.js";
import { CODES } from "./error-codes.js";
import { sentence } from "./format.js";

const OPENED = [
  ["Snapshots", "RDB 1 to 15 (Redis 1 to 8.10, Valkey 7.2 to 8.1) and VALKEY 80 (Valkey 9)"],
  ["Logs", "AOF, also with a snapshot in front, and of several files: choose or drop the `appendonlydir` folder"],
  ["Compressed", "any of them as a whole by gzip, zstd or LZ4"],
];
const NUMBERS = [
  ["Size", "bytes in the file, of the key, its expiry and its value"],
  ["Memory", "estimated: what Redis 7.0 to 8.0 on 64 bits would answer to `MEMORY USAGE key SAMPLES 0`; Valkey and later Redis need less"],
  ["Expires", "against the clock that the status bar names"],
];
const COMMANDS = [
  ["aikv view FILE", "opens this page with a file"], ["aikv info FILE", "what the file is"], ["aikv check FILE", "every finding"],
  ["aikv convert IN OUT --to TARGET", "what another server loads"], ["aikv export FILE --format jsonl", "keys as JSON Lines, CSV or commands"],
];

export function mountDocs() {
  const list = (pairs, term = (text) => text) => el("dl", { class: "docs-list" }, pairs.map(([name, words]) => [el("dt", null, term(name)), el("dd", null, marked(words))]));
  const codes = Object.entries(CODES).map(([code, said]) => [code, said.filter((part) => part !== "As above").map(sentence).join(" ")]);
  const body = el("div", { class: "docs-body", tabIndex: 0, role: "region", "aria-label": "Docs" },
    el("h3", null, "What can be opened"), list(OPENED),
    el("h3", null, "Numbers"), list(NUMBERS),
    el("h3", null, "On the command line"), list(COMMANDS, (text) => el("span", { class: "mono" }, text)),
    el("h3", null, "Codes of findings"), list(codes, (text) => el("span", { class: "code" }, text)));
  const dialog = el("dialog", { class: "help docs", "aria-labelledby": "docs-title" },
    el("div", { class: "help-head" }, el("h2", { id: "docs-title" }, "Docs"), el("button", { class: "icon-button", type: "button", "aria-label": "Close", onclick: () => dialog.close() }, icon("close"))), body);
  document.body.append(dialog);
  return { open: () => dialog.showModal(), isOpen: () => dialog.open };
}
