// The header: which file, its facts, the tabs, what is going on, and the tools on the right.

import { el, fill, icon, marked, setAttr, setIcon, setText, show } from "./dom.js";
import { bytesText, count, dateTimeUtc, partOf, percent, span, took } from "./format.js";
import { endWords } from "./lifecycle.js";
import { mountLoadsIn } from "./loads-in.js";
import { openMenu } from "./menu.js";
import { findings, hasFile } from "./state.js";

const SVG = "http://www.w3.org/2000/svg";

function mark() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "mark");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const [d, opacity] of [["M6.5 7.5h11", 1], ["M6.5 12.3h7", 0.85], ["M6.5 17h3.5", 0.6]]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("stroke-opacity", String(opacity));
    svg.append(path);
  }
  return svg;
}

export function mountHeader(root, actions) {
  const brand = el("div", { class: "brand-line" }, el("span", { class: "brand" }, "aikv"), el("span", { class: "quiet" }, "viewer"));
  const name = el("h1", { class: "file-name" });
  const facts = el("div", { class: "file-facts" });
  const file = el("div", { class: "file" }, name, facts);
  const keysTab = tab("keys", "Keys");
  const bad = el("span", { class: "count" });
  const findingsTab = tab("findings", "Findings", bad);
  const commandsTab = tab("commands", "Commands");
  const convertTab = tab("convert", "Convert");
  const tabs = el("nav", { class: "tabs", "aria-label": "Views" }, keysTab, commandsTab, findingsTab, convertTab);
  const news = el("div", { class: "news" });
  const openButton = el("button", { class: "button", type: "button", title: "Open another file (o)", onclick: actions.chooseFile }, icon("folder"), "Open");
  const exportButton = el("button", { class: "button", type: "button", title: "Export (e)", "aria-haspopup": "menu", onclick: () => actions.exportMenu() }, icon("save"), "Export");
  const themeIcon = icon("moon");
  const themeButton = el("button", { class: "icon-button", type: "button", "aria-label": "Theme", title: "Theme", "aria-haspopup": "menu", onclick: themeMenu }, themeIcon);
  const helpButton = el("button", { class: "icon-button", type: "button", "aria-label": "Keyboard and help", title: "Keyboard (?)", onclick: actions.help }, "?");
  const moreButton = el("button", { class: "icon-button only-narrow more", type: "button", "aria-label": "Menu", "aria-haspopup": "menu", onclick: moreMenu }, icon("more"));
  const loads = el("div", { class: "loads-in", hidden: true });
  const loadsIn = mountLoadsIn(loads, actions);
  const docsButton = el("button", { class: "button bare docs-button", type: "button", "aria-haspopup": "dialog", onclick: actions.docs }, "Docs");
  // What comes and goes has a place of its own: what stays does not move.
  const fileTools = el("div", { class: "tools file-tools" }, docsButton, exportButton, openButton);
  const tools = el("div", { class: "tools" }, themeButton, helpButton, moreButton);
  const bar = el("i");
  const progress = el("div", { class: "progress", role: "progressbar", "aria-label": "Reading", "aria-valuemin": 0, "aria-valuemax": 100, hidden: true }, bar);
  root.append(mark(), brand, file, tabs, el("span", { class: "push" }), news, loads, fileTools, tools, progress);

  let state = null;
  let shownNews = "";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => state && render(state));

  function tab(view, label, extra) {
    return el("button", { class: "tab", type: "button", onclick: () => actions.view(view) }, label, extra);
  }

  /** From the keyboard too, where the button may be out of sight. */
  function exportMenu() {
    const items = state && canExport(state) && state.saving?.phase !== "writing" ? actions.exportItems() : [];
    const anchor = exportButton.offsetParent ? exportButton : moreButton;
    if (items.length) openMenu(anchor, items, { label: "Export", align: "right" });
  }

  function themeMenu() {
    const items = [["auto", "As the system"], ["light", "Light"], ["dark", "Dark"]].map(([theme, label]) => ({
      label, kind: "radio", checked: state.settings.theme === theme, run: () => actions.setting({ theme }),
    }));
    openMenu(document.activeElement === moreButton ? moreButton : themeButton, items, { label: "Theme", align: "right" });
  }

  function moreMenu() {
    const themes = [["auto", "Theme as the system"], ["light", "Light theme"], ["dark", "Dark theme"]].map(([theme, label]) => ({
      label, kind: "radio", checked: state.settings.theme === theme, run: () => actions.setting({ theme }),
    }));
    openMenu(moreButton, [{ label: "Open a file", run: actions.chooseFile }, { label: "Open a sample", run: actions.openSample }, { label: "Export…", disabled: !canExport(state), run: () => queueMicrotask(actions.exportMenu) }, { line: true }, ...themes, { line: true }, { label: "Keyboard", run: actions.help }, { label: "Docs", run: actions.docs }], { label: "Menu", align: "right" });
  }

  function render(next) {
    state = next;
    const open = hasFile(next);
    show(brand, !open);
    show(docsButton, !open);
    show(file, open);
    show(tabs, open);
    show(exportButton, canExport(next) && !next.offered && next.saving?.phase !== "writing");
    show(openButton, open && next.phase !== "reading" && !next.offered);
    const isDark = next.settings.theme === "dark" || (next.settings.theme === "auto" && dark.matches);
    setIcon(themeIcon, isDark ? "sun" : "moon");
    show(progress, open && (next.phase === "reading" || next.convert.busy !== null || next.saving?.phase === "writing"));
    loadsIn.render(next);
    if (open) {
      setText(name, next.source.name);
      name.title = next.source.name;
      renderFacts(next);
      renderTabs(next);
      renderProgress(next);
    }
    renderNews(next);
  }

  function renderFacts({ source, packing, report, log }) {
    const size = bytesText(source.size);
    const sizes = packing ? `${packing.compression}, ${bytesText(packing.source.size)} unpacked to ${size}` : size;
    const parts = [sizes, ...(log ? logFacts(log, report) : formatFacts(report))];
    if (facts.dataset.text === parts.join("|")) return;
    facts.dataset.text = parts.join("|");
    fill(facts, parts.map((text) => el("span", null, text)));
    facts.title = parts.join(" · ");
  }

  function renderTabs(next) {
    const current = { findings: findingsTab, convert: convertTab, commands: next.log ? commandsTab : keysTab }[next.view] ?? keysTab;
    show(commandsTab, Boolean(next.log));
    for (const one of [keysTab, commandsTab, findingsTab, convertTab]) setAttr(one, "aria-current", one === current ? "page" : null);
    const found = findings(next);
    const errors = found.filter((one) => one.severity === "error").length;
    show(bad, next.phase !== "reading" || found.length > 0);
    setText(bad, count(found.length));
    bad.className = `count${errors ? " bad" : found.length ? " odd" : ""}`;
  }

  function renderWriting(done, total, label) {
    const part = Math.min(100, (done / Math.max(1, total)) * 100);
    bar.style.width = `${part}%`;
    setAttr(progress, "aria-valuenow", Math.floor(part));
    setAttr(progress, "aria-label", label);
    setAttr(progress, "aria-valuetext", `${Math.floor(part)} percent`);
  }

  function renderProgress({ progress: now, phase, convert: { busy }, saving }) {
    if (phase !== "reading" && saving?.phase === "writing") renderWriting(saving.offset, saving.total, "Writing");
    else if (phase !== "reading" && busy) renderWriting(busy.bytes, busy.total, busy.kind === "save" ? "Writing" : "Looking for losses");
    if (phase !== "reading") return;
    const done = Math.min(100, (now.offset / Math.max(1, now.total)) * 100);
    bar.style.width = `${done}%`;
    setAttr(progress, "aria-valuenow", Math.floor(done));
    setAttr(progress, "aria-label", now.unpacking ? "Unpacking" : "Reading");
    setAttr(progress, "aria-valuetext", `${Math.floor(done)} percent${now.unpacking ? "" : `, ${count(now.keys)} keys`}`);
  }

  function renderNews(next) {
    const kind = newsKind(next);
    if (kind !== shownNews) {
      shownNews = kind;
      fill(news, ...newsNodes(kind, next));
    }
    show(news, kind !== "");
    if (kind === "reading") readingNumbers(news, next.progress);
    else if (kind.startsWith("writing")) setText(news.firstChild, `Writing ${next.saving.name} ${percent(next.saving.offset, next.saving.total)}`);
    else if (news.firstChild?.classList?.contains("text")) {
      const words = next.offered ? `Open ${next.offered.source.name} instead of ${next.source.name}?` : next.saving ? next.saving.text : endWords(next);
      if (news.firstChild.title === words) return;
      news.firstChild.title = words;
      fill(news.firstChild, next.offered ? words : marked(words));
    }
  }

  function newsNodes(kind, next) {
    const button = (label, run, extra = "") => el("button", { class: `button ${extra}`, type: "button", onclick: run }, label);
    const text = el("span", { class: "text" });
    switch (kind.split(" ")[0]) {
      case "reading": return [el("span", { class: "strong num" }), el("span", { class: "num part" }), el("span", { class: "num part" }), el("span", { class: "num left" }), button("Stop", actions.stop)];
      case "writing": return [text, button("Stop", actions.stopExport)];
      case "saved": return [text, button("Close", actions.closeExport)];
      case "failed": return [text, next.saving.command ? button("Copy the command", () => actions.copy(next.saving.command, "command")) : null, button("Close", actions.closeExport)];
      case "stopped": return [text, button("Read on", actions.readOn, "primary")];
      case "broken": return [text, button("Open it again", actions.chooseFile)];
      case "crashed": return [text, button("Read again", actions.readAgain, "primary"), button("Copy report", () => actions.copy(crashReport(next), "report"))];
      case "memory": return [text];
      case "offer": return [text, button("Open it", actions.accept, "primary"), button("Keep this file", actions.decline)];
      default: return [];
    }
  }

  return { render, openButton, exportMenu };
}

/** Whether there is something whole to be exported. */
function canExport({ phase, log }) {
  return ["read", "stopped", "damaged"].includes(phase) && !(log && log.keys === "reading");
}

function newsKind({ phase, offered, saving }) {
  if (offered) return `offer ${offered.source.name}`;
  // A file that is read meanwhile has its progress there, and what was written its word behind it.
  if (saving && phase !== "reading") return `${saving.phase} ${saving.name}`;
  return ["reading", "stopped", "broken", "crashed", "memory"].includes(phase) ? phase : "";
}

function readingNumbers(news, { offset, total, started, unpacking }) {
  const spent = performance.now() - started;
  const rate = spent > 0 ? (offset / spent) * 1000 : 0;
  const [done, amount, speed, left] = news.children;
  setText(done, `${unpacking ? "Unpacking" : "Reading"} ${percent(offset, total)}`);
  setText(amount, partOf(offset, total));
  setText(speed, rate > 0 ? `${bytesText(rate)}/s` : "");
  setText(left, rate > 0 && spent > 500 ? `about ${span(Math.max(1000, ((total - offset) / rate) * 1000))} left` : "");
}

/** Producer, version and time of the snapshot, as far as they are known. */
function formatFacts(report) {
  if (!report) return [];
  const facts = [];
  if (report.producer) facts.push(report.producer);
  const snapshot = report.version ? `${report.dialect === "valkey" && report.version >= 80 ? "VALKEY" : "RDB"} ${report.version}` : "";
  if (report.format === "aof") facts.push(snapshot ? `AOF with ${snapshot} in front` : "AOF");
  else facts.push(snapshot);
  if (report.savedAtMs !== null && report.savedAtMs !== undefined) facts.push(`saved ${dateTimeUtc(report.savedAtMs)}`);
  return facts;
}

/** Likewise of a log: what it begins with, and in how many files it is. */
function logFacts({ files, report }, made) {
  const snapshot = report?.files.find((file) => file.snapshot)?.snapshot;
  const version = snapshot && `${snapshot.dialect === "valkey" && snapshot.version >= 80 ? "VALKEY" : "RDB"} ${snapshot.version}`;
  const kind = snapshot ? `AOF with ${version} in front` : "AOF";
  return [...(made?.producer ? [made.producer] : []), kind, ...(files.length > 1 ? [`${files.length} files`] : [])];
}

function crashReport({ version, failure, progress, report }) {
  return [
    `aikv viewer ${version}`, `stopped at byte ${failure.offset} of ${progress?.total ?? 0} after ${took(progress?.spent ?? 0)}`,
    `format ${report?.format ?? "unknown"} ${report?.dialect ?? ""} ${report?.version ?? ""}`, failure.message, navigator.userAgent,
  ].join("\n");
}
