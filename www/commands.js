// The commands of a log: what they are in all, a search, and a grid that only draws the rows in sight.

import { el, fill, icon, rem, setAttr, setText, show } from "./dom.js";
import { fromValue, localValue, MODES } from "./filter.js";
import { bytes, bytesExact, bytesText, clockTime, count, dateTime, dateTimeUtc, percent, plural, short } from "./format.js";
import { Geometry } from "./geometry.js";
import { openForm, openMenu } from "./menu.js";
import { scrolling } from "./scrolling.js";
import { commandsOf, emptyQueryOf } from "./state.js";
import { nodes, runs } from "./text.js";
import { Windows } from "./windows.js";

const SPARE = 8;
const CHIPS = 5;
const ARGUMENT_SHOWN = 120;
const LINE_SHOWN = 400;

const COLUMNS = [
  { id: "time", title: "Time", width: "7.4rem", paint: paintTime, is: ({ log }) => log.report?.firstS !== null },
  { id: "part", title: "File", width: "7rem", paint: (cell, row, { log }) => { setText(cell, partName(log.files[row.file].name)); cell.title = log.files[row.file].name; }, is: ({ log }) => log.files.length > 1 },
  { id: "db", title: "db", width: "2.4rem", right: true, paint: (cell, row) => setText(cell, row.snapshot ? "" : String(row.db)), is: () => true },
  { id: "command", title: "Command", width: "14rem", paint: paintName, is: () => true },
  { id: "arguments", title: "Arguments", width: "minmax(16rem, 1fr)", paint: paintArguments, is: () => true },
  { id: "size", title: "Bytes", width: "8.4rem", right: true, paint: paintBytes, is: () => true },
  { id: "offset", title: "Offset", width: "10.4rem", right: true, paint: (cell, row) => setText(cell, count(row.offset)), is: () => innerWidth >= rem(112) },
];

export function mountCommands(root, actions) {
  const facts = el("section", { class: "summary", "aria-label": "Summary of the log" });
  const input = el("input", { type: "search", id: "command-search", "aria-label": "Find commands", placeholder: "Find commands", autocomplete: "off", spellcheck: false, oninput: () => actions.searchCommands(input.value), onkeydown: onSearchKey });
  const modeText = el("span");
  const mode = el("button", { class: "mode", type: "button", "aria-haspopup": "menu", title: "How the text is understood", onclick: modeMenu }, modeText, icon("down"));
  const error = el("p", { class: "search-error", id: "command-search-error", hidden: true });
  const field = el("div", { class: "search" }, icon("search"), input, el("kbd", { "aria-hidden": "true" }, "/"), mode, error);
  const chips = el("div", { class: "chips", role: "group", "aria-label": "Commands by name" });
  const rest = el("button", { class: "chip rest", type: "button", "aria-haspopup": "menu", hidden: true, onclick: restMenu });
  const time = el("button", { class: "filter-menu", type: "button", "aria-haspopup": "true", onclick: timeForm }, "Go to time", icon("down"));
  const bar = el("search", { class: "filter", "aria-label": "Filter commands" }, field, el("div", { class: "divide" }), el("div", { class: "chip-line" }, chips, rest, el("div", { class: "divide" }), time));
  const head = el("div", { class: "grid-head", role: "row" });
  const rows = el("div", { class: "rows", role: "rowgroup" });
  const grid = el("div", { class: "grid", role: "grid", id: "command-grid", tabIndex: 0, "aria-label": "Commands", onkeydown: onKey, onclick: onClick }, el("div", { role: "rowgroup", class: "head-group" }, head), rows);
  const note = el("div", { class: "table-note", hidden: true });
  root.append(facts, bar, el("div", { class: "command-body" }, grid, note));

  const geometry = new Geometry();
  const windows = new Windows(actions.commandRows, () => paint());
  const phone = matchMedia("(max-width: 39.99em)");
  let state = null;
  let columns = [];
  let pool = [];
  let current = 0;
  let asked = false;
  let drawn = { generation: 0, layout: "", chips: "", facts: "", note: "" };
  let scroller = grid;
  const scroll = scrolling({ geometry, grid, scroller: () => scroller, above, paint });
  grid.addEventListener("scroll", onScroll, { passive: true });
  document.getElementById("app").addEventListener("scroll", onScroll, { passive: true });
  new ResizeObserver(measure).observe(root);

  function measure() {
    if (!state?.log || root.hidden) return;
    scroller = phone.matches ? document.getElementById("app") : grid;
    geometry.rowHeight = Math.round(rem(phone.matches ? 5.6 : 2.8));
    rows.style.setProperty("--row", `${geometry.rowHeight}px`);
    grid.style.setProperty("--gutter", `${Math.max(4, rem(1.6) - (grid.offsetWidth - grid.clientWidth))}px`);
    geometry.viewport = scroller.clientHeight - (phone.matches ? 0 : head.offsetHeight);
    layOut();
    paint();
  }

  /** Px of the scroller above the first row. */
  function above() {
    return phone.matches ? rows.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop : 0;
  }

  function onScroll({ target }) {
    if (target === scroller && !root.hidden) scroll.scrolled();
  }

  function layOut() {
    rows.style.height = `${geometry.height}px`;
    scroll.measured();
    columns = COLUMNS.filter((column) => column.is(state));
    if (!geometry.viewport) geometry.viewport = scroller.clientHeight;
    const size = Math.ceil(geometry.viewport / geometry.rowHeight) + 2 * SPARE + 2;
    const layout = `${columns.map(({ id }) => id)} ${phone.matches}`;
    if (layout !== drawn.layout) {
      drawn.layout = layout;
      grid.style.setProperty("--columns", columns.map(({ width }) => width).join(" "));
      setAttr(grid, "aria-colcount", columns.length);
      fill(head, columns.map((column, at) => el("div", { class: `head-cell${column.right ? " right" : ""}`, role: "columnheader", "aria-colindex": at + 1 }, column.title)));
      for (const row of pool) row.node.remove();
      pool = [];
    }
    while (pool.length < size) pool.push(newRow());
    while (pool.length > size) pool.pop().node.remove();
  }

  function newRow() {
    const cells = columns.map((column, at) => el("div", { class: `td ${column.id}${column.right ? " right" : ""}`, role: "gridcell", "aria-colindex": at + 1 }));
    const node = el("div", { class: "row", role: "row", hidden: true }, cells);
    rows.append(node);
    return { node, cells, index: -1, shown: null };
  }

  function render(next) {
    state = next;
    if (root.hidden || !next.log) return;
    const { log } = next;
    renderFacts(log, next.source);
    renderBar(log);
    renderNote(next);
    const { generation, count: length } = log.selection;
    if (generation !== drawn.generation) {
      windows.reset(generation);
      if (drawn.generation && geometry.rows !== length) {
        current = 0;
        if (scroller === grid || scroller.scrollTop > above()) scroller.scrollTop = geometry.moveTo(0) + above();
      }
      drawn.generation = generation;
    }
    geometry.rows = length;
    current = Math.min(current, Math.max(0, length - 1));
    setAttr(grid, "aria-rowcount", length + 1);
    if (!geometry.viewport || drawn.layout === "") measure();
    layOut();
    paint();
  }

  function renderFacts({ rows: length, report, files }, source) {
    const key = JSON.stringify([length, report?.transactions, report?.firstS, report?.lastS, source.name]);
    if (key === drawn.facts) return;
    drawn.facts = key;
    const figure = (label, value, words) => el("div", { class: "fact" }, el("div", { class: "fact-label" }, label), el("div", { class: "fact-value" }, el("b", null, value), words ? el("span", { class: "num" }, words) : null));
    const parts = report?.files ?? [];
    const commands = commandsOf(report);
    const bytesOfThem = parts.reduce((sum, part) => sum + (part.commands ? part.bytes - part.start : 0), 0);
    const { firstS = null, lastS = null } = report ?? {};
    fill(facts,
      figure("Commands", count(commands), files.length > 1 ? `in ${plural(files.length, "file")}` : ""),
      figure("Transactions", count(report?.transactions ?? 0)),
      figure("Log", bytesText(source.size, 4), commands ? `${bytesText(Math.round(bytesOfThem / commands))} a command` : ""),
      el("div", { class: "fact" }, el("div", { class: "fact-label" }, "Written"), el("div", { class: "fact-value" },
        firstS === null ? "no time marks (aof-timestamp-enabled no)" : el("span", { class: "num" }, spanWords(firstS * 1000, lastS * 1000)))));
  }

  function renderBar(log) {
    const { query, queryError, report, part } = log;
    if (document.activeElement !== input && input.value !== query.text) input.value = query.text;
    setText(modeText, query.mode);
    setAttr(mode, "aria-label", `Search mode: ${query.mode}`);
    setAttr(input, "aria-invalid", queryError ? "true" : null);
    setAttr(input, "aria-describedby", queryError ? "command-search-error" : null);
    show(error, Boolean(queryError));
    if (queryError) setText(error, queryError.message);
    show(time, log.report?.firstS !== null && log.isRead);
    setAttr(grid, "aria-busy", log.asking || part !== null);
    const names = [...(report?.names ?? [])].sort((a, b) => b.rows - a.rows);
    const first = names.slice(0, CHIPS);
    const key = JSON.stringify([first, query.names, names.length]);
    if (key === drawn.chips) return;
    drawn.chips = key;
    while (chips.childElementCount < first.length) chips.append(el("button", { class: "chip name", type: "button", onclick: (event) => actions.toggleName(event.currentTarget.dataset.name, event.altKey) }));
    while (chips.childElementCount > first.length) chips.lastChild.remove();
    first.forEach(({ name, rows: length }, at) => {
      const node = chips.children[at];
      node.dataset.name = name;
      fill(node, el("span", { class: "mono" }, name || "other"), el("span", { class: "n" }, short(length)));
      setAttr(node, "aria-pressed", query.names.includes(name));
      node.title = plural(length, "command");
    });
    show(rest, names.length > CHIPS);
    setText(rest, `+${names.length - CHIPS}`);
    setAttr(rest, "aria-label", `${names.length - CHIPS} more names`);
  }

  function renderNote({ log, phase }) {
    const kind = log.selection.count > 0 || log.asking || phase === "reading" ? "" : emptyQueryOf(log) ? "empty" : "filtered";
    show(note, kind !== "");
    if (kind === drawn.note) return;
    drawn.note = kind;
    if (kind === "filtered") fill(note, el("h2", null, "No command matches."), el("button", { class: "button", type: "button", onclick: actions.clearCommands }, "Clear the filter", el("kbd", null, "Esc")));
    else if (kind === "empty") fill(note, el("h2", null, "This log holds no commands."));
    else note.replaceChildren();
  }

  function modeMenu() {
    openMenu(mode, MODES.map(([name, label, about]) => ({ label, hint: name === "glob" ? "a whole argument, * ? [a-z]" : about, kind: "radio", checked: state.log.query.mode === name, run: () => actions.commandMode(name) })), { label: "How the text is understood", align: "right" });
  }

  function restMenu() {
    const names = [...state.log.report.names].sort((a, b) => b.rows - a.rows).slice(CHIPS);
    openMenu(rest, names.map(({ name, rows: length }) => ({
      label: name || "other", hint: count(length), kind: "checkbox", checked: state.log.query.names.includes(name), keep: true,
      run: () => {
        actions.toggleName(name);
        return state.log.query.names.includes(name);
      },
    })), { label: "More names" });
  }

  function timeForm() {
    openForm(time, (close) => {
      const { firstS, lastS } = state.log.report;
      const wanted = el("input", { class: "field", type: "datetime-local", step: 1, value: localValue(firstS * 1000), min: localValue(firstS * 1000), max: localValue(lastS * 1000 + 60_000) });
      const go = async (event) => {
        event.preventDefault();
        const ms = fromValue(wanted.value);
        close();
        const at = ms === undefined ? -1 : await actions.commandAt(Math.floor(ms / 1000));
        if (at >= 0) {
          move(at, true);
          grid.focus();
        } else {
          actions.tell("No command was written at that time or later.");
        }
      };
      return [el("form", { class: "menu-form", onsubmit: go }, el("label", null, "Written at or after, UTC", wanted), el("button", { class: "button primary", type: "submit" }, "Go there"))];
    }, { label: "Go to time", align: "right" });
  }

  function onSearchKey(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      const { value } = input;
      input.value = "";
      if (value) actions.searchCommands("");
      else actions.clearCommands();
    } else if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      grid.focus();
    } else if (event.key === "." && event.ctrlKey) {
      event.preventDefault();
      const at = MODES.findIndex(([name]) => name === state.log.query.mode);
      actions.commandMode(MODES[(at + 1) % MODES.length][0]);
    }
  }

  function paint() {
    if (asked || !state?.log || root.hidden) return;
    asked = true;
    requestAnimationFrame(paintNow);
  }

  function paintNow() {
    asked = false;
    if (!pool.length || !state?.log) return;
    const [first, last] = geometry.range(SPARE);
    if (drawn.generation) windows.want(first, last, geometry.rows);
    const at = geometry.scaled ? Math.max(0, scroller.scrollTop - above()) : 0;
    const used = new Set();
    for (let index = first; index < Math.min(last, first + pool.length); index += 1) {
      const row = pool[index % pool.length];
      used.add(row);
      row.node.style.transform = `translateY(${geometry.place(index, at)}px)`;
      show(row.node, true);
      if (row.index !== index) {
        row.index = index;
        row.node.id = `command-${index}`;
        row.node.setAttribute("aria-rowindex", index + 2);
        row.shown = null;
      }
      dress(row, index);
    }
    for (const row of pool) {
      if (used.has(row)) continue;
      row.index = -1;
      show(row.node, false);
    }
    setAttr(grid, "aria-activedescendant", current >= first && current < last ? `command-${current}` : null);
  }

  function dress(row, index) {
    const data = windows.get(index);
    if (data && row.shown !== data) {
      row.shown = data;
      columns.forEach((column, nth) => column.paint(row.cells[nth], data, state));
      row.node.classList.toggle("snapshot", Boolean(data.snapshot));
    }
    if (!data) row.shown = null;
    row.node.classList.toggle("pending", !data);
    setAttr(row.node, "aria-busy", !data);
    row.node.classList.toggle("current", index === current);
    setAttr(row.node, "aria-selected", Boolean(data) && state.log.row?.id === data.id);
  }

  function onClick(event) {
    const row = pool.find(({ node }) => node === event.target.closest(".row"));
    if (!row) return;
    current = row.index;
    open();
  }

  function open() {
    const data = windows.get(current);
    if (data) actions.selectCommand(data);
    paint();
  }

  /** Makes a row current and brings it into sight; at the top of it, if `first`. */
  function move(to, first = false) {
    if (geometry.rows === 0) return;
    current = Math.max(0, Math.min(geometry.rows - 1, to));
    const top = current * geometry.rowHeight;
    const bottom = top + geometry.rowHeight;
    const covered = phone.matches ? rem(5.8) : 0;
    if (first || top < geometry.top) scroller.scrollTop = geometry.moveTo(top) + above();
    else if (bottom > geometry.top + geometry.viewport - covered) scroller.scrollTop = geometry.moveTo(bottom - geometry.viewport + covered) + above();
    paint();
  }

  function onKey(event) {
    if (event.target !== grid || event.altKey || event.metaKey || event.ctrlKey) return;
    const page = Math.max(1, Math.floor(geometry.viewport / geometry.rowHeight) - 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page }[event.key];
    if (by) move(current + by);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(geometry.rows - 1);
    else if (["Enter", "ArrowRight", " "].includes(event.key)) open();
    else return;
    event.preventDefault();
  }

  return {
    render,
    measure,
    move: (by) => move(current + by),
    focus: () => grid.focus(),
    hasFocus: () => document.activeElement === grid,
    focusSearch() {
      input.focus();
      input.select();
    },
  };
}

/** From when to when, with seconds where that is within a day. */
function spanWords(fromMs, toMs) {
  const [from, to] = [dateTime(fromMs), dateTime(toMs)];
  const [date] = from.split(", ");
  return to.startsWith(`${date},`) ? `${date}, ${clockTime(fromMs)} to ${clockTime(toMs)} UTC` : `${from} to ${to} UTC`;
}

/** `2.incr` of `appendonly.aof.2.incr.aof`; other names as they are. */
export function partName(name) {
  return /\.(\d+\.(?:base|incr))\.(?:rdb|aof)$/.exec(name)?.[1] ?? name;
}

function paintTime(cell, row) {
  setText(cell, row.unixS === null ? "" : clockTime(Number(row.unixS) * 1000));
  cell.title = row.unixS === null ? "" : `Written at ${dateTimeUtc(Number(row.unixS) * 1000)} or later`;
}

function paintName(cell, row) {
  const { transaction: within } = row;
  if (cell.childElementCount !== 2) fill(cell, el("span", { class: "mono" }), el("span", { class: "sr" }));
  setText(cell.firstChild, row.snapshot ? "snapshot" : row.name || (row.args[0] ? [...runs(row.args[0].bytes.subarray(0, 32))].map((run) => run.text).join("") : ""));
  setText(cell.lastChild, within ? `, transaction ${count(within.number)}` : "");
  const place = !within ? "" : row.id === within.first ? " tx first" : row.id === within.last ? " tx last" : " tx";
  cell.className = `td command${place}`;
  cell.title = within ? `Transaction ${count(within.number)}, from MULTI to EXEC` : "";
}

function paintArguments(cell, row) {
  cell.classList.add("mono");
  if (row.snapshot) {
    const { dialect, version, keys } = row.snapshot;
    cell.classList.remove("mono");
    setText(cell, `of ${plural(keys, "key")}, ${dialect === "valkey" && version >= 80 ? "VALKEY" : "RDB"} ${version}`);
    cell.title = "";
    return;
  }
  const parts = [];
  let left = LINE_SHOWN;
  for (const { bytes: shown, length } of row.args.slice(1)) {
    if (left <= 0) break;
    const cut = shown.subarray(0, Math.min(ARGUMENT_SHOWN, left));
    parts.push(el("span", { class: "arg" }, length === 0 ? el("span", { class: "esc" }, "empty") : nodes(runs(cut)), cut.length < length ? "…" : ""));
    left -= cut.length + 1;
  }
  const hidden = row.count - 1 - parts.length;
  fill(cell, parts, hidden > 0 ? el("span", { class: "quiet" }, `and ${count(hidden)} more`) : null);
  cell.title = hidden > 0 ? plural(row.count - 1, "argument") : "";
}

function paintBytes(cell, row) {
  if (cell.childElementCount !== 3) {
    cell.classList.add("bytes");
    fill(cell, el("span"), el("span", { class: "unit", "aria-hidden": "true" }), el("span", { class: "sr" }));
  }
  const { number, unit, spoken } = bytes(row.bytes);
  setText(cell.children[0], number);
  setText(cell.children[1], unit);
  setText(cell.children[2], ` ${spoken}`);
  cell.title = bytesExact(row.bytes);
}
