// What stands in place of rows: no keys in the file, nothing matches, nothing read yet.

import { el, fill, show } from "./dom.js";
import { plural } from "./format.js";
import { isFiltered } from "./state.js";

export function mountNote(actions) {
  const node = el("div", { class: "table-note", hidden: true });
  let shown = "";

  function render(state) {
    const kind = kindOf(state);
    show(node, kind !== "");
    if (kind === shown) return;
    shown = kind;
    if (kind === "filtered") {
      fill(node, el("h2", null, "No key matches."), el("button", { class: "button", type: "button", onclick: actions.clearFilter }, "Clear the filter", el("kbd", null, "Esc")));
    } else if (kind === "empty") {
      fill(node, ...emptyFile(state.report));
    } else {
      node.replaceChildren();
    }
  }

  return { node, render };
}

function kindOf({ phase, selection, report, query }) {
  if (selection.count > 0 || selection.generation === 0 || phase === "reading") return "";
  if (report && report.keys === 0) return "empty";
  return isFiltered(query) ? "filtered" : "";
}

function emptyFile(report) {
  const holds = [];
  if (report.functions.length) holds.push(plural(report.functions.length, "function library", "function libraries"));
  if (report.aux.length) holds.push(plural(report.aux.length, "aux field"));
  if (report.commands) holds.push(plural(report.commands, "command"));
  const title = el("h2", null, report.format === "aof" ? "This log has no snapshot in front, so there are no keys to show." : "This snapshot holds no keys.");
  const list = el("dl", { class: "holds" });
  for (const name of report.functions) list.append(el("dt", null, "Function library"), el("dd", { class: "mono" }, name.slice(0, 200)));
  for (const [name, value] of report.aux) list.append(el("dt", null, name), el("dd", { class: "mono" }, value.slice(0, 200)));
  return [title, holds.length ? el("p", null, `It does hold ${holds.join(", ")}.`) : null, list];
}
