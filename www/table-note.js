// What stands in place of rows: no keys in the file, nothing matches, nothing read yet.

import { el, fill, show } from "./dom.js";
import { plural, sentence } from "./format.js";
import { isFiltered } from "./state.js";

export function mountNote(actions) {
  const node = el("div", { class: "table-note", hidden: true });
  let shown = "";

  function render(state) {
    const kind = kindOf(state);
    show(node, kind !== "");
    if (kind === shown) return;
    shown = kind;
    if (kind === "applying") {
      fill(node, el("h2", null, "The commands of this log are being applied."), el("p", null, "Its keys are here when the last one is. The commands themselves can be looked at now."), el("button", { class: "button", type: "button", onclick: () => actions.view("commands") }, "Commands", el("kbd", null, "g"), el("kbd", null, "l")));
    } else if (kind === "unapplied") {
      fill(node, el("h2", null, "This log's commands cannot be applied."), el("p", null, sentence(state.failure?.message ?? "")), el("button", { class: "button", type: "button", onclick: () => actions.view("commands") }, "Commands", el("kbd", null, "g"), el("kbd", null, "l")));
    } else if (kind === "filtered") {
      fill(node, el("h2", null, "No key matches."), el("button", { class: "button", type: "button", onclick: actions.clearFilter }, "Clear the filter", el("kbd", null, "Esc")));
    } else if (kind === "empty") {
      fill(node, ...emptyFile(state.report, Boolean(state.log)));
    } else {
      node.replaceChildren();
    }
  }

  return { node, render };
}

function kindOf({ phase, selection, report, query, log }) {
  if (log?.keys === "reading") return "applying";
  if (log?.keys === "failed") return "unapplied";
  if (selection.count > 0 || selection.generation === 0 || phase === "reading") return "";
  if (report && report.keys === 0) return "empty";
  return isFiltered(query) ? "filtered" : "";
}

function emptyFile(report, isLog) {
  const holds = [];
  if (report.functions.length) holds.push(plural(report.functions.length, "function library", "function libraries"));
  if (report.aux.length) holds.push(plural(report.aux.length, "aux field"));
  if (report.commands) holds.push(plural(report.commands, "command"));
  const title = el("h2", null, isLog ? "This log makes no keys." : "This snapshot holds no keys.");
  const list = el("dl", { class: "holds" });
  for (const name of report.functions) list.append(el("dt", null, "Function library"), el("dd", { class: "mono" }, name.slice(0, 200)));
  for (const [name, value] of report.aux) list.append(el("dt", null, name), el("dd", { class: "mono" }, value.slice(0, 200)));
  return [title, holds.length ? el("p", null, `It does hold ${holds.join(", ")}.`) : null, list];
}
