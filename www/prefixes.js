// The prefixes pane: a treemap over a tree of what the names of the keys begin with. A press filters.
// The tree is one tab stop and draws the lines in sight only.

import { el, fill, icon, rem, setAttr, setIcon, setText, show, sizeOf } from "./dom.js";
import { bytes as sized, bytesExact, bytesText, count, plural, short } from "./format.js";
import { openForm, openMenu } from "./menu.js";
import { idOf, PrefixTree } from "./prefix-tree.js";
import { splitter } from "./splitter.js";
import { paintOneLine, plain } from "./text.js";
import { treemap } from "./treemap.js";

const USUAL = 24.8;
const LEAST = 20;
const MOST = 40;
/** What the table keeps beside prefixes and detail. */
const TABLE = 42;
const DETAIL = 39.2;
const SPARE = 8;
const COMMON = [":", ".", "/", "|", "-"];
const LONGEST_SEPARATOR = 8;
const COLUMNS = [["name", "Prefix"], ["keys", "Keys"], ["bytes", "Bytes"]];

export function mountPrefixes(root, place, actions) {
  const tree = new PrefixTree((prefix, most) => actions.countPrefixes(prefix, most), () => state && render(state));
  const small = treemap(press);
  const large = treemap(press);
  const phone = matchMedia("(max-width: 39.99em)");
  const narrow = matchMedia("(max-width: 69.99em)");

  const railButton = el("button", { class: "rail-button", type: "button", "aria-expanded": "false", title: "Prefixes (t)", onclick: () => openOver(!over) }, icon("tree"), el("span", null, "Prefixes"));
  const splitText = el("b", { class: "mono" });
  const split = el("button", { class: "split-at", type: "button", "aria-haspopup": "menu", title: "What parts the names of keys", onclick: separatorMenu }, el("span", { class: "words" }, "split at"), splitText);
  const expandIcon = icon("expand");
  const expand = el("button", { class: "icon-button only-wide", type: "button", "aria-label": "Large treemap", title: "Large treemap (m)", "aria-pressed": "false", onclick: () => actions.largeMap() }, expandIcon);
  const title = el("h2", null, "Prefixes");
  const crumbs = el("nav", { class: "crumbs", "aria-label": "Chosen prefix", hidden: true });
  const head = el("div", { class: "prefixes-head" }, title, crumbs, split, expand);
  const sorts = el("div", { class: "tree-head", role: "group", "aria-label": "Order of the prefixes" }, COLUMNS.map(([by, label]) => el("button", { type: "button", "data-by": by, onclick: () => actions.setting({ prefixOrder: by }) }, icon("arrow-down", "small"), el("span", null, label))));
  const lines = el("div", { class: "tree-lines", role: "presentation" });
  const list = el("div", { class: "tree", role: "tree", id: "tree", tabIndex: 0, "aria-label": "Prefixes", onkeydown: onKey, onclick: onClick }, lines);
  const toKeys = el("button", { class: "button to-keys only-narrow", type: "button", hidden: true, onclick: () => actions.view("keys") });
  const panel = el("div", { class: "prefixes-panel" }, head, small.node, sorts, list, toKeys);
  const edge = splitter("Width of the prefixes", widths, (px) => actions.setting({ prefixesWidth: px === null ? null : px / rem(1) }), "left");
  root.append(railButton, panel, edge.node);

  const largeCrumbs = el("nav", { class: "crumbs", "aria-label": "Chosen prefix of the treemap" });
  const shrink = el("button", { class: "icon-button", type: "button", "aria-label": "Back to the table", title: "Back to the table (m, Esc)", onclick: () => actions.largeMap(false) }, icon("close"));
  const largePane = el("section", { class: "large-map", "aria-label": "Treemap", hidden: true }, el("div", { class: "prefixes-head" }, largeCrumbs, shrink), large.node);
  place.append(largePane);

  let state = null;
  let flat = [];
  let current = "";
  let pool = [];
  let over = false;
  let source = null;
  let separators = null;
  let shownPath = null;
  let wished = "";
  let mapped = "";
  /** How far the list is scrolled; asking the list would lay it out. */
  let scrolled = 0;
  const moved = () => {
    scrolled = list.scrollTop;
    paint();
  };
  const size = sizeOf(list, () => (scrolled > 0 ? moved() : paint()));
  list.addEventListener("scroll", moved, { passive: true });

  function lineHeight() {
    return rem(phone.matches ? 4.4 : 2.6);
  }

  function widths() {
    const detail = rem(state?.settings.detailWidth ?? DETAIL);
    const most = Math.max(rem(LEAST), Math.min(rem(MOST), innerWidth - detail - rem(TABLE)));
    return { now: Math.min(most, rem(state?.settings.prefixesWidth ?? USUAL)), least: rem(LEAST), most };
  }

  function isRail() {
    const { detail, settings } = state;
    const room = innerWidth - rem(settings.detailWidth ?? DETAIL) - rem(LEAST);
    return !phone.matches && (narrow.matches || (detail.wide && detail.row !== null) || room < rem(TABLE));
  }

  function render(next) {
    state = next;
    const path = next.query.prefix?.bytes ?? new Uint8Array();
    if (next.source !== source || next.settings.separators !== separators) {
      if (next.source !== source) for (const map of [small, large]) map.set([]);
      ({ source } = next);
      ({ separators } = next.settings);
      tree.clear();
    }
    show(largePane, next.largeMap && !root.hidden);
    place.classList.toggle("mapped", next.largeMap && !root.hidden);
    if (root.hidden) return;
    setAttr(root, "role", phone.matches ? "main" : "complementary");
    const rail = isRail();
    if (!rail) over = false;
    root.classList.toggle("rail", rail);
    root.classList.toggle("over", over);
    show(panel, !rail || over);
    setAttr(railButton, "aria-expanded", over);
    root.style.setProperty("--prefixes", `${widths().now}px`);
    edge.render();
    if (panel.hidden && !next.largeMap) return;
    const { expiry, prefix, sort, descending, ...rest } = next.query;
    // The clock only matters where keys are chosen by it.
    const clock = expiry ? next.clock.ms : 0;
    const wish = JSON.stringify([rest, expiry, clock, next.settings.separators, next.settings.prefixOrder]);
    tree.want(`${wish} ${next.progress?.keys ?? 0}`, path, next.phase !== "reading" || wish !== wished);
    wished = wish;
    const id = idOf(path);
    if (id !== shownPath) {
      shownPath = id;
      tree.reveal(path);
      if (id) current = next.query.prefix.leaves ? "bare" : id;
    }
    renderHead(next, path);
    renderMaps(path);
    renderTree(next.settings.prefixOrder);
    show(toKeys, next.query.prefix !== null);
    if (next.query.prefix) setText(toKeys, `Show ${plural(next.selection.count, "key")}`);
  }

  function renderHead({ query, settings, largeMap }, path) {
    setText(splitText, settings.separators.join(" ") || "nothing");
    const chosen = query.prefix !== null;
    title.classList.toggle("sr", chosen);
    head.classList.toggle("chosen", chosen);
    show(crumbs, chosen);
    const key = JSON.stringify([chosen, query.prefix?.leaves, idOf(path)]);
    if (crumbs.dataset.key !== key) {
      crumbs.dataset.key = key;
      for (const nav of [crumbs, largeCrumbs]) {
        const held = nav.contains(document.activeElement);
        fill(nav, crumbsOf(path, query.prefix));
        if (held) (nav.hidden ? list : nav.querySelector("button:last-of-type")).focus();
      }
    }
    show(small.node, !largeMap);
    setIcon(expandIcon, largeMap ? "shrink" : "expand");
    setAttr(expand, "aria-pressed", largeMap);
  }

  function crumbsOf(path, prefix) {
    const all = el("button", { type: "button", "aria-current": prefix ? null : "true", onclick: () => actions.prefix(null) }, "All");
    const trail = tree.trail(path);
    const steps = trail.map((step, at) => {
      const name = el("span", { class: "mid mono" });
      paintOneLine(name, step.subarray(at ? trail[at - 1].length : 0));
      return el("button", { type: "button", title: plain(step), "aria-current": at === trail.length - 1 ? "true" : null, onclick: () => actions.prefix({ bytes: step, leaves: false }) }, name);
    });
    const bare = prefix?.leaves ? el("span", null, "no prefix") : null;
    return [all, steps, bare];
  }

  function renderMaps(path) {
    const key = `${tree.version} ${idOf(path)}`;
    if (!tree.level(path) || key === mapped) return;
    mapped = key;
    const items = tree.children(path).map((line) => ({
      line, name: line.name ? withoutSeparator(line) : wordsOf(line), size: bytesText(line.bytes), type: line.type, weight: line.bytes, rest: line.kind === "more",
      tip: `${line.name ? nameOf(line) : wordsOf(line)}: ${plural(line.keys, "key")}, ${bytesText(line.bytes)}, mostly ${line.type}`,
    }));
    for (const map of [small, large]) map.set(items);
  }

  /** Names stand in the map without the separator they end in. */
  function withoutSeparator(line) {
    const text = nameOf(line);
    if (line.kind !== "branch") return text;
    const end = state.settings.separators.filter((one) => text.endsWith(one)).sort((a, b) => b.length - a.length)[0];
    return end && text.length > end.length ? text.slice(0, -end.length) : text;
  }

  function renderTree(by) {
    for (const button of sorts.children) {
      const on = button.dataset.by === by;
      setAttr(button, "aria-pressed", on);
      setIcon(button.firstChild, button.dataset.by === "name" ? "arrow-up" : "arrow-down");
      button.firstChild.toggleAttribute("hidden", !on);
    }
    flat = tree.lines(by);
    if (!flat.some((line) => line.id === current)) current = flat[0]?.id ?? "";
    lines.style.height = `${flat.length * lineHeight()}px`;
    paint();
  }

  function paint() {
    if (!state || root.hidden || panel.hidden) return;
    const height = lineHeight();
    const inSight = Math.ceil(size.height / height) + 2 * SPARE;
    const first = Math.max(0, Math.min(Math.floor(scrolled / height) - SPARE, flat.length - inSight));
    // The current line stays in the page, since the tree points at it.
    const shown = new Set();
    for (let at = first; at < Math.min(flat.length, first + inSight); at += 1) shown.add(at);
    const held = flat.findIndex((line) => line.id === current);
    if (held >= 0) shown.add(held);
    while (pool.length < shown.size) pool.push(newLine());
    while (pool.length > shown.size) pool.pop().remove();
    [...shown].forEach((at, nth) => dress(pool[nth], flat[at], at, at * height));
    setAttr(list, "aria-activedescendant", held >= 0 ? `line-${held}` : null);
  }

  function newLine() {
    const twisty = el("span", { class: "twisty", "aria-hidden": "true" }, icon("right", "small"));
    const name = el("span", { class: "tree-name mid mono" });
    const node = el("div", { class: "tree-line", role: "treeitem" }, twisty, name, el("span", { class: "tree-keys" }, el("span"), el("span", { class: "sr" })),
      el("span", { class: "tree-bytes" }, el("span"), el("span", { "aria-hidden": "true" }), el("span", { class: "sr" })));
    lines.append(node);
    return node;
  }

  function dress(node, line, at, top) {
    const [twisty, name, keys, bytes] = node.children;
    node.id = `line-${at}`;
    node.dataset.at = at;
    node.style.transform = `translateY(${top}px)`;
    node.style.setProperty("--depth", line.depth - 1);
    if (line.name) paintOneLine(name, line.name.length ? line.name : line.path);
    else fill(name, el("span", { class: "words" }, wordsOf(line)));
    show(twisty, line.kind === "branch");
    twisty.classList.toggle("open", line.open);
    setText(keys.firstChild, line.kind === "leaf" ? "" : short(line.keys));
    setText(keys.lastChild, line.kind === "leaf" ? `, ${line.row.type}, ` : line.keys === 1 ? " key, " : " keys, ");
    const { number, unit, spoken } = sized(line.bytes);
    [number, `\u00a0${unit}`, ` ${spoken}`].forEach((part, nth) => setText(bytes.children[nth], part));
    keys.title = line.kind === "leaf" ? "" : count(line.keys);
    bytes.title = bytesExact(line.bytes);
    name.title = line.name ? nameOf(line) : "";
    setAttr(node, "aria-level", line.depth);
    setAttr(node, "aria-setsize", line.among);
    setAttr(node, "aria-posinset", line.place);
    setAttr(node, "aria-expanded", line.kind === "branch" ? String(line.open) : null);
    setAttr(node, "aria-selected", String(isChosen(line)));
    node.className = `tree-line ${line.kind}${line.id === current ? " current" : ""}`;
  }

  function isChosen(line) {
    const { prefix } = state.query;
    if (line.kind === "leaf") return state.detail.row?.id === line.row.id;
    if (!prefix) return false;
    return line.kind === "bare" ? prefix.leaves : line.kind === "branch" && !prefix.leaves && line.id === idOf(prefix.bytes);
  }

  function nameOf(line) {
    return plain(line.name.length ? line.name : line.path);
  }

  function wordsOf(line) {
    if (line.kind === "bare") return "no prefix";
    return line.canAsk ? "more" : "others";
  }

  /** A press on a line or a tile: filters by it; pressed again, no longer; a single key is opened. */
  function press(pressed) {
    const line = pressed.line ?? pressed;
    if (line.kind === "leaf") openKey(line.row);
    else if (line.kind === "more") line.canAsk && tree.more(line.path);
    else if (isChosen(line)) actions.prefix(null);
    else actions.prefix({ bytes: line.path, leaves: line.kind === "bare" });
  }

  /** What lies over the key or its value gives way. */
  function openKey(row) {
    if (phone.matches) actions.view("keys");
    over = false;
    actions.showRow(row);
  }

  function onClick(event) {
    const node = event.target.closest(".tree-line");
    if (!node) return;
    const line = flat[Number(node.dataset.at)];
    current = line.id;
    if (event.target.closest(".twisty")) tree.toggle(line.path, !line.open);
    else press(line);
    paint();
  }

  function onKey(event) {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const at = flat.findIndex((line) => line.id === current);
    const line = flat[at];
    if (!line) return;
    const page = Math.max(1, Math.floor(list.clientHeight / lineHeight()) - 1);
    const go = (to) => goTo(Math.max(0, Math.min(flat.length - 1, to)));
    switch (event.key) {
      case "ArrowDown": go(at + 1); break;
      case "ArrowUp": go(at - 1); break;
      case "PageDown": go(at + page); break;
      case "PageUp": go(at - page); break;
      case "Home": go(0); break;
      case "End": go(flat.length - 1); break;
      case "ArrowRight":
        if (line.kind !== "branch") break;
        if (line.open) go(at + 1);
        else tree.toggle(line.path, true);
        break;
      case "ArrowLeft":
        if (line.open) tree.toggle(line.path, false);
        else go(Math.max(0, flat.findLastIndex((other, nth) => nth < at && other.depth < line.depth)));
        break;
      case "Enter": case " ": press(line); break;
      default: return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  function goTo(at) {
    current = flat[at].id;
    const height = lineHeight();
    const top = at * height;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + height > list.scrollTop + list.clientHeight) list.scrollTop = top + height - list.clientHeight;
    moved();
  }

  function separatorMenu() {
    const chosen = () => state.settings.separators;
    const own = chosen().filter((one) => !COMMON.includes(one));
    const items = [...COMMON, ...own].map((one) => ({
      label: one, kind: "checkbox", checked: chosen().includes(one), keep: true,
      run: () => {
        const on = !chosen().includes(one);
        actions.setting({ separators: on ? [...chosen(), one] : chosen().filter((other) => other !== one) });
        return on;
      },
    }));
    openMenu(split, [{ title: "Names are split at" }, ...items, { line: true }, { label: "another…", run: () => queueMicrotask(separatorForm) }], { label: "Separators" });
  }

  function separatorForm() {
    openForm(split, (close) => {
      const field = el("input", { class: "field mono", maxLength: LONGEST_SEPARATOR, autocomplete: "off", spellcheck: false });
      const apply = (event) => {
        event.preventDefault();
        const { separators } = state.settings;
        if (field.value && !separators.includes(field.value)) actions.setting({ separators: [...separators, field.value] });
        close();
      };
      return [el("form", { class: "menu-form", onsubmit: apply }, el("label", null, "Split at", field), el("button", { class: "button primary", type: "submit" }, "Add"))];
    }, { label: "Another separator" });
  }

  function openOver(open) {
    over = open;
    render(state);
    if (open) list.focus();
    else railButton.focus();
  }

  return {
    render,
    focus() {
      if (root.classList.contains("rail") && !over) openOver(true);
      else list.focus();
    },
    /** The treemap has got the table's place: the tree says what is in it, where there is one. */
    focusMap() {
      if (panel.hidden) shrink.focus();
      else list.focus();
    },
    /** Whether the pane lay over the table, which it now does no longer. */
    closeOver() {
      if (!over) return false;
      openOver(false);
      return true;
    },
  };
}
