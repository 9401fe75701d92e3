// The status bar: counts, how the reading went, that the file stays here, and the clock for expiry.

import { el, fill, icon } from "./dom.js";
import { bothTimes, bytesText, count, dateTime, dateTimeUtc, percent, plural, took } from "./format.js";
import { fromValue, localValue } from "./filter.js";
import { openForm, openMenu } from "./menu.js";
import { commandsOf, emptyQueryOf, findings, isFiltered } from "./state.js";

export function mountStatus(root, actions) {
  const counts = el("span");
  const details = el("span", { class: "rest" });
  const clockText = el("span", { class: "num" });
  const clock = el("button", { type: "button", "aria-haspopup": "menu", onclick: clockMenu }, icon("clock"), clockText, icon("down", "small"));
  const privacy = el("span", { class: "privacy-note", title: "The file is read in this tab and never uploaded." }, icon("lock"), "Stays in this tab");
  root.append(counts, details, el("span", { class: "push" }), privacy, clock);

  let state = null;
  let shown = "";

  function render(next) {
    state = next;
    if (root.hidden) return;
    const parts = partsOf(next);
    const key = JSON.stringify(parts);
    if (key !== shown) {
      shown = key;
      fill(counts, el("span", { class: "strong num" }, parts.keys));
      fill(details, parts.rest.map(partNode));
    }
    const words = clockWords(next.clock);
    if (clockText.textContent !== words) {
      clockText.textContent = words;
      clock.title = bothTimes(next.clock.ms);
    }
  }

  function partNode({ icon: name, kind = "", text, run }) {
    if (run) return el("button", { class: "link", type: "button", onclick: actions[run] }, text);
    return el("span", { class: `part ${kind}` }, name ? icon(name) : null, text);
  }

  function clockMenu() {
    const { kind } = state.clock;
    const saved = state.report?.savedAtMs ?? null;
    openMenu(clock, [
      { title: "Expiry is shown as of" },
      { label: "now", hint: "refreshed every minute", kind: "radio", checked: kind === "now", run: () => actions.setClock({ kind: "now", ms: Date.now() }) },
      { label: "when the snapshot was written", hint: saved === null ? "not in this file" : dateTimeUtc(saved), kind: "radio", checked: kind === "saved", disabled: saved === null, run: () => actions.setClock({ kind: "saved", ms: Number(saved) }) },
      { label: "a given time…", kind: "radio", checked: kind === "given", run: () => queueMicrotask(clockForm) },
    ], { label: "Clock", align: "right" });
  }

  function clockForm() {
    openForm(clock, (close) => {
      const field = el("input", { class: "field", type: "datetime-local", value: localValue(state.clock.ms) });
      const apply = (event) => {
        event.preventDefault();
        const ms = fromValue(field.value);
        if (ms !== undefined) actions.setClock({ kind: "given", ms });
        close();
      };
      return [el("form", { class: "menu-form", onsubmit: apply }, el("label", null, "Time, UTC", field), el("button", { class: "button primary", type: "submit" }, "Use this time"))];
    }, { label: "Time for expiry", align: "right" });
  }

  return { render };
}

function clockWords({ kind, ms }) {
  if (kind === "now") return `Expiry as of now, ${dateTime(ms)} UTC`;
  return kind === "saved" ? `Expiry as of the snapshot, ${dateTime(ms)} UTC` : `Expiry as of ${dateTime(ms)} UTC`;
}

function commandWords({ log }) {
  const { selection, report, part } = log;
  const all = plural(commandsOf(report), "command");
  const words = emptyQueryOf(log) ? all : `${count(selection.count)} of ${all}`;
  return part !== null ? `${words}, ${percent(part, 1)} searched` : words;
}

function partsOf(state) {
  const { phase, progress, report, selection, query } = state;
  const reading = phase === "reading";
  const keys = progress?.keys ?? 0;
  const filtered = isFiltered(query) && selection.generation > 0;
  const out = {
    keys: filtered ? `${count(selection.count)} of ${plural(selection.total, "key")}, ${bytesText(selection.bytes)}` : `${plural(keys, "key")}${reading ? " so far" : ""}`,
    rest: [],
  };
  if (state.log && (state.view === "commands" || state.log.keys !== "ready")) out.keys = `${commandWords(state)}${reading ? " so far" : ""}`;
  if (state.dropped > 1) out.rest.push({ text: `the first of ${count(state.dropped)} files` });
  if (reading && !state.log && query.sort === "file") out.rest.push({ text: "in file order" });
  const waiting = keys - selection.total;
  if (selection.generation > 0 && waiting > 0 && query.sort !== "file") {
    out.rest.push({ text: `${plural(waiting, "more key")} read` }, { text: "Sort again", run: "refresh" });
  }
  if (reading) return out;
  const found = findings(state);
  const errors = found.filter((one) => one.severity === "error").length;
  const warnings = found.length - errors;
  if (errors) out.rest.push({ icon: "error", kind: "danger", text: plural(errors, "error") });
  if (warnings) out.rest.push({ icon: "warn", kind: "warn", text: plural(warnings, "warning") });
  if (progress && ["read", "damaged", "stopped"].includes(phase)) {
    const rate = progress.spent > 0 ? (progress.offset / progress.spent) * 1000 : 0;
    out.rest.push({ icon: errors || phase !== "read" ? null : "check", text: `${phase === "stopped" ? "Stopped after" : "Read in"} ${took(progress.spent)}` });
    if (progress.spent >= 100 && progress.offset > 0) out.rest.push({ text: `${bytesText(rate)}/s` });
  }
  if (state.log) {
    if (state.log.made) out.rest.push({ text: "commands applied" });
    return out;
  }
  const sum = report?.version ? CHECKSUM[report.checksum] : null;
  if (sum && phase === "read" && !errors) out.rest.push({ text: sum });
  if (report?.commands) out.rest.push({ icon: "info", text: `${plural(report.commands, "command")} ${report.version ? "behind the snapshot" : "of this log"} ${report.commands === 1 ? "is" : "are"} not applied` });
  return out;
}

/** What became of the checksum, said of the file. */
export const CHECKSUM = { matches: "checksum matches", none: "no checksum in this version", off: "checksum switched off", mismatch: "checksum does not match" };
