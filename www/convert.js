// Convert: left every target with what it would lose, right what that is and the new file.

import { canConvert, isLenient, surveyed } from "./convert-actions.js";
import { el, fill, icon, pick, setAttr, setText, show } from "./dom.js";
import { bytesText, count, plural } from "./format.js";
import { LINEAGES } from "./lineages.js";
import { openMenu } from "./menu.js";
import { toPackage } from "./query.js";
import { isFiltered, isWritable, keysOf } from "./state.js";
import { commandLine, lossWords, needWords, outcomeOf, outputName, TARGETS } from "./targets.js";
import { nodes, runs } from "./text.js";

const ICONS = { loss: "warn", need: "info", none: "check", same: "check" };
const CONTAINERS = [["rdb", "Snapshot .rdb", "the snapshot"], ["aof", "Log .aof", "the log"], ["jsonl", "JSON Lines", "the lines"]];
const MORE_CONTAINERS = [["resp", "Commands for a pipe .resp", "the commands"]];
const POLICIES = [["degrade", "Keep what fits"], ["drop", "Leave it out"]];
const SERVERS_HAVE_DBS = 16;

export function mountConvert(root, actions) {
  const format = el("span", { class: "second" });
  const list = el("div", { role: "radiogroup", "aria-label": "Target", onkeydown: onListKey });
  const rows = new Map();
  for (const [lineage, label] of Object.entries(LINEAGES)) {
    list.append(el("h3", null, label));
    for (const target of TARGETS.filter((one) => one.lineage === lineage)) list.append(rowOf(target));
  }
  const targets = el("section", { class: "targets", "aria-label": "Targets" }, el("div", { class: "targets-head" }, el("h2", null, "Target"), format), list);

  const title = el("h2");
  const sentence = el("p");
  const containers = el("div", { class: "segments", role: "radiogroup", "aria-label": "Written as", onkeydown: onSegmentKey });
  for (const [container, label] of CONTAINERS) containers.append(el("button", { type: "button", role: "radio", "data-value": container, onclick: () => actions.convertChoice({ container }) }, label));
  const more = el("button", { class: "more-containers", type: "button", "aria-label": "Other forms", "aria-haspopup": "menu", onclick: moreContainers }, icon("down", "small"));
  const head = el("div", { class: "convert-head" }, el("div", null, title, sentence), el("div", { class: "containers" }, containers, more));
  const policies = el("div", { class: "segments", role: "radiogroup", "aria-labelledby": "convert-policy", onkeydown: onSegmentKey });
  for (const [policy, label] of POLICIES) policies.append(el("button", { type: "button", role: "radio", "data-value": policy, onclick: () => actions.convertChoice({ onLoss: policy }) }, label));
  const policy = el("div", { class: "convert-policy" }, el("span", { id: "convert-policy" }, "What cannot be carried over:"), policies);
  const items = el("ul");
  const panel = el("div", { class: "convert-panel" }, policy, items);
  const code = el("code", { class: "mono" });
  const copy = el("button", { class: "button bare", type: "button", onclick: () => actions.copy(code.textContent, "command") }, icon("copy"), "Copy");
  const line = el("div", { class: "convert-line" }, el("h3", null, "The same on the command line"), el("div", { class: "code-line" }, el("span", { class: "quiet mono", "aria-hidden": "true" }, "$"), code, copy));
  const note = el("p", { class: "convert-note", role: "status" });
  const body = el("div", { class: "convert-body", tabIndex: 0, role: "region", "aria-label": "What becomes of the file" }, head, panel, line, note);
  const outName = el("div", { class: "mono out-name" });
  const outFacts = el("div", { class: "second" });
  const only = el("input", { type: "checkbox", onchange: () => actions.convertChoice({ onlyShown: only.checked }) });
  const onlyLabel = el("label", { class: "only-shown" }, only, el("span", null, "Only the keys shown in Keys"));
  const save = el("button", { class: "button primary save-button", type: "button", onclick: () => (isSaving() ? actions.stopConverting() : actions.saveConverted()) }, icon("save"), el("span"));
  const foot = el("div", { class: "convert-foot" }, el("div", null, outName, outFacts), onlyLabel, save);
  const result = el("section", { class: "convert-result", "aria-label": "New file" }, body, foot);
  const nothing = el("div", { class: "nothing" });
  root.append(targets, result, nothing);

  const phone = matchMedia("(max-width: 39.99em)");
  let state = null;
  let shown = "";

  function rowOf(target) {
    const outcome = el("span", { class: "outcome" });
    const node = el("button", { class: "target", type: "button", role: "radio", onclick: () => choose(target) },
      el("i", { class: "dot", "aria-hidden": "true" }), el("span", { class: "num" }, target.range), el("span", { class: "quiet num" }, target.format), outcome);
    rows.set(target.name, { node, outcome });
    return node;
  }

  function isSaving() {
    return state.convert.busy?.kind === "save";
  }

  function choose(target) {
    actions.convertTo(target.servers.at(-1));
    // On a phone what becomes of the file stands below the list.
    if (phone.matches) result.scrollIntoView({ behavior: "instant" });
  }

  function onListKey(event) {
    const way = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const at = TARGETS.findIndex(({ name }) => name === state.convert.target);
    const next = TARGETS[(at + way + TARGETS.length) % TARGETS.length];
    actions.convertTo(next.servers.at(-1));
    rows.get(next.name).node.focus();
  }

  function onSegmentKey(event) {
    const way = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const all = [...event.currentTarget.children];
    const at = all.indexOf(document.activeElement);
    const next = all[(at + way + all.length) % all.length];
    next.focus();
    next.click();
  }

  function moreContainers() {
    openMenu(more, [...CONTAINERS, ...MORE_CONTAINERS].map(([container, label]) => ({
      label, kind: "radio", checked: state.convert.container === container, run: () => actions.convertChoice({ container }),
    })), { label: "Written as", align: "right" });
  }

  function render(next) {
    state = next;
    if (root.hidden) return;
    actions.surveyNeeded();
    const { convert, source, report, phase, query, selection } = next;
    const survey = convert.surveys[surveyed(convert.container)] ?? null;
    const key = JSON.stringify([convert.target, convert.container, convert.onLoss, convert.onlyShown, convert.busy?.kind, convert.saved, convert.failure, source?.name, phase, query, selection.count, Boolean(report), next.settings.separators, Boolean(next.repair?.busy)]);
    if (key === shown && survey === render.survey) return;
    shown = key;
    render.survey = survey;
    const words = unready(next, survey);
    show(targets, !words);
    show(result, !words);
    show(nothing, Boolean(words));
    if (words) {
      fill(nothing, words);
      return;
    }
    setText(format, next.log || report?.format === "aof" ? "this file is a log" : report?.version ? `this file is ${report.dialect === "valkey" && report.version >= 80 ? "VALKEY" : "RDB"} ${report.version}` : "");
    renderTargets(convert, survey);
    renderResult(next, survey);
  }

  function renderTargets({ target: chosen, container }, survey) {
    for (const target of TARGETS) {
      const { node, outcome } = rows.get(target.name);
      pick(node, target.name === chosen);
      if (!chosen && target === TARGETS[0]) node.tabIndex = 0;
      const found = survey ? outcomeOf(target, survey, container === "jsonl" ? "rdb" : container) : null;
      outcome.className = `outcome ${found?.kind ?? ""}`;
      fill(outcome, found ? [icon(ICONS[found.kind]), found.text] : "");
    }
  }

  function renderResult(next, survey) {
    const { convert, source, query, selection, packing } = next;
    const { container, onLoss, busy, saved, failure } = convert;
    const target = TARGETS.find(({ name }) => name === convert.target) ?? TARGETS[0];
    const asLines = container === "jsonl";
    const outcome = survey ? outcomeOf(target, survey, container) : null;
    const losses = outcome && !asLines ? outcome.losses : [];
    setText(title, asLines ? "As JSON Lines" : `For ${LINEAGES[target.lineage]} ${target.range}`);
    setText(sentence, outcome ? sentenceOf(outcome, survey, asLines, packing) : "Looking at every key, for all targets at once.");
    for (const one of containers.children) pick(one, one.dataset.value === container);
    const isMore = MORE_CONTAINERS.some(([name]) => name === container);
    setAttr(more, "aria-pressed", String(isMore));
    if (isMore) containers.firstChild.tabIndex = 0;
    for (const one of policies.children) pick(one, one.dataset.value === onLoss);
    show(policy, losses.length > 0);
    fill(items, outcome ? itemsOf(next, outcome, survey, losses, asLines, target) : null);
    show(panel, Boolean(outcome));
    const name = outputName(source.name, target, container);
    const isFilteredNow = isFiltered(query) && isWritable(query);
    only.checked = convert.onlyShown && isFilteredNow;
    only.disabled = !isFilteredNow;
    const filter = only.checked ? toPackage(next) : null;
    setText(code, commandLine({ source: (packing?.source ?? source).name, output: name, target, container, onLoss, hasLosses: losses.length > 0, lenient: isLenient(next), filter }));
    renderNote(busy, saved, failure);
    setText(outName, name);
    outName.title = name;
    const keys = only.checked ? selection.count : survey?.keys;
    const bytes = only.checked ? selection.bytes : keysOf(next).size;
    setText(outFacts, [container === "rdb" && next.report?.format === "rdb" ? `about ${bytesText(bytes)}` : "", keys === undefined ? "" : plural(keys, "key"), "written on this computer"].filter(Boolean).join(", "));
    const what = [...CONTAINERS, ...MORE_CONTAINERS].find(([one]) => one === container)[2];
    const price = losses.length ? `Save, with ${plural(losses.length, "loss", "losses")}` : `Save ${what}`;
    setText(save.lastChild, isSaving() ? "Stop" : price);
    save.firstChild.toggleAttribute("hidden", isSaving());
    save.disabled = !survey || busy?.kind === "survey" || Boolean(next.repair?.busy);
  }

  function renderNote(busy, saved, failure) {
    note.className = `convert-note${failure ? " danger" : ""}`;
    if (failure) fill(note, icon("error", "danger"), failure.code === "too-large" ? "The new file is larger than 1 GiB, which this browser cannot save from a page. The command above writes it." : failure.message);
    else if (saved) fill(note, icon("check", "ok"), `Saved ${saved.name}, ${bytesText(saved.bytes)}${saved.losses ? `, with ${plural(saved.losses, "lost part")}` : ""}.`);
    else fill(note, busy?.kind === "save" ? "Writing the new file. Nothing of it appears before it is whole." : "");
    show(note, note.firstChild !== null);
  }

  function sentenceOf({ kind, losses, prospect, needs }, survey, asLines, packing) {
    if (asLines) return `JSON Lines hold every key, value and expiry of this file, whoever loads them later.`;
    if (kind === "same" || (kind === "need" && losses.length === 0 && survey.loadsIn.length)) return needs.length ? "Every key, value and expiry carries over, to a server with the module." : `These servers load this file ${packing ? "once it is unpacked" : "as it is"}.`;
    if (!losses.length) return "Every key, value and expiry carries over.";
    const whole = survey.keys - prospect.lossyKeys;
    const things = losses.length === 1 ? "One thing cannot." : `${losses.length} things cannot.`;
    return prospect.lossyKeys ? `${count(whole)} of ${plural(survey.keys, "key")} ${whole === 1 ? "carries" : "carry"} over exactly. ${things}` : `Every key carries over exactly. ${things}`;
  }

  function itemsOf(next, outcome, survey, losses, asLines, target) {
    const { onLoss } = next.convert;
    // No server runs the scripts of a log for lines either.
    const told = asLines ? outcome.losses.filter(({ code }) => code === "commands") : losses;
    const out = told.map((loss) => {
      const { short, title: name, why, result: becomes } = lossWords(loss, onLoss);
      const link = loss.most && el("button", { class: "button link mono", type: "button", title: "Show this key in Keys", onclick: () => actions.showKeyAt(loss.most.row) }, nodes(runs(loss.most.key, 40)));
      const most = loss.most && el("p", null, link, loss.keys > 1 && loss.most.count > 1 ? ` has the most, ${count(loss.most.count)}.` : loss.keys > 1 ? " is the first." : "");
      const all = loss.keys > 1 && el("button", { class: "button link", type: "button", disabled: Boolean(next.convert.busy), onclick: () => actions.showLoss(loss, short) }, `Show the ${plural(loss.keys, "key")}`);
      return item("warn", name, [el("p", null, why), next.report?.format === "aof" ? null : [most, all]], becomes);
    });
    if (!asLines) {
      for (const need of outcome.needs) {
        const { title: name, why, result: becomes } = needWords(need, bytesText);
        out.push(item("info", name, [el("p", null, why), el("button", { class: "button link", type: "button", onclick: () => actions.showTypes(["module"]) }, outcome.needs.length === 1 ? `Show the ${plural(need.keys, "key")}` : "Show all module values")], becomes));
      }
    }
    const { rewrittenKeys, leftOutKeys } = outcome.prospect;
    const rewritten = asLines || outcome.kind === "same" || next.convert.container !== "rdb" ? 0 : rewrittenKeys - leftOutKeys;
    const lines = [asLines ? "Every key with its type, value and expiry, one line each." : out.length ? "Values, expiries, databases and all that is not named above." : "Values, expiries and databases."];
    if (rewritten > 0) lines.push(`${plural(rewritten, "value")} ${rewritten === 1 ? "takes" : "take"} the form that this version has.`);
    const last = (next.report?.databases ?? []).reduce((most, { db }) => Math.max(most, db), 0);
    if (last >= SERVERS_HAVE_DBS && !asLines) lines.push(`Keys are in database ${last}: the server needs databases ${last + 1} or more to start on them.`);
    out.push(item("check", out.length ? "Everything else" : "Everything", lines.map((text) => el("p", null, text)), asLines ? "The same, as text" : outcome.kind === "same" ? `The same; ${LINEAGES[target.lineage]} ${target.range} need ${next.packing ? "it unpacked" : "no new file"}` : "The same"));
    return out;
  }

  function item(kind, name, paragraphs, becomes) {
    return el("li", null, icon(kind, { warn: "warn", info: "second", check: "ok" }[kind]), el("div", { class: "item-text" }, el("h3", null, name), paragraphs), el("dl", null, el("dt", null, "In the new file"), el("dd", null, becomes)));
  }

  function unready(next, survey) {
    if (next.phase === "reading") return "The file is still being read. What each server would lose is looked at when that is done.";
    if (!canConvert(next)) return "The file was not read to its end, so it cannot be converted.";
    if (survey?.error) return `This file cannot be converted as it is. ${survey.error.message}`;
    return null;
  }

  return { render };
}
