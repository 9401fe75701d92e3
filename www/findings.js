// Findings: where in the file something is wrong, what it is, and the bytes around it.

import { el, fill, icon, show } from "./dom.js";
import { bytesText, count, hex, percent, plural, sentence } from "./format.js";
import { ascii, hexDigits } from "./hex.js";
import { findings } from "./state.js";
import { nodes, plain, runs } from "./text.js";

const BEFORE = 112;
const AROUND = 208;
const ROW = 16;
const CLOSE_PX = 6;
const TICKS = 4;

const TITLES = {
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
  "duplicate": "The same twice",
  "limit-exceeded": "Larger than this viewer reads",
  "trailing-data": "Bytes behind the end",
};

/** What a lenient reading may get past. */
const PASSABLE = ["bad-value", "bad-packed", "bad-length", "bad-command"];

export function mountFindings(root, summaryRoot, actions) {
  const facts = el("div", { class: "findings-summary", hidden: true });
  summaryRoot.append(facts);
  const track = el("div", { class: "strip-track", role: "group", "aria-label": "Findings in the file" });
  const scale = el("div", { class: "strip-scale", "aria-hidden": "true" });
  const title = el("h2");
  const legend = el("div", { class: "legend", "aria-hidden": "true" }, el("span", null, el("i", { class: "read" }), "read"), el("span", null, el("i", { class: "unread" }), "not read"), el("span", null, el("i", { class: "fault" }), "fault"));
  const strip = el("section", { class: "strip", "aria-label": "The file" }, el("div", { class: "strip-head" }, title, legend), track, scale);
  const listTitle = el("h2");
  const list = el("div");
  const note = el("p", { class: "finding-note" });
  const listPane = el("section", { class: "finding-list", "aria-label": "Findings" }, listTitle, list, note);
  const text = el("div", { class: "explain-text" });
  const bytesBox = el("section", { class: "bytes-around", "aria-label": "Bytes around the fault" });
  const explain = el("section", { class: "explain", tabIndex: 0, "aria-label": "Explanation" }, text, bytesBox);
  const nothing = el("div", { class: "nothing" });
  root.append(strip, listPane, explain, nothing);

  let shown = "";
  let width = 0;
  let last = null;
  new ResizeObserver(() => {
    if (track.clientWidth === width || !last || root.hidden) return;
    width = track.clientWidth;
    shown = "";
    render(last);
  }).observe(track);

  function render(next) {
    last = next;
    show(facts, next.view === "findings");
    if (root.hidden) return;
    const found = findings(next);
    const { finding, progress, phase, source } = next;
    const key = JSON.stringify([found.map((one) => [one.code, one.offset, one.compression]), finding, phase, phase === "reading" ? 0 : progress?.offset, source?.name]);
    if (key === shown) return;
    shown = key;
    width = track.clientWidth;
    renderFacts(next, found);
    const any = found.length > 0;
    for (const node of [strip, listPane, explain]) show(node, any);
    show(nothing, !any);
    if (!any) {
      fill(nothing, ...noFindings(next));
      return;
    }
    renderStrip(next, found);
    renderList(next, found);
    renderExplain(next, found[Math.min(finding, found.length - 1)]);
  }

  function renderFacts({ progress, phase, report, source }, found) {
    const offset = progress?.offset ?? 0;
    const unread = Math.max(0, source.size - offset);
    const whole = phase === "read";
    const figure = (label, value, rest, kind = "") => el("div", { class: "fact" }, el("div", { class: "fact-label" }, label), el("div", { class: "fact-value" }, el("b", { class: kind }, value), el("span", { class: "num" }, rest)));
    fill(facts,
      figure("Keys read", count(progress?.keys ?? 0), report ? `in ${plural(report.databases.length, "database")}` : ""),
      figure("Findings", count(found.length), errorWords(found), found.some((one) => one.severity === "error") ? "danger" : ""),
      figure("Bytes not read", bytesText(unread), `of ${bytesText(source.size)}${unread ? `, ${percent(unread, source.size)}` : ""}`),
      figure("Read to the end", whole ? "Yes" : phase === "reading" ? "Not yet" : "No", whole ? "" : phase === "reading" ? "" : `stopped at byte ${count(offset)}`),
      found.length ? el("div", { class: "tools" }, el("button", { class: "button", type: "button", onclick: () => actions.copy(reportText(last, found), "report") }, icon("copy"), "Copy report")) : null);
  }

  function renderStrip({ source, progress, finding }, found) {
    const size = Math.max(1, source.size);
    title.textContent = `The file, byte 0 to ${count(source.size)}`;
    const readTo = el("div", { class: "strip-read" });
    readTo.style.width = `${Math.min(100, ((progress?.offset ?? 0) / size) * 100)}%`;
    const marks = marksOf(found, size, width || 1000);
    fill(track, readTo, marks.map(({ at, first, all }) => {
      const chosen = all.includes(finding);
      const words = all.length > 1 ? `${all.length} findings from byte ${count(found[first].offset)}` : `Finding ${first + 1}, byte ${count(found[first].offset)}`;
      const mark = el("button", { class: `strip-mark ${found[first].severity}`, type: "button", "aria-pressed": String(chosen), "aria-label": words, title: words, onclick: () => actions.finding(chosen ? all[(all.indexOf(finding) + 1) % all.length] : first) });
      mark.style.left = `${at * 100}%`;
      return mark;
    }));
    const placed = marks.map(({ at, first, all }) => {
      const label = el("span", { class: "mark" }, all.length > 1 ? `${first + 1}–${first + all.length}` : String(first + 1));
      label.style.left = `clamp(1rem, ${at * 100}%, calc(100% - 1rem))`;
      return label;
    });
    const ticks = Array.from({ length: TICKS }, (_, at) => {
      const tick = el("span", null, at === 0 ? "0" : bytesText(Math.round((size * at) / TICKS), 2));
      tick.style.left = `${(at * 100) / TICKS}%`;
      return marks.some((mark) => Math.abs(mark.at - at / TICKS) < 0.05) ? null : tick;
    });
    fill(scale, ticks, placed);
  }

  function renderList({ finding, phase, report, lenient }, found) {
    const more = report?.findingsLeftOut ?? 0;
    fill(listTitle, plural(found.length, "finding"), el("span", null, more ? `${errorWords(found)}, and ${count(more)} more` : errorWords(found)));
    fill(list, found.map((one, at) => {
      const button = el("button", { class: "finding", type: "button", "aria-current": at === finding ? "true" : null, onclick: () => actions.finding(at) },
        icon(one.severity === "error" ? "error" : "warn", one.severity === "error" ? "danger" : "warn"),
        el("span", { class: "finding-title" }, titleOf(one)),
        keyOf(one) ? el("span", { class: "mono" }, keyOf(one)) : null,
        el("span", { class: "finding-where" }, el("span", { class: "code" }, one.code), el("span", null, `byte ${count(one.offset)}${one.compression ? ` of the ${one.compression} file` : ""}`), one.db !== undefined && one.db !== null ? el("span", null, `db ${one.db}`) : null));
      return button;
    }));
    note.textContent = lenient && phase === "read" ? "The file was read on past each of these."
      : phase !== "damaged" ? "Every key of the file was read."
      : report?.format === "aof" ? "What stands before this byte is whole."
        : "A server stops at the first error and loads nothing. Every key that was read before it is whole, and stands under Keys.";
  }

  function renderExplain(state, one) {
    const { progress } = state;
    const pairs = [];
    if (one.key) pairs.push(["Key", el("span", { class: "mono" }, nodes(runs(one.key)))]);
    if (one.db !== undefined && one.db !== null) pairs.push(["Database", String(one.db)]);
    pairs.push([one.compression ? `Byte of the ${one.compression} file` : "Byte", `${count(one.offset)} of ${count(sourceOf(state, one).size)} (0x${hex(one.offset, 8).toLowerCase()})`]);
    if (progress && state.phase === "damaged") pairs.push(["Before it", `${plural(progress.keys, "key")} ${progress.keys === 1 ? "is" : "are"} whole`]);
    fill(text,
      el("h2", null, titleOf(one)),
      el("p", null, sentence(one.text)),
      el("dl", { class: "pairs" }, pairs.map(([name, value]) => [el("dt", null, name), el("dd", null, value)])),
      progress?.keys ? el("button", { class: "button link", type: "button", onclick: actions.showLast }, "Show the last whole key in Keys") : null,
      state.phase === "damaged" && !state.lenient && !one.compression && PASSABLE.includes(one.code) ? el("button", { class: "button link", type: "button", onclick: actions.readLeniently }, "Read on past it, as far as that goes") : null);
    renderBytes(state, one);
  }

  async function renderBytes(state, one) {
    const source = sourceOf(state, one);
    const start = Math.max(0, Math.floor((one.offset - BEFORE) / ROW) * ROW);
    let bytes;
    try {
      bytes = await actions.fileBytes(source, start, Math.min(source.size, start + AROUND));
    } catch (error) {
      fill(bytesBox, el("p", { class: "second" }, error.message));
      return;
    }
    const current = findings(last)[last.finding];
    if (current !== one && (current?.offset !== one.offset || current?.code !== one.code)) return;
    const dump = el("div", { class: "hexdump", tabIndex: 0, role: "region", "aria-label": "Bytes around the fault, in hex and text" });
    for (let at = 0; at < bytes.length; at += ROW) dump.append(dumpRow(bytes.subarray(at, at + ROW), start + at, one), "\n");
    const beyond = one.offset >= source.size;
    fill(bytesBox,
      el("div", { class: "bytes-head" }, el("h2", null, "Bytes around the fault"), el("div", { class: "legend" }, beyond ? null : el("span", null, el("span", { class: "hexdump" }, el("span", { class: "fault" }, hex(bytes[one.offset - start] ?? 0).toLowerCase())), "here it goes wrong"))),
      bytes.length ? dump : el("p", { class: "second" }, "The file ends here."),
      beyond && bytes.length ? el("p", { class: "second" }, `The file ends at byte ${count(source.size)}.`) : null);
  }

  return { render };
}

/** One line of the dump; the faulty byte stands out. */
function dumpRow(part, at, one) {
  const nth = one.offset - at;
  const row = el("span", null, el("span", { class: "at" }, hex(at, 8).toLowerCase()), "  ");
  const digits = hexDigits(part);
  if (nth >= 0 && nth < part.length) {
    const from = nth * 3 + (nth >= 8 ? 1 : 0);
    row.append(digits.slice(0, from), el("span", { class: "fault" }, digits.slice(from, from + 2)), digits.slice(from + 2));
  } else {
    row.append(digits);
  }
  row.append("  ", el("span", { class: "ascii" }, ascii(part)));
  return row;
}

/** Marks on the strip, those closer than 6 px joined: `[{ at, first, all }]`, `at` from 0 to 1. */
function marksOf(found, size, width) {
  const marks = [];
  found.forEach((one, nth) => {
    // The strip is what was unpacked; damage to the compression stands in the other file.
    if (one.compression) return;
    const at = Math.max(0, Math.min(1, one.offset / size));
    const before = marks.at(-1);
    if (before && (at - before.at) * width < CLOSE_PX) before.all.push(nth);
    else marks.push({ at, first: nth, all: [nth] });
  });
  return marks;
}

/** The file that a finding's offset counts in. */
function sourceOf({ source, packing }, one) {
  return one.compression ? packing.source : source;
}

function titleOf(one) {
  return TITLES[one.code] ?? one.code;
}

function keyOf(one) {
  return one.keyText ?? (one.key ? plain(one.key, 64) : "");
}

function errorWords(found) {
  const errors = found.filter((one) => one.severity === "error").length;
  const parts = [];
  if (errors) parts.push(plural(errors, "error"));
  if (found.length - errors) parts.push(plural(found.length - errors, "warning"));
  return parts.join(", ");
}

function noFindings({ phase, report }) {
  if (phase === "reading") return [el("p", null, "Nothing found so far. Reading goes on.")];
  if (phase !== "read") return [el("p", null, "No findings in what was read. The file was not read to its end.")];
  const sum = report?.checksum === "matches" ? "The checksum matches and every value decodes." : "Every value decodes. This file has no checksum to compare.";
  return [icon("check", "ok"), el("p", null, `No findings. ${sum}`)];
}

/** For a bug report or a colleague: what and where, without any data of the file. */
function reportText({ version, source, report, progress }, found) {
  return [
    `aikv viewer ${version}`,
    `file of ${source.size} bytes, ${report?.format ?? ""} ${report?.dialect ?? ""} ${report?.version ?? ""}`.trim(),
    `${progress?.keys ?? 0} keys read, ${progress?.offset ?? 0} bytes read`,
    ...found.map((one) => `${one.severity} ${one.code} at byte ${one.offset}${one.compression ? ` of the ${one.compression} file` : ""}${one.db === undefined || one.db === null ? "" : `, db ${one.db}`}`),
  ].join("\n");
}
