// Says what a repaired copy keeps and drops, before it is saved.

import { el, fill, icon, show } from "./dom.js";
import { bytesText, count, percent, plural } from "./format.js";

/** Ranges that are dropped and listed one by one. */
const LISTED = 50;

export function mountRepair(actions) {
  const node = el("section", { class: "repair", "aria-label": "A repaired copy", hidden: true });
  let shown = "";

  function render(state) {
    const { repair, progress } = state;
    show(node, Boolean(repair));
    const key = JSON.stringify([repair, progress?.keys]);
    if (!repair || key === shown) return;
    shown = key;
    const held = node.contains(document.activeElement);
    fill(node, ...contents(state));
    // What was pressed is gone: its place is taken by what came of it.
    if (held || repair.busy?.bytes === 0) node.querySelector("button")?.focus();
  }

  function contents({ repair, source, progress, log, report }) {
    const { busy, plan, saved, failure } = repair;
    const button = (label, run, extra = "") => el("button", { class: `button ${extra}`, type: "button", onclick: run }, label);
    if (busy) {
      const words = `${busy.kind === "plan" ? "Reading the file again" : "Writing the copy"} ${percent(busy.bytes, busy.total)}`;
      return [el("p", { class: "num" }, words), el("div", { class: "repair-buttons" }, button("Stop", actions.stopRepair))];
    }
    if (saved) return [el("p", null, icon("check", "ok"), ` Saved ${saved.name}, ${bytesText(saved.bytes)}. ${source.name} is as it was.`), el("div", { class: "repair-buttons" }, button("Close", actions.leaveRepair))];
    if (!plan) return [el("p", null, failure ?? ""), el("div", { class: "repair-buttons" }, button("Close", actions.leaveRepair))];
    const canSave = plan.kept_bytes > 0 && (plan.dropped_bytes > 0 || plan.adds_end);
    const dropped = plan.ranges.filter((range) => !range.kept);
    // The keys that were read of a log are those that its commands make.
    const keys = log || report?.format === "aof" ? plan.keys + plan.dropped_records : progress?.keys ?? 0;
    return [
      el("div", null,
        el("h2", null, canSave ? `A repaired copy of ${source.name}` : "There is nothing to repair"),
        el("dl", { class: "repair-facts" }, factsOf(plan, keys).map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, value)))),
        plan.adds_end ? el("p", null, "An end with its checksum is put behind the last whole record.") : null,
        dropped.length ? el("ul", { class: "repair-ranges", tabIndex: 0, "aria-label": "What is dropped" }, dropped.slice(0, LISTED).map((range) => el("li", null, el("span", { class: "num" }, `Bytes ${count(range.start)} – ${count(range.end)}`), `${keptOf(range)}: ${range.reason}`)), dropped.length > LISTED ? el("li", null, `and ${plural(dropped.length - LISTED, "more range")}`) : null) : null,
        failure ? el("p", { class: "danger" }, failure) : null),
      el("div", { class: "repair-buttons" }, canSave ? button("Save the copy", actions.saveRepaired, "primary") : null, button(canSave ? "Cancel" : "Close", actions.leaveRepair)),
    ];
  }

  return { node, render };
}

/** What of a range that is dropped the copy has all the same. */
function keptOf({ rewritten, readable }) {
  return rewritten ? `, whose key is kept with ${plural(readable.elements, "element")}` : "";
}

function factsOf(plan, keys) {
  const facts = [["Bytes kept", `${bytesText(plan.kept_bytes)} (${count(plan.kept_bytes)})`], ["Bytes dropped", `${bytesText(plan.dropped_bytes)} (${count(plan.dropped_bytes)})`]];
  if (plan.commands) facts.push(["Commands kept", count(plan.commands)]);
  if (keys || plan.keys) {
    facts.push(["Keys kept", count(plan.keys)]);
    if (plan.partial_keys) facts.push(["Keys kept in part", count(plan.partial_keys)]);
    facts.push(["Keys dropped", count(Math.max(plan.dropped_records, keys - plan.keys))]);
  }
  return facts;
}
