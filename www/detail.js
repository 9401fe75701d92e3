// The detail pane: the selected key, its facts, and its value, read again from the file.

import { badge, MEMORY_TIP } from "./columns.js";
import { el, fill, icon, pick, rem, setAttr, setIcon, setText, show, turnRadio } from "./dom.js";
import { mountElements, prefixOf } from "./elements.js";
import { EXPORTS } from "./export.js";
import { bytesExact, bytesText, count, dateTimeUtc, expiry, plural, span } from "./format.js";
import { COMMAND_CHARS, COPY_BYTES } from "./limits.js";
import { openMenu } from "./menu.js";
import { splitter } from "./splitter.js";
import { mountStream } from "./stream.js";
import { nodes, runs } from "./text.js";
import { elementWord, TYPES } from "./types.js";
import { moduleTabOf, wholeOf } from "./value.js";
import { valueViewer } from "./viewer.js";

const LATE_MS = 100;
const KEY_SHOWN = 16_384;
const LEAST = 32;
const NORMAL = 39.2;
const WIDE = 68.4;

export function mountDetail(root, actions) {
  const chosen = new Map();
  const typeBadge = el("span", { class: "detail-type" });
  const copyText = el("span", null, "Copy");
  const copy = el("button", { class: "button bare", type: "button", "aria-haspopup": "menu", onclick: copyMenu }, icon("copy"), copyText, icon("down", "small"));
  const back = el("button", { class: "icon-button only-narrow", type: "button", "aria-label": "Back to the keys", onclick: () => actions.closeDetail() }, icon("back"));
  const exportKey = el("button", { class: "button bare export-key", type: "button", title: "Export key", "aria-haspopup": "menu", onclick: () => exportMenu() }, icon("save"), el("span", null, "Export key"));
  const widenIcon = icon("expand");
  const widen = el("button", { class: "icon-button only-wide", type: "button", onclick: () => actions.widen(!state.detail.wide) }, widenIcon);
  const close = el("button", { class: "icon-button only-wide", type: "button", "aria-label": "Close", title: "Close (Esc)", onclick: () => actions.closeDetail() }, icon("close"));
  const key = el("h2", { class: "detail-key mono", tabIndex: -1 });
  const told = el("p", { class: "told-line warn", hidden: true });
  const facts = el("dl", { class: "detail-facts" });
  const expiredNote = el("p", { class: "expired-line warn", hidden: true });
  const head = el("div", { class: "detail-head" }, el("div", { class: "detail-tools" }, back, typeBadge, el("span", { class: "push" }), copy, exportKey, widen, close), key);
  const waiting = el("p", { class: "value-note waiting", hidden: true }, "Reading value");
  const failure = el("div", { class: "value-failure", role: "group", "aria-label": "Why the value is not shown", hidden: true });
  const whole = valueViewer(actions, chosen, "Value");
  const part = valueViewer(actions, chosen, "Element");
  const elements = mountElements(actions, part);
  const field = valueViewer(actions, chosen, "Field");
  const stream = mountStream(actions, field);
  const valueTab = el("button", { type: "button", role: "radio", onclick: () => actions.moduleTab("value") }, "Value");
  const partsTab = el("button", { type: "button", role: "radio", onclick: () => actions.moduleTab("parts") }, "Parts");
  const hexTab = el("button", { type: "button", role: "radio", onclick: () => actions.moduleTab("hex") }, "Bytes");
  const tabs = el("div", { class: "el-bar" }, el("div", { class: "segments", role: "radiogroup", "aria-label": "Shown", onkeydown: turnRadio }, valueTab, partsTab, hexTab));
  const kept = el("p", { class: "value-note", hidden: true });
  const body = el("div", { class: "detail-body" }, waiting, failure, kept, tabs, whole.node, elements.node, stream.node);
  const empty = el("div", { class: "detail-empty" },
    el("h2", null, "No key selected"),
    el("p", null, "Pick a key to see its value."),
    el("p", { class: "detail-hints" }, el("kbd", null, "j"), el("kbd", null, "k"), "move", el("kbd", null, "↵"), "open"),
    el("p", { class: "while-reading" }, "Values can be read while the rest of the file is still coming."));
  const split = splitter("Width of the value", widths, (px) => actions.setting({ [state.detail.wide ? "detailWide" : "detailWidth"]: px === null ? null : px / rem(1) }));
  const filled = el("div", { class: "detail-filled" }, head, told, facts, expiredNote, body);
  root.append(split.node, filled, empty);

  let state = null;
  let factsShown = "";
  let keyShown = null;
  let since = 0;
  let width = 0;

  function widths() {
    const most = Math.max(rem(LEAST), innerWidth * 0.7);
    const { detailWidth, detailWide } = state?.settings ?? {};
    const wanted = rem(state?.detail.wide ? detailWide ?? WIDE : detailWidth ?? NORMAL);
    return { now: Math.max(rem(LEAST), Math.min(most, wanted)), least: rem(LEAST), most };
  }

  function copyMenu() {
    const { row } = state.detail;
    const one = wholeOf(state.detail);
    const length = (one ?? state.detail.itemValue)?.length;
    const hasBytes = length !== undefined && length <= COPY_BYTES;
    openMenu(copy, [
      { label: "Key", hint: "c", run: () => actions.copyKey() },
      { label: one || row.type === "string" ? "Value as shown" : "Open element as shown", hint: "Shift+C", disabled: !hasBytes, run: () => actions.copyValue() },
      { label: "Key as JSON line", disabled: row.bytes > COPY_BYTES, run: () => actions.copyJson() },
      { label: "Commands for redis-cli", disabled: row.bytes > COMMAND_CHARS, run: () => actions.copyCommands() },
      { label: "RESTORE command", disabled: row.bytes > COMMAND_CHARS, run: () => actions.copyRestore() },
      { label: "Offset in the file", hint: count(row.offset), run: () => actions.copyOffset() },
    ], { label: "Copy", align: "right" });
  }

  function exportMenu() {
    const { row } = state.detail;
    openMenu(exportKey, [
      ...EXPORTS.map(([format, label, ending]) => ({ label, hint: ending, run: () => actions.exportAs("key", format) })),
      { label: "Payload for RESTORE", hint: ".dump", disabled: row.bytes > COPY_BYTES, run: () => actions.savePayload() },
    ], { label: "Export key", align: "right" });
  }

  function render(next) {
    state = next;
    if (root.hidden) return;
    const { detail } = next;
    const { row } = detail;
    width = widths().now;
    root.style.setProperty("--detail", `${width}px`);
    root.classList.toggle("wide", detail.wide && Boolean(row));
    split.render();
    show(filled, Boolean(row));
    show(empty, !row);
    show(empty.querySelector(".while-reading"), next.phase === "reading");
    if (!row) return;
    renderHead(detail);
    renderFacts(next);
    renderBody(next);
  }

  function renderHead({ row, wide }) {
    setIcon(widenIcon, wide ? "shrink" : "expand");
    const words = wide ? "Narrower" : "Wider";
    setAttr(widen, "aria-label", words);
    setAttr(widen, "aria-pressed", wide);
    widen.title = `${words} (Enter)`;
    if (row === keyShown) return;
    keyShown = row;
    show(told, false);
    since = performance.now();
    fill(typeBadge, badge(row.type), el("span", null, row.type));
    const cut = row.key.length > KEY_SHOWN;
    fill(key, nodes(runs(cut ? row.key.subarray(0, KEY_SHOWN) : row.key)), cut ? `… ${bytesText(row.key.length)} in all` : "", row.key.length === 0 ? el("span", { class: "esc" }, "empty key") : "");
    key.scrollTop = 0;
    // What scrolls is reached by the keyboard.
    key.tabIndex = key.scrollHeight > key.clientHeight + 1 ? 0 : -1;
  }

  function renderFacts({ detail, clock, report }) {
    const list = factsOf(detail, clock.ms, report);
    const text = JSON.stringify(list);
    if (text !== factsShown) {
      factsShown = text;
      fill(facts, list.map(([name, value, tip, kind]) => el("div", { title: tip ?? "" }, el("dt", null, name), el("dd", { class: kind ?? "" }, value))));
    }
    const { row } = detail;
    const gone = row.expiresAtMs !== null && Number(row.expiresAtMs) <= clock.ms;
    show(expiredNote, gone);
    if (gone) {
      const ago = `Expired ${span(clock.ms - Number(row.expiresAtMs), 2)} ago.`;
      setText(expiredNote, clock.kind === "now" ? `${ago} It is still in the file: a primary drops it on loading, a replica and a log's preamble keep it.` : ago);
    }
  }

  function renderBody(next) {
    const { row, page, loading, error } = next.detail;
    const isStream = row.type === "stream";
    const late = loading && !page;
    show(waiting, late && performance.now() - since > LATE_MS);
    if (late && waiting.hidden) setTimeout(() => state.detail.row === row && render(state), LATE_MS);
    body.setAttribute("aria-busy", String(late));
    show(failure, Boolean(error));
    if (error) sayFailure(error);
    const there = Boolean(page) && !error;
    const one = wholeOf(next.detail);
    const isModule = row.type === "module";
    const tab = isModule && there ? moduleTabOf(next.detail) : null;
    show(tabs, there && isModule);
    show(kept, there && isModule && !page.readable);
    setText(kept, `This module's value is kept as it is: ${bytesText(row.bytes)}.`);
    show(whole.node, there && Boolean(one));
    show(elements.node, there && !one && !isStream && tab !== "hex");
    show(stream.node, there && isStream);
    body.classList.toggle("turning", loading && Boolean(page));
    if (!there) return;
    show(valueTab, Boolean(page.readable));
    for (const [name, radio] of [["value", valueTab], ["parts", partsTab], ["hex", hexTab]]) pick(radio, name === tab);
    if (one) whole.render({ value: one, keyPrefix: prefixOf(row), only: tab === "hex" ? "hex" : null, heading: null, wrap: next.settings.wrap, wide: width });
    else if (isStream) stream.render(next);
    else if (tab !== "hex") elements.render(next);
  }

  function sayFailure(error) {
    if (failure.dataset.text === error.message) return;
    failure.dataset.text = error.message;
    if (error.code === "file-changed") {
      fill(failure, el("p", null, "The file on disk has changed since it was opened, so this value cannot be read."), el("button", { class: "button", type: "button", onclick: actions.chooseFile }, "Open it again"));
    } else {
      fill(failure, el("p", null, "This value cannot be shown."), el("p", { class: "second" }, error.message), error.code ? el("span", { class: "code" }, error.code) : null);
    }
  }

  return {
    render,
    focus: () => key.focus(),
    viewer: () => (state.detail.row && wholeOf(state.detail) ? whole : state.detail.field !== null ? field : part),
    focusBody() {
      const { row } = state.detail;
      if (row && wholeOf(state.detail)) whole.node.querySelector(".lines").focus();
      else if (row?.type === "stream") stream.focus();
      else if (row) elements.focus();
    },
    /** What there is to say of a copy or an export stands below the key until another is shown. */
    tell(words) {
      setText(told, words);
      show(told, true);
    },
    /** The word on the copy button, for a moment. */
    flash() {
      show(told, false);
      setText(copyText, "Copied");
      setTimeout(() => setText(copyText, "Copy"), 1200);
    },
  };
}

/** `[name, value, tooltip, class]` of the facts about a key. */
function factsOf({ row, page, about, expiring, wide }, nowMs, report) {
  const when = expiry(row.expiresAtMs, nowMs, 2);
  const list = [
    ["Size", `${bytesText(row.bytes)} in file`, bytesExact(row.bytes)],
    ["Expires", wide && when.state === "left" ? `${when.text}, ${dateTimeUtc(row.expiresAtMs)}` : when.text, when.tip, when.state],
    ["Encoding", row.encoding, row.encoding],
  ];
  if (row.idleSeconds !== null && row.idleSeconds !== undefined) list.push(["Idle", span(Number(row.idleSeconds) * 1000), `${count(row.idleSeconds)} s since it was last used`]);
  if (row.freq !== null && row.freq !== undefined) list.push(["Frequency", String(row.freq), "How often it is used, 0 to 255"]);
  if (row.type === "string") list.push(["Length", page ? bytesExact(page.length) : "…"]);
  else if (row.type === "module") list.push(["Module", row.module ?? page?.module ?? "–"], ["Version", page ? String(page.encver) : "…"]);
  else list.push([capital(TYPES[row.type].many), count(row.elements), `${count(row.elements)} ${elementWord(row.type, row.elements)}`]);
  if (expiring !== null) list.push(["Expiring", plural(expiring, "field")]);
  if (row.type === "stream" && about) list.push(...streamFacts(row, about));
  if (row.type === "array" && page && page.insertIndex !== null && page.insertIndex !== undefined) list.push(["Inserted", `at ${count(page.insertIndex)}`, "Index of the last insertion"]);
  if ((report?.databases.length ?? 1) > 1 || row.db > 0 || wide || list.length % 2 === 1) list.push(["Database", String(row.db)]);
  if (wide && row.memoryBytes !== null) list.push(["Memory", `${bytesText(row.memoryBytes)}, estimated`, `${MEMORY_TIP}: ${bytesExact(row.memoryBytes)}`]);
  if (wide) list.push(["Offset", count(row.offset), `First byte of the key in the file: ${count(row.offset)}`]);
  return list;
}

function streamFacts(row, about) {
  const list = [];
  if (about.entriesAdded !== undefined) {
    const gone = BigInt(about.entriesAdded) - BigInt(row.elements);
    if (gone > 0n) list.push(["Deleted", count(gone), `${count(about.entriesAdded)} entries were added in all`]);
  }
  if (about.firstId) list.push(["First", about.firstId, about.firstId, "mono"]);
  list.push(["Last", about.lastId, about.lastId, "mono"]);
  if (about.idempotency?.added) list.push(["Producers", count(about.idempotency.producers.length), idempotencyTip(about.idempotency)]);
  return list;
}

function idempotencyTip({ durationSeconds, maxIds, added, duplicates }) {
  return `Ids are kept for ${span(durationSeconds * 1000, 2)}, ${count(maxIds)} of each producer. ${count(added)} were added, ${count(duplicates)} refused as duplicates.`;
}

function capital(word) {
  return word[0].toUpperCase() + word.slice(1);
}
