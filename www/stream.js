// The body of the detail pane for a stream: entries by hour, a page of entries, pending ones, consumers and their groups.

import { el, fill, icon, pick, rem, setAttr, setText, show, turnRadio } from "./dom.js";
import { elementGrid } from "./element-grid.js";
import { mountPager, prefixOf, text } from "./elements.js";
import { bytesText, clockTime, count, dateTimeUtc, day, HOUR, plural, span } from "./format.js";
import { plain, utf8 } from "./text.js";

const MOST_BARS = 72;
const MOST_COLUMNS = 8;
/** Columns need so much room, in rem. */
const COLUMNS_FROM = 52;
const LATE_MS = HOUR;
const NOTHING_READ = "0-0";

export function mountStream(actions, viewer) {
  const bars = el("div", { class: "hours-bars", role: "group", "aria-label": "Entries by hour", onkeydown: turnBar });
  const hoursNote = el("span", { class: "second num" });
  const scale = el("div", { class: "hours-scale", "aria-hidden": "true" });
  const hours = el("section", { class: "hours", "aria-label": "Entries by hour" }, el("div", { class: "section-head" }, el("h3", null, "Entries by hour"), hoursNote), bars, scale);
  const entriesTab = el("button", { type: "button", role: "radio", onclick: () => actions.streamTab("entries") }, "Entries");
  const pendingTab = el("button", { type: "button", role: "radio", onclick: () => actions.streamTab("pending") });
  const consumersTab = el("button", { type: "button", role: "radio", onclick: () => actions.streamTab("consumers") });
  const tabs = el("div", { class: "segments", role: "radiogroup", "aria-label": "Shown", onkeydown: turnRadio }, entriesTab, pendingTab, consumersTab);
  const columnsTab = el("button", { type: "button", role: "radio", onclick: () => choose("columns") }, "Columns");
  const pairsTab = el("button", { type: "button", role: "radio", onclick: () => choose("pairs") }, "Pairs");
  const shapes = el("div", { class: "segments", role: "radiogroup", "aria-label": "Entries as", onkeydown: turnRadio }, columnsTab, pairsTab);
  const pager = mountPager(actions, { total: false });
  const direction = el("button", { class: "button bare", type: "button", onclick: () => actions.order(state.detail.order === "down" ? null : "down") });
  const bar = el("div", { class: "el-bar" }, tabs, shapes, direction, pager.node);
  const entries = elementGrid("Entries", (at) => actions.openItem(at));
  const pending = elementGrid("Pending entries", null);
  const consumers = elementGrid("Consumers", null);
  const entry = el("dl", { class: "entry-pairs", tabIndex: 0, hidden: true, "aria-label": "Entry" });
  const lower = el("div", { class: "lower", hidden: true }, viewer.node);
  const note = el("p", { class: "value-note", hidden: true });
  const late = el("span", { class: "second" });
  const groupHead = el("div", { class: "section-head pane" }, el("h3", null, "Consumer groups"), el("span", { class: "quiet" }), late);
  const groups = el("table", { class: "groups" });
  const groupPane = el("section", { class: "group-pane", "aria-label": "Consumer groups" }, groupHead, el("div", { class: "groups-box", tabIndex: 0, role: "group", "aria-label": "Table of groups" }, groups));
  const node = el("div", { class: "element-body stream" }, hours, bar, note, entries.node, pending.node, consumers.node, entry, lower, groupPane);

  let state = null;
  let wish = "columns";
  let hoursShown;
  let groupsShown = null;
  let entryShown = null;

  function choose(next) {
    wish = next;
    render(state);
  }

  function render(next) {
    state = next;
    const { detail } = next;
    const { page, about } = detail;
    // A page of the other kind is on its way.
    const streamTab = page.isPending && detail.streamTab !== "pending" ? "pending" : !page.isPending && detail.streamTab === "pending" ? "entries" : detail.streamTab;
    renderHours(detail);
    const readers = about?.groups?.flatMap((group) => group.consumers.map((one) => ({ group, ...one }))) ?? [];
    const waiting = about?.groups?.reduce((sum, group) => sum + group.pending, 0) ?? 0;
    show(tabs, readers.length > 0 || waiting > 0);
    setText(pendingTab, `Pending ${count(waiting)}`);
    setText(consumersTab, `Consumers ${count(readers.length)}`);
    pick(entriesTab, detail.streamTab === "entries");
    pick(pendingTab, detail.streamTab === "pending");
    pick(consumersTab, detail.streamTab === "consumers");
    const fields = page.isPending ? null : sameFields(page.items);
    const canColumns = fields !== null && node.clientWidth >= rem(COLUMNS_FROM);
    const now = canColumns && wish === "columns" ? "columns" : "pairs";
    show(shapes, canColumns && streamTab === "entries");
    pick(columnsTab, now === "columns");
    pick(pairsTab, now === "pairs");
    show(entries.node, streamTab === "entries");
    show(pending.node, streamTab === "pending");
    show(consumers.node, streamTab === "consumers");
    show(pager.node, streamTab !== "consumers");
    show(direction, streamTab === "entries" && page.total > 1);
    setText(direction, detail.order === "down" ? "Newest first" : "Oldest first");
    pager.render(detail);
    if (!page.isPending) entries.render(shapedPage(page, now), () => ({ items: page.items, first: page.from, total: page.matching, ...(now === "columns" ? columnLayout(page, fields) : pairLayout(page)) }), detail.item);
    else pending.render(page, () => pendingLayout(page, about?.groups ?? page.groups ?? []), null);
    if (streamTab === "consumers") consumers.render(about, () => consumerLayout(readers), null);
    const none = page.matching === 0;
    show(note, none && streamTab !== "consumers");
    setText(note, streamTab === "pending" ? "No entry is pending." : "This stream holds no entries.");
    renderEntry(detail, streamTab);
    renderField(next);
    if (about) renderGroups(about, detail.row.elements);
  }

  // A page has one drawing per shape; the grid tells them apart by the object.
  const drawings = new WeakMap();
  function shapedPage(page, kind) {
    if (!drawings.has(page)) drawings.set(page, { columns: {}, pairs: {} });
    return drawings.get(page)[kind];
  }

  function renderEntry({ item, page, field: chosen }, streamTab) {
    const open = item !== null && streamTab === "entries" && page.items[item];
    show(entry, Boolean(open));
    if (!open) return;
    if (open !== entryShown) {
      entryShown = open;
      const pairs = open.fields.map(([field, value], at) => [el("dt", null, text(field)), el("dd", null, text(value), opener(field, value, at))]);
      fill(entry, el("dt", null, "ID"), el("dd", null, `${open.id}, ${dateTimeUtc(timeOf(open.id))}`), pairs);
    }
    for (const button of entry.querySelectorAll("button")) setAttr(button, "aria-expanded", String(Number(button.dataset.at) === chosen));
  }

  /** Long values, and those that are more than text, are looked at below. */
  function opener(field, value, at) {
    const size = bytesText(value.cut ?? value.length);
    const words = `${size}, open ${plain(bytesOf(field), 40)}`;
    return el("button", { class: "button link", type: "button", "data-at": at, "aria-label": words, title: words, onclick: () => actions.openField(at) }, size);
  }

  function renderField({ detail, settings }) {
    const { row, page, item, itemValue, field } = detail;
    const open = item !== null && field !== null && itemValue !== null && page.items[item]?.fields;
    show(lower, Boolean(open));
    // The value takes the place of what is about the whole stream.
    node.classList.toggle("reading-field", Boolean(open));
    if (!open) return;
    const heading = [el("span", { class: "mid-head" }, text(open[field][0])), el("span", { class: "num viewer-size" }, bytesText(itemValue.length))];
    viewer.render({ value: itemValue, keyPrefix: prefixOf(row), heading, wrap: settings.wrap, wide: detail.wide });
  }

  function renderHours({ row, hours: counted }) {
    // Its place is kept while the entries are counted, so that nothing moves when they are.
    show(hours, row.elements > 1);
    if (counted === hoursShown || row.elements < 2) return;
    if (!counted) {
      hoursShown = null;
      fill(hoursNote, "counting");
      bars.replaceChildren();
      fill(scale, "\u00a0");
      return;
    }
    hoursShown = counted;
    const { steps, width } = stepped(counted);
    const most = Math.max(...steps.map((step) => step.n));
    const total = counted.reduce((sum, [, n]) => sum + n, 0);
    setText(hours.querySelector("h3"), width === 1 ? "Entries by hour" : `Entries by ${width % 24 === 0 ? plural(width / 24, "day") : `${width} hours`}`);
    fill(hoursNote, `${count(Math.round(total / steps.length))} on average, at most `, el("i", { class: "hours-most" }), ` ${count(most)}`);
    fill(bars, steps.map((step, at) => {
      const words = `${dateTimeUtc(step.hour * HOUR)}, ${plural(step.n, "entry", "entries")}`;
      const one = el("button", { type: "button", tabIndex: at === 0 ? 0 : -1, class: step.n === most ? "most" : "", "aria-label": words, title: words, onclick: () => actions.jumpTo(state.detail.order === "down" ? total - step.before - step.n : step.before) });
      one.style.setProperty("--height", `${step.n === 0 ? 0 : Math.max(4, (step.n / most) * 100)}%`);
      return one;
    }));
    const ticks = [0, 1, 2, 3].map((nth) => steps[Math.round((nth * (steps.length - 1)) / 3)].hour * HOUR);
    const words = ticks.map((ms, at) => (at === 0 || at === 3 ? dateTimeUtc(ms).replace(/ [0-9]{4},/, ",") : day(ms)));
    fill(scale, words.filter((word, at) => at === 0 || at === 3 || !words[0].startsWith(word) && word !== words[at - 1] && !words[3].startsWith(word)).map((word) => el("span", null, word)));
  }

  /** The bars are one stop of the Tab key. */
  function turnBar(event) {
    const all = [...bars.children];
    const at = all.indexOf(event.target);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = all[Math.max(0, Math.min(all.length - 1, to))];
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  function renderGroups(page, total) {
    const list = page.groups ?? [];
    show(groupPane, list.length > 0);
    if (list === groupsShown || list.length === 0) return;
    groupsShown = list;
    setText(groupHead.children[1], count(list.length));
    const end = timeOf(page.lastId);
    const behind = list.filter((group) => group.lastId !== NOTHING_READ).map((group) => ({ name: plain(bytesOf(group.name), 40), ms: end - timeOf(group.lastId) })).filter((one) => one.ms > LATE_MS).sort((a, b) => b.ms - a.ms);
    setText(late, behind.length ? `${behind[0].name} is ${span(behind[0].ms)} behind` : "");
    const returns = list.some((group) => group.returned);
    const titles = ["Group", "Last delivered", "Lag", "Pending", ...(returns ? ["Handed back"] : []), "Consumers", "Seen, UTC"];
    fill(groups,
      el("thead", null, el("tr", null, titles.map((title, at) => el("th", { scope: "col", class: `${at > 1 ? "right" : ""}${at >= titles.length - 2 ? " roomy" : ""}` }, title)))),
      el("tbody", null, list.map((group) => groupRow(group, page, total, end, returns))));
  }

  return { node, render, focus: () => [entries, pending, consumers].find((one) => !one.node.hidden).node.focus() };
}

/** Hours of the stream, several to a bar when there are too many for single ones. */
function stepped(counted) {
  const first = counted[0][0];
  const last = counted.at(-1)[0];
  const width = [1, 2, 4, 6, 12, 24, 48, 168, 336, 720, 2160, 8760].find((size) => (last - first + 1) / size <= MOST_BARS) ?? Math.ceil((last - first + 1) / MOST_BARS);
  const steps = Array.from({ length: Math.floor((last - first) / width) + 1 }, (_, at) => ({ hour: first + at * width, n: 0, before: 0 }));
  for (const [hour, n] of counted) steps[Math.floor((hour - first) / width)].n += n;
  let before = 0;
  for (const step of steps) {
    step.before = before;
    before += step.n;
  }
  return { steps, width };
}

/** The field names all entries share in the same order, or null. */
function sameFields(items) {
  if (!items.length) return null;
  const names = (item) => item.fields.map(([field]) => plain(bytesOf(field), 100)).join("\n");
  const first = names(items[0]);
  const same = items[0].fields.length <= MOST_COLUMNS && items.every((item) => names(item) === first);
  return same ? items[0].fields.map(([field]) => field) : null;
}

function columnLayout(page, fields) {
  const columns = [{ title: "ID", width: `${Math.max(...page.items.map((item) => item.id.length)) + 1}ch`, kind: "mono" }, { title: "Time, UTC", width: "7.2rem", kind: "second" }];
  fields.forEach((field, at) => {
    const values = page.items.map((item) => utf8(bytesOf(item.fields[at][1])) ?? "");
    const numbers = values.every((value) => /^-?[0-9]*\.?[0-9]+$/.test(value));
    const widest = Math.min(24, Math.max(bytesOf(field).length, ...values.map((value) => Math.min(24, value.length)))) + 1;
    columns.push({ title: text(field), width: `minmax(4ch, ${widest}ch)`, right: numbers, mono: true, kind: "mono" });
  });
  columns.push({ title: "", width: "minmax(0, 1fr)" });
  return { columns, cells: (item) => [item.id, clockTime(timeOf(item.id)), ...item.fields.map(([, value]) => text(value)), ""] };
}

function pairLayout(page) {
  const columns = [{ title: "ID", width: `${Math.max(2, ...page.items.map((item) => item.id.length)) + 1}ch`, kind: "mono" }, { title: "Fields", width: "minmax(0, 1fr)", kind: "mono value" }];
  const cells = (item) => [item.id, item.fields.slice(0, 20).flatMap(([field, value], at) => [at ? "  " : "", el("span", { class: "pair-name" }, text(field)), " ", ...text(value)])];
  return { columns, cells };
}

/** Entries that were delivered and not acknowledged, by group. */
function pendingLayout(page, groups) {
  const columns = [
    { title: "ID", width: `${Math.max(2, ...page.items.map((item) => item.id.length)) + 1}ch`, kind: "mono" },
    ...(groups.length > 1 ? [{ title: "Group", width: "minmax(6ch, 1fr)", kind: "mono" }] : []), { title: "Consumer", width: "minmax(6ch, 1fr)", kind: "mono" },
    { title: "Given, UTC", width: "7.4rem", right: true, kind: "second" }, { title: "Times", width: "4rem", right: true },
  ];
  const cells = ({ id, group, consumer, deliveredAtMs, deliveries }) => {
    const of = groups[group];
    const reader = of?.consumers[consumer];
    return [id, ...(groups.length > 1 ? [of ? text(of.name) : "–"] : []), reader ? text(reader.name) : "–", [el("span", { title: dateTimeUtc(deliveredAtMs) }, clockTime(Number(deliveredAtMs)))], count(deliveries)];
  };
  return { columns, items: page.items, first: page.from, total: page.matching, cells };
}

function consumerLayout(consumers) {
  const columns = [
    { title: "Group", width: "minmax(8ch, 1fr)", kind: "mono" }, { title: "Consumer", width: "minmax(8ch, 1fr)", kind: "mono" },
    { title: "Pending", width: "7rem", right: true }, { title: "Seen, UTC", width: "8rem", right: true, kind: "second" },
  ];
  const cells = ({ group, name, pending, seenAtMs }) => [text(group.name), text(name), count(pending), [el("span", { title: dateTimeUtc(seenAtMs) }, clockTime(Number(seenAtMs)))]];
  return { columns, items: consumers, first: 0, total: consumers.length, cells };
}

function groupRow(group, page, total, end, returns) {
  const lag = lagOf(group, page, total);
  const behind = group.lastId === NOTHING_READ ? 0 : end - timeOf(group.lastId);
  const isLate = behind > LATE_MS;
  const seen = Math.max(0, ...group.consumers.map((one) => Number(one.seenAtMs)));
  return el("tr", null,
    el("td", { class: "mono" }, text(group.name)),
    el("td", { class: "mono second" }, group.lastId),
    el("td", { class: `right num${isLate ? " warn strong" : ""}` }, isLate ? icon("warn", "small") : null, lag !== null ? count(lag) : isLate ? span(behind) : "–"),
    el("td", { class: "right num" }, count(group.pending)),
    returns ? el("td", { class: "right num", title: "Pending entries that have no consumer now" }, count(group.returned ?? 0)) : null,
    el("td", { class: "right num roomy" }, count(group.consumers.length)),
    el("td", { class: "right num second roomy", title: seen ? dateTimeUtc(seen) : "" }, seen ? clockTime(seen) : "–"));
}

/** Entries a group has not been given, as far as the file says: a group that was moved by hand has no count. */
function lagOf(group, page, total) {
  if (group.lastId === NOTHING_READ) return BigInt(total);
  return page.entriesAdded !== undefined && group.entriesRead !== null ? BigInt(page.entriesAdded) - BigInt(group.entriesRead) : null;
}

function bytesOf(part) {
  return part.bytes ?? part;
}

function timeOf(id) {
  return Number(id.slice(0, id.indexOf("-")));
}
