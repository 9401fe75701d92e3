// The start screen and every way a file comes in: chosen, dropped anywhere, the sample. Also what is
// said when the bytes are not a dump this viewer reads.

import { el, fill, icon, setText, show } from "./dom.js";
import { dropped, ofFolder, together } from "./gather.js";
import { hex } from "./format.js";

const CELLS = 9;
const MAGIC = [0x52, 0x45, 0x44, 0x49, 0x53, 0x30, 0x30, 0x31, 0x32];

export function mountStart(root, actions) {
  const cells = Array.from({ length: CELLS }, () => el("div", { class: "cell" }, el("span"), el("b")));
  const cellRow = el("div", { class: "cells", "aria-hidden": "true" }, cells);
  const title = el("p", { class: "zone-title" });
  const noteText = el("span");
  const folder = el("button", { class: "button link only-wide", type: "button", onclick: actions.chooseFolder }, "a whole appendonlydir folder");
  const note = el("p", { class: "zone-note" }, noteText, folder);
  const invite = el("div", null, title, note);
  const refusal = el("div", { class: "refusal", role: "group", "aria-label": "Why this file is not shown", hidden: true });
  const choose = el("button", { class: "button large primary", type: "button", onclick: actions.chooseFile }, "Choose a file");
  const sample = el("button", { class: "button large", type: "button", onclick: actions.openSample }, "Open a sample");
  const zone = el("div", { class: "zone" }, cellRow, invite, refusal, el("div", { class: "zone-buttons" }, choose, sample));
  root.append(
    el("div", { class: "start-middle" },
      el("h1", null, "See what is inside a Redis or Valkey dump"),
      el("p", { class: "lead" }, "Keys, sizes, expiries and values, straight from the file."),
      zone,
      el("p", { class: "privacy" }, icon("lock"), el("span", null,
        el("b", null, "Your file stays on this ", el("span", { class: "only-wide" }, "computer"), el("span", { class: "only-narrow" }, "device"), ". "),
        "It is read in this tab and never uploaded. Go offline first if you like."))),
    el("dl", { class: "facts" },
      fact("Every version", "Redis 2.6 to 8.10, Valkey 7.2 to 9.1, RDB snapshots and AOF logs, also in gzip, zstd or LZ4."),
      fact("Any size", wide("Of a snapshot only the list of keys is kept in memory. Values are read as you look."), narrow("A value is read only when you look at it.")),
      fact("Damaged files too", wide("Every fault with its byte and key. Save what is whole as a clean file."), narrow("See each fault, save what is whole.")),
      fact("From a terminal", el("span", { class: "mono" }, "aikv view dump.rdb"), " opens this page on your own machine.", "only-wide")));

  const phone = matchMedia("(max-width: 39.99em)");

  function render(state) {
    const { phase, dragging, head, refusal: refused } = state;
    document.body.toggleAttribute("data-dragging", dragging);
    if (root.hidden) return;
    const bytes = (phase === "refused" || phase === "sniffed") && head ? head : MAGIC;
    cells.forEach((cell, at) => {
      const byte = bytes[at];
      setText(cell.firstChild, byte === undefined ? "" : hex(byte));
      setText(cell.lastChild, byte === undefined ? " " : byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : "·");
      const isVersion = at > 4 && (bytes === MAGIC || refused?.badVersion || phase === "sniffed");
      cell.className = `cell${isVersion ? " version" : ""}${refused?.badVersion && at >= versionAt(bytes) ? " wrong" : ""}`;
    });
    const isRefused = phase === "refused" && !dragging;
    show(invite, !isRefused);
    show(refusal, isRefused);
    if (isRefused) sayRefusal(state);
    setText(title, dragging ? "Let go to open" : phase === "sniffed" ? "Opening" : phone.matches ? "Open an RDB or AOF file" : "Drop an RDB or AOF file anywhere on this page");
    setText(noteText, phone.matches ? "From Files, or from another app" : "One file of any size, or ");
  }

  function sayRefusal({ refusal: why, source }) {
    const parts = [el("p", { class: "zone-title" }, why.text)];
    if (why.advice) parts.push(el("p", { class: "zone-note" }, why.advice));
    if (why.firstBytes) parts.push(el("p", { class: "zone-note" }, "First bytes: ", el("span", { class: "mono" }, `${why.firstBytes}  ${why.firstText}`)));
    if (why.laterVersion) parts.push(el("button", { class: "button", type: "button", onclick: actions.readLeniently }, "Try to read it anyway"));
    if (source) parts.push(el("p", { class: "zone-note quiet" }, source.name));
    const key = JSON.stringify([why, source?.name]);
    if (refusal.dataset.shown === key) return;
    refusal.dataset.shown = key;
    fill(refusal, parts);
  }

  return { render, choose };
}

/** Where the version's digits begin: behind REDIS or VALKEY. */
function versionAt(bytes) {
  return bytes[0] === 0x56 ? 6 : 5;
}

const wide = (words) => el("span", { class: "only-wide" }, words);
const narrow = (words) => el("span", { class: "only-narrow" }, words);

function fact(title, ...text) {
  const extra = text.at(-1) === "only-wide" ? text.pop() : "";
  return el("div", { class: extra }, el("dt", null, title), el("dd", null, text));
}

/** Lets the whole window take a drop, and gives what was dropped to `take(source)`. */
export function acceptDrops({ dragging, take, refuse }) {
  let depth = 0;
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth += 1;
    dragging(true);
  });
  addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth = Math.max(0, depth - 1);
    if (depth === 0) dragging(false);
  });
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    dragging(false);
    dropped(event.dataTransfer).then(
      (source) => (source ? take(source) : refuse("This folder is empty.", "It holds no files at all.")),
      () => refuse("The browser did not let this folder be read.", "Choose its files instead."),
    );
  });
}

/** The system's file dialog. Resolves with the file, several files of one log as a set, or null. */
export function chooseFile() {
  return choose({ multiple: true }, together);
}

/** Likewise for a folder. */
export function chooseFolder() {
  return choose({ webkitdirectory: true }, ofFolder);
}

function choose(how, taken) {
  // It stands in the page while the dialog is open, else the browser may throw it away with its answer.
  const input = el("input", { type: "file", hidden: true, ...how });
  document.body.append(input);
  return new Promise((resolve) => {
    const done = () => {
      input.remove();
      resolve(taken([...input.files]));
    };
    input.addEventListener("change", done);
    input.addEventListener("cancel", done);
    input.click();
  });
}
