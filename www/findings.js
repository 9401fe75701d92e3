// Findings: where in the file something is wrong, what it is, the bytes around it, and a copy without it.

import { CODES } from "./error-codes.js";
import { badge } from "./columns.js";
import { el, fill, icon, marked, pick, setText, show, turnRadio } from "./dom.js";
import { mountStrip } from "./file-strip.js";
import { expectedOf, keyWords, repairWords, sentenceOf, severityWords, titleOf, whole } from "./finding-words.js";
import { bytesText, count, hex, percent, plural, sentence } from "./format.js";
import { hexView, ROW } from "./hex-view.js";
import { mountRepair } from "./repair.js";
import { findings, readTo } from "./state.js";
import { nodes, runs } from "./text.js";

const BEFORE = 9 * ROW;
const AROUND = 13 * ROW;
/** Bytes that are read from the start of a value on, to say what they mean. */
const EXPLAINED = 1 << 20;
const HEADER_BYTES = 9;
const ROWS_BACK = 20;
/** Types of which a repaired copy may keep a part. */
const IN_PART = ["list", "set", "zset", "hash"];

export function mountFindings(root, summaryRoot, actions) {
  const facts = el("div", { class: "findings-summary", hidden: true });
  summaryRoot.append(facts);
  const strip = mountStrip(actions);
  const listTitle = el("h2");
  const list = el("div");
  const note = el("p", { class: "finding-note" });
  const listPane = el("section", { class: "finding-list", "aria-label": "Findings" }, listTitle, list, note);
  const text = el("div", { class: "explain-text" });
  const bytesBox = el("section", { class: "bytes-around", "aria-label": "Bytes around the fault" });
  const explain = el("section", { class: "explain", tabIndex: 0, "aria-label": "Explanation" }, text, bytesBox);
  const nothing = el("div", { class: "nothing" });
  const repair = mountRepair(actions);
  root.append(repair.node, strip.node, listPane, explain, nothing);

  let shown = "";
  let last = null;
  /** What was read for the finding that is shown. */
  let known = { key: "", about: {} };
  let file = null;

  function render(next) {
    last = next;
    if (file !== next.source) {
      file = next.source;
      forget();
    }
    show(facts, next.view === "findings");
    if (root.hidden) return;
    repair.render(next);
    const found = findings(next);
    const { finding, progress, phase, source, report } = next;
    const key = JSON.stringify([found.map(nameOf), finding, phase, progress?.offset, source?.name, report?.damagedKeys, Boolean(next.repair), next.repair?.plan?.kept_bytes, next.repair?.busy?.kind, next.convert.busy?.kind === "save", next.keeps]);
    if (key === shown) return;
    shown = key;
    renderFacts(next);
    const any = found.length > 0;
    for (const node of [strip.node, listPane, explain]) show(node, any);
    show(nothing, !any);
    if (!any) {
      fill(nothing, ...noFindings(next));
      return;
    }
    strip.render(next, found);
    renderList(next, found);
    const one = found[Math.min(finding, found.length - 1)];
    renderExplain(next, one);
    load(next, one);
  }

  function forget() {
    known = { key: "", about: {} };
    shown = "";
  }

  function renderFacts(state) {
    const { report, source } = state;
    const found = findings(state);
    const figure = (label, value, rest, kind = "") => el("div", { class: "fact" }, el("div", { class: "fact-label" }, label), el("div", { class: "fact-value" }, el("b", { class: kind }, value), el("span", { class: "num" }, rest)));
    const lost = lossOf(state);
    const end = endOf(state, found);
    fill(facts,
      figure("Keys read", count(lost.whole), report ? `in ${plural(report.databases.length, "database")}` : ""),
      figure("Lost", lost.words, lost.rest, lost.keys || lost.isOpen ? "danger" : ""),
      figure("Bytes not understood", bytesText(lost.bytes), `of ${bytesText(source.size)}${lost.bytes ? `, ${percent(lost.bytes, source.size)}` : ""}`),
      figure("Read to the end", end.word, end.rest),
      found.length ? el("div", { class: "tools" }, el("button", { class: "button", type: "button", onclick: () => actions.copy(reportText(last, found), "report") }, icon("copy"), "Copy report"), repairButton(state)) : null);
  }

  function repairButton({ phase, log, repair: asked, convert }) {
    // A log in several files is mended file by file, which the command does.
    if (!["read", "damaged"].includes(phase) || asked || log?.files.length > 1) return null;
    return el("button", { class: "button primary", type: "button", disabled: convert.busy?.kind === "save", onclick: actions.planRepair }, icon("save"), "Save a repaired copy…");
  }

  function renderList(state, found) {
    const { finding, report } = state;
    const more = report?.findingsLeftOut ?? 0;
    fill(listTitle, plural(found.length, "finding"), el("span", null, more ? `${severityWords(found)}, and ${count(more)} more` : severityWords(found)));
    fill(list, found.map((one, at) => el("button", { class: "finding", type: "button", "aria-current": at === finding ? "true" : null, onclick: () => actions.finding(at) },
      icon(one.severity === "error" ? "error" : "warn", one.severity === "error" ? "danger" : "warn"),
      el("span", { class: "finding-title" }, el("span", { class: "sr" }, `${one.severity}: `), titleOf(one)),
      keyWords(one) ? el("span", { class: "mono" }, keyWords(one)) : null,
      el("span", { class: "finding-where" }, el("span", { class: "code" }, one.code), el("span", null, whereOf(one)), one.encoding ? el("span", null, one.encoding) : null, one.db !== undefined && one.db !== null ? el("span", null, `db ${one.db}`) : null))));
    list.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
    setText(note, noteOf(state, found));
  }

  function renderExplain(state, one) {
    const { row, next, elements, stated, canKeep } = known.key === nameOf(one) ? known.about : {};
    const { report } = state;
    const mono = (words) => el("span", { class: "mono" }, words);
    const second = (words) => el("span", { class: "second beside" }, words);
    const pairs = [];
    if (row) pairs.push(["Key", [badge(row.type), el("span", { class: "sr" }, row.type), el("span", { class: "mono" }, nodes(runs(row.key))), second(`${row.encoding}, db ${row.db}`)]]);
    else if (keyWords(one)) pairs.push(["Key", [mono(keyWords(one)), second([one.encoding, `db ${one.db ?? 0}`].filter(Boolean).join(", "))]]);
    if (row) pairs.push(["Key and value", `bytes ${count(row.offset)} – ${count(row.offset + row.bytes)}`]);
    if (typeof elements === "number") pairs.push(["Still readable", stated === null ? plural(elements, "element") : `${count(elements)} of ${plural(stated, elementWord(one, row))}`]);
    if (next) pairs.push(["Reading went on", [`at byte ${count(next.offset)}, key `, el("span", { class: "mono" }, nodes(runs(next.key)))]]);
    else if (isEnd(state, one) && one.code !== "truncated") pairs.push(["Before it", whole(state.progress)]);
    const gone = stated > elements ? ` ${count(stated - elements)} of its ${plural(stated, elementWord(one, row))} ${stated - elements === 1 ? "is" : "are"} gone.` : "";
    const show = row ? ["Show this key in Keys", () => actions.showFound(row)] : state.progress?.keys && isEnd(state, one) ? ["Show the last whole key in Keys", actions.showLast] : null;
    const isChoosing = text.contains(document.activeElement) && document.activeElement.role === "radio";
    const words = repairWords(one, state);
    fill(text,
      el("div", { class: "explain-words" },
        el("h2", null, titleOf(one)),
        el("p", null, marked(sentenceOf(one, state) + gone)),
        el("dl", { class: "pairs" }, pairs.map(([name, value]) => [el("dt", null, name), el("dd", null, value)]))),
      el("section", { class: "repaired", "aria-label": "In the repaired copy" },
        el("h3", null, "In the repaired copy"),
        canKeep ? choice(state, row, plural(elements, `readable ${elementWord(one, row)}`)) : null,
        canKeep && !state.repair?.plan ? null : el("p", null, words),
        show ? el("button", { class: "button link", type: "button", onclick: show[1] }, show[0]) : null),
      el("p", { class: "code-words" }, el("span", { class: "code" }, one.code), " ", marked(codeWords(one.code))));
    if (isChoosing) text.querySelector('[role="radio"][aria-checked="true"]')?.focus();
  }

  /** What becomes of a key of which a part is readable. */
  function choice({ keeps, repair: asked }, row, part) {
    const isKept = keeps.includes(row.offset);
    const radio = (words, keep) => {
      const node = el("button", { class: "choice", type: "button", role: "radio", disabled: Boolean(asked?.busy), onclick: () => actions.keepReadable(row.offset, keep) }, el("span", { class: "dot" }), words);
      pick(node, keep === isKept);
      return node;
    };
    return el("div", { class: "choices", role: "radiogroup", "aria-label": "In the repaired copy", onkeydown: turnRadio }, radio("Leave this key out", false), radio(`Keep its ${part}`, true));
  }

  /** Reads what there is to be known of a finding: its key and the one behind it, the bytes, and their meaning. */
  async function load(state, one) {
    const key = nameOf(one);
    if (known.key === key) return;
    known = { key, about: {} };
    const source = sourceOf(state, one);
    const start = Math.max(0, Math.floor((one.offset - BEFORE) / ROW) * ROW);
    const end = Math.min(source.size, start + AROUND);
    let bytes;
    try {
      bytes = await actions.fileBytes(source, start, end);
    } catch (error) {
      if (isShown(key)) fill(bytesBox, el("p", { class: "second" }, error.message));
      return;
    }
    const about = one.compression || state.log ? {} : await aboutOf(state, one, start, end);
    if (!isShown(key)) {
      // Who comes back to it finds it then.
      if (known.key === key) forget();
      return;
    }
    known.about = about;
    renderExplain(last, one);
    renderBytes(source, one, start, bytes, about.meanings ?? []);
  }

  const isShown = (key) => known.key === key && last.view === "findings";

  async function aboutOf(state, one, from, to) {
    const keys = state.progress?.keys ?? 0;
    const nextId = one.nextRow ?? keys;
    const [row, next] = await Promise.all([
      one.row === undefined ? null : actions.row(one.row),
      one.nextRow !== undefined && one.nextRow < keys ? actions.row(one.nextRow) : null,
    ]);
    const about = { row, next };
    if (state.report?.format !== "rdb") return about;
    const kept = row && one.severity === "error" && IN_PART.includes(row.type) ? await actions.readable(row.id) : undefined;
    const counted = kept && { ...kept, canKeep: true };
    const begin = await beginning(row ?? (await actions.row(nextId - 1)), from);
    const start = begin?.offset ?? HEADER_BYTES;
    if (start > to || to - start > EXPLAINED) return { ...about, ...counted };
    return { ...about, ...(await actions.explain({ start, db: begin?.db ?? one.db ?? 0, from, to })), ...counted };
  }

  /** The last row that begins at or before a byte, if that is among the few before this one; else the first of these. */
  async function beginning(row, from) {
    let first = row;
    for (let n = 0; first && n < ROWS_BACK && first.offset > from && first.id > 0; n += 1) first = await actions.row(first.id - 1);
    return first;
  }

  function renderBytes(source, one, start, bytes, meanings) {
    const beyond = one.offset >= source.size;
    const expected = expectedOf(one);
    const tinted = meanings.some((range) => !range.readable);
    const sample = (kind, words) => el("span", null, el("span", { class: "hexdump" }, el("span", { class: kind }, kind === "fault" ? hex(bytes[one.offset - start] ?? 0).toLowerCase() : "00")), words);
    fill(bytesBox,
      el("div", { class: "bytes-head" }, el("h2", null, "Bytes around the fault"), el("div", { class: "legend" }, beyond ? null : sample("fault", "here it goes wrong"), tinted ? sample("after", "does not decode") : null)),
      bytes.length ? hexView({ bytes, start, fault: one.offset, meanings, expected: one.code === "bad-checksum" ? null : expected }) : el("p", { class: "second" }, "The file ends here."),
      beyond && bytes.length ? el("p", { class: "second" }, `The file ends at byte ${count(source.size)}.`) : null);
  }

  return { render };
}

/** What docs/errors.md says of a code. */
function codeWords(code) {
  return (CODES[code] ?? []).filter((part) => part !== "As above").map(sentence).join(" ");
}

const nameOf = (one) => `${one.code} ${one.offset} ${one.compression ?? ""} ${one.row ?? ""} ${one.before ?? ""}`;
const whereOf = (one) => `byte ${count(one.offset)}${one.compression ? ` of the ${one.compression} file` : ""}`;

/** The file that a finding's offset counts in. */
function sourceOf({ source, packing }, one) {
  // One of a log has the file it is in.
  return one.source ?? (one.compression ? packing.source : source);
}

/** Whether reading ended at this finding. */
function isEnd({ phase, failure }, one) {
  return phase === "damaged" && failure?.code === one.code && failure.offset === one.offset;
}

function elementWord(one, row) {
  const type = row?.type ?? one.encoding ?? "";
  if (type.startsWith("hash")) return "field";
  return type.startsWith("set") || type.startsWith("zset") ? "member" : "element";
}

/** Keys that are whole, those that are lost, and bytes that belong to no whole key. */
function lossOf(state) {
  const { progress, phase, report, source, failure, log } = state;
  const keys = progress?.keys ?? 0;
  const unread = Math.max(0, source.size - readTo(state));
  const damaged = report?.damagedKeys ?? 0;
  const wholeKeys = Math.max(0, keys - (report?.damagedRows ?? 0));
  const ended = phase === "damaged";
  // A damaged file may announce anything: a key takes three bytes at least.
  const stated = log ? 0 : Number(report?.announcedKeys ?? 0);
  const room = failure?.code === "truncated" ? source.size * 100 : ended ? unread : report?.damagedBytes ?? 0;
  const announced = stated >= keys && stated - keys <= room / 3 ? stated : 0;
  const lost = announced ? announced - wholeKeys : damaged;
  const isOpen = ended && !announced;
  const bytes = (report?.damagedBytes ?? 0) + (ended || log ? unread : 0);
  const words = isOpen && !lost ? "Unknown" : plural(lost, "key");
  const rest = announced ? `of ${count(announced)} announced` : isOpen ? (lost ? "and what is behind the fault" : "what is behind the fault") : "";
  return { keys: lost, isOpen, bytes, words, rest, whole: wholeKeys };
}

function endOf(state, found) {
  const { phase, log, source } = state;
  if (phase === "reading") return { word: "Not yet", rest: "" };
  const end = readTo(state);
  if (phase !== "read" || (log && end < source.size)) return { word: "No", rest: `stopped at byte ${count(end)}` };
  const passed = found.some((one) => one.row !== undefined || one.key || one.lost);
  return { word: "Yes", rest: passed ? "went on after each fault" : "" };
}

function noteOf({ phase, report, log }, found) {
  if (phase === "damaged") {
    return log || report?.format === "aof" ? "What stands before this byte is whole. A repaired copy goes on behind it, where commands do."
      : "A server stops at the first error and loads nothing. Every key in the list that has no finding is whole.";
  }
  if (found.some((one) => one.lost)) return "A server stops at the first error and loads nothing. Here reading went on where keys are sure again; every key in the list that has no finding is whole, but for the last in front of lost bytes, which may be damaged, too.";
  if (found.some((one) => one.row !== undefined)) return "A server stops at the first error and loads nothing. Here reading went on with the next key; every key in the list that has no finding is whole.";
  return log ? "Every whole command of the log was read." : "Every key of the file was read.";
}

function noFindings({ phase, report, log }) {
  if (phase === "reading") return [el("p", null, "Nothing found so far. Reading goes on.")];
  if (phase !== "read") return [el("p", null, "No findings in what was read. The file was not read to its end.")];
  if (log) return [icon("check", "ok"), el("p", null, "No findings. Every command is whole, and was applied.")];
  const sum = report?.checksum === "matches" ? "The checksum matches and every value decodes." : "Every value decodes. This file has no checksum to compare.";
  return [icon("check", "ok"), el("p", null, `No findings. ${sum}`)];
}

/** For a bug report or a colleague: what and where, without any data of the file. */
function reportText(state, found) {
  const { version, source, report, progress } = state;
  return [
    `aikv viewer ${version}`,
    `file of ${source.size} bytes, ${report?.format ?? ""} ${report?.dialect ?? ""} ${report?.version ?? ""}`.trim(),
    `${progress?.keys ?? 0} keys read, ${readTo(state)} bytes read`,
    ...found.map((one) => `${one.severity} ${one.code} at byte ${one.offset}${one.compression ? ` of the ${one.compression} file` : ""}${one.db === undefined || one.db === null ? "" : `, db ${one.db}`}`),
  ].join("\n");
}
