// What loads the file as it is, as chips in the header: a click opens Convert at that target.

import { el, fill, icon, show } from "./dom.js";
import { LINEAGES, numberOf } from "./lineages.js";
import { hasFile } from "./state.js";

const NEWEST = { redis: "redis-8.10", valkey: "valkey-9.1" };

export function mountLoadsIn(root, actions) {
  let shown = "";

  function render(state) {
    const chips = chipsOf(state);
    show(root, chips.length > 0);
    const key = JSON.stringify(chips);
    if (key === shown) return;
    shown = key;
    fill(root, el("span", null, "Loads in"), chips.map(({ kind, text, title, server }) => {
      const run = () => (server ? actions.convertTo(server) : actions.view("findings"));
      return el("button", { class: `load-chip ${kind}`, type: "button", title, "aria-label": `${text}. ${title}`, onclick: run }, icon({ ok: "check", bad: "warn", other: "swap" }[kind]), text);
    }));
  }

  return { render };
}

/** At most two: what loads it, and the nearest family that does not. */
function chipsOf(state) {
  const loads = state.report?.loadsIn;
  // Which server loads a log is not told by the snapshot that is made of it here.
  if (!hasFile(state) || state.phase === "reading" || !loads || state.log) return [];
  const lineages = Object.keys(LINEAGES);
  if (lineages.every((lineage) => !loads[lineage])) return [{ kind: "bad", text: "no server as it is", title: "No server loads this file as it is. See Findings.", server: null }];
  const all = lineages.filter((lineage) => loads[lineage]).map((lineage) => nameOf(loads[lineage])).join(" and ");
  return lineages.map((lineage) => {
    const range = loads[lineage];
    // No server unpacks a file.
    if (range && state.packing) return { kind: "ok", text: `${nameOf(range)}, unpacked`, title: `Once unpacked, it loads as it is in ${all}. Open Convert there.`, server: range[1] };
    if (range) return { kind: "ok", text: nameOf(range), title: `Loads as it is in ${all}. Open Convert there.`, server: range[1] };
    const newest = `${LINEAGES[lineage]} ${parseInt(numberOf(NEWEST[lineage]), 10)}`;
    return { kind: "other", text: `${newest}: convert`, title: `${LINEAGES[lineage]} does not load this file as it is. Open Convert there.`, server: NEWEST[lineage] };
  }).sort((a, b) => Number(b.kind === "ok") - Number(a.kind === "ok"));
}

/** `Redis 7.4 – 8.10`. */
function nameOf([oldest, newest]) {
  const lineage = LINEAGES[oldest.split("-")[0]];
  return oldest === newest ? `${lineage} ${numberOf(oldest)}` : `${lineage} ${numberOf(oldest)} – ${numberOf(newest)}`;
}
