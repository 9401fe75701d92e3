// The key table: a grid that only draws the rows in sight. One tab stop; the arrow keys move through it.

import { buildCell, template, visibleColumns } from "./columns.js";
import { el, rem, setAttr, show, sizeOf } from "./dom.js";
import { Geometry } from "./geometry.js";
import { scrolling } from "./scrolling.js";
import { mountHeader } from "./table-head.js";
import { mountNote } from "./table-note.js";
import { Windows } from "./windows.js";

const SPARE = 8;
const PATIENCE_MS = 80;

export function mountTable(root, actions) {
  const geometry = new Geometry();
  const windows = new Windows(actions.rows, () => paint());
  const rows = el("div", { class: "rows", role: "rowgroup" });
  const head = mountHeader(actions, { edited, focusGrid: () => grid.focus() });
  const grid = el("div", { class: "grid", role: "grid", id: "grid", tabIndex: 0, "aria-label": "Keys", onkeydown: onKey, onclick: onClick }, head.node, rows);
  const note = mountNote(actions);
  root.append(grid, note.node);

  let state = null;
  let columns = [];
  let pool = [];
  let scroller = grid;
  let current = 0;
  let headCurrent = -1;
  let drawn = { generation: 0, order: "", layout: "", clock: 0 };
  let paintAsked = false;
  let hurryAfter = 0;
  let eviction = "";
  let rested = 0;
  let source = null;

  const look = { nowMs: 0, phone: false };
  const phone = matchMedia("(max-width: 39.99em)");

  grid.addEventListener("scroll", onScroll, { passive: true });
  const scroll = scrolling({ geometry, grid, scroller: () => scroller, above, paint });
  document.getElementById("app").addEventListener("scroll", onScroll, { passive: true });
  const size = sizeOf(root, measure);
  addEventListener("resize", measure);

  function measure() {
    if (!state || root.hidden) return;
    scroller = phone.matches ? document.getElementById("app") : grid;
    // All is read before anything is written, so that the page is laid out once.
    const bar = grid.offsetWidth - grid.clientWidth;
    geometry.viewport = scroller.clientHeight - (phone.matches ? 0 : head.node.offsetHeight);
    geometry.rowHeight = Math.round(rem(phone.matches ? 5.6 : 2.8));
    rows.style.setProperty("--row", `${geometry.rowHeight}px`);
    // The thumb stands in the padding, where scrollbars take room.
    grid.style.setProperty("--gutter", `${Math.max(4, rem(1.6) - bar)}px`);
    layOut();
    // A frame later: laying out the place and its rows would be one long task.
    paint();
  }

  /** Px of the scroller above the first row: header and filter scroll away with the list on phones. */
  function above() {
    return phone.matches ? rows.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop : 0;
  }

  function onScroll({ target }) {
    // Hidden, the table keeps its place; another view may scroll then.
    if (target !== scroller || root.hidden) return;
    rested = scroller.scrollTop;
    scroll.scrolled();
  }

  function render(next) {
    state = next;
    if (next.source !== source) {
      ({ source } = next);
      eviction = "";
    }
    const visible = next.view === "keys" && !root.hidden;
    note.render(next);
    if (!visible) return;
    const { generation, count, first } = next.selection;
    const order = JSON.stringify(next.query);
    look.nowMs = next.clock.ms;
    if (generation !== drawn.generation) {
      windows.reset(generation);
      hurryAfter = performance.now() + PATIENCE_MS;
      setTimeout(paint, PATIENCE_MS + 5);
      if (order !== drawn.order) {
        current = 0;
        geometry.rows = count;
        if (phone.matches ? scroller.scrollTop > above() : rested) scroller.scrollTop = above() && geometry.moveTo(0) + above();
        geometry.scrolled(0);
      }
      drawn.order = order;
    }
    drawn.generation = generation;
    if (first) windows.begin(first);
    geometry.rows = count;
    current = Math.min(current, Math.max(0, count - 1));
    setAttr(grid, "aria-rowcount", count + 1);
    root.classList.toggle("stale", next.phase === "crashed");
    if (drawn.clock !== next.clock.ms) {
      drawn.clock = next.clock.ms;
      for (const row of pool) row.shown = null;
    }
    // The browser tells the size of the place within the frame in which it comes into sight.
    if (!size.width) return;
    layOut();
    paintNow();
  }

  function layOut() {
    rows.style.height = `${geometry.height}px`;
    scroll.measured();
    relayout();
    head.render(state, columns);
    head.mark(headCurrent);
  }

  /** Picks the columns for the place there is, and rebuilds the rows when they changed. */
  function relayout() {
    const wide = state.detail.open && state.detail.wide;
    const databases = state.report?.databases.length ?? 1;
    const chosen = state.settings.columns.shown ?? {};
    const widths = state.settings.columns.widths ?? {};
    columns = visibleColumns({ width: (innerWidth * 10) / rem(1), room: size.width / rem(1), phone: phone.matches, wide, databases, eviction, chosen, widths });
    look.phone = phone.matches;
    const layout = `${columns.map((column) => column.id)} ${JSON.stringify(widths)} ${phone.matches} ${eviction}`;
    const wanted = Math.ceil(geometry.viewport / geometry.rowHeight) + 2 * SPARE + 2;
    if (layout !== drawn.layout) {
      drawn.layout = layout;
      grid.style.setProperty("--columns", template(columns, widths));
      setAttr(grid, "aria-colcount", columns.length);
      for (const row of pool) row.node.remove();
      pool = [];
      headCurrent = Math.min(headCurrent, columns.length - 1);
      head.rebuild(columns, eviction);
    }
    while (pool.length < wanted) pool.push(newRow());
    while (pool.length > wanted) pool.pop().node.remove();
  }

  function newRow() {
    const cells = columns.map(buildCell);
    cells.forEach((cell, at) => cell.setAttribute("aria-colindex", at + 1));
    const node = el("div", { class: "row", role: "row", hidden: true }, cells);
    rows.append(node);
    return { node, cells, index: -1, shown: null };
  }

  function paint() {
    if (paintAsked || !state || root.hidden) return;
    paintAsked = true;
    requestAnimationFrame(() => paintAsked && paintNow());
  }

  function paintNow() {
    paintAsked = false;
    if (!pool.length) return;
    const [first, last] = geometry.range(SPARE);
    windows.want(first, last, geometry.rows);
    const at = geometry.scaled ? Math.max(0, scroller.scrollTop - above()) : 0;
    const late = performance.now() > hurryAfter;
    const used = new Set();
    let waiting = state.asking;
    for (let index = first; index < Math.min(last, first + pool.length); index += 1) {
      const row = pool[index % pool.length];
      used.add(row);
      place(row, index, at);
      dress(row, index, late);
      waiting ||= row.shown === null;
    }
    setAttr(grid, "aria-busy", waiting && state.phase !== "crashed");
    for (const row of pool) {
      if (!used.has(row)) {
        row.index = -1;
        show(row.node, false);
      }
    }
    setAttr(grid, "aria-activedescendant", headCurrent >= 0 ? head.idOf(headCurrent) : current >= first && current < last ? `row-${current}` : null);
  }

  function place(row, index, at) {
    row.node.style.transform = `translateY(${geometry.place(index, at)}px)`;
    show(row.node, true);
    if (row.index === index) return;
    row.index = index;
    row.node.id = `row-${index}`;
    row.node.setAttribute("aria-rowindex", index + 2);
    row.shown = null;
    row.fresh = true;
  }

  function dress(row, index, late) {
    const data = windows.get(index);
    if (data && row.shown !== data) {
      row.shown = data;
      columns.forEach((column, nth) => column.paint(row.cells[nth], data, look));
      row.fresh = false;
      if (!eviction) noticeEviction(data);
    }
    if (!data) row.shown = null;
    // Of a reader that has ended nothing comes any more: what is drawn stays.
    const isPending = !data && (row.fresh || (late && state.phase !== "crashed"));
    row.node.classList.toggle("pending", isPending);
    setAttr(row.node, "aria-busy", isPending);
    row.node.classList.toggle("current", headCurrent < 0 && index === current);
    setAttr(row.node, "aria-selected", Boolean(data) && state.detail.row?.id === data.id);
  }

  /** Which of the two a server keeps, every key of its file says. */
  function noticeEviction({ idleSeconds, freq }) {
    eviction = (freq ?? null) !== null ? "freq" : (idleSeconds ?? null) !== null ? "idle" : "";
    if (eviction) queueMicrotask(measure);
  }

  function onClick(event) {
    const node = event.target.closest(".row");
    if (!node) return;
    const row = pool.find((one) => one.node === node);
    headCurrent = -1;
    current = row.index;
    open();
  }

  async function open() {
    const data = windows.get(current);
    if (!data) return;
    if (state.detail.open && state.detail.row?.id === data.id) actions.openAgain();
    else actions.select(data);
    paint();
  }

  function move(to) {
    if (geometry.rows === 0) return;
    headCurrent = -1;
    current = Math.max(0, Math.min(geometry.rows - 1, to));
    reveal(current);
    paint();
  }

  function reveal(index) {
    const top = index * geometry.rowHeight;
    const bottom = top + geometry.rowHeight;
    const covered = phone.matches ? rem(5.8) : 0;
    if (top < geometry.top) scroller.scrollTop = geometry.moveTo(top) + above();
    else if (bottom > geometry.top + geometry.viewport - covered) scroller.scrollTop = geometry.moveTo(bottom - geometry.viewport + covered) + above();
  }

  function onKey(event) {
    if (event.target !== grid || event.altKey || event.metaKey) return;
    if (headCurrent >= 0 ? headKey(event) : rowKey(event)) event.preventDefault();
  }

  function rowKey({ key, ctrlKey }) {
    const page = Math.max(1, Math.floor(geometry.viewport / geometry.rowHeight) - 1);
    switch (key) {
      case "ArrowDown": move(current + 1); return true;
      case "ArrowUp":
        if (current === 0) headTo(Math.max(0, columns.findIndex((column) => column.id === "key")));
        else move(current - 1);
        return true;
      case "PageDown": move(current + page); return true;
      case "PageUp": move(current - page); return true;
      case "Home": move(0); return true;
      case "End": move(geometry.rows - 1); return true;
      case "Enter": case "ArrowRight": case " ":
        if (ctrlKey) return false;
        open();
        return true;
      default: return false;
    }
  }

  function headKey(event) {
    const column = columns[headCurrent];
    switch (event.key) {
      case "ArrowDown": move(0); return true;
      case "ArrowUp": return true;
      case "ArrowLeft": case "ArrowRight": {
        const way = event.key === "ArrowLeft" ? -1 : 1;
        if (event.shiftKey) head.resize(column, way * 16);
        else headTo(Math.max(0, Math.min(columns.length - 1, headCurrent + way)));
        return true;
      }
      case "Enter": case " ":
        if (column.sort) actions.sortBy(column.sort);
        return true;
      case "ContextMenu": case "F10":
        if (event.key === "F10" && !event.shiftKey) return false;
        head.openMenu();
        return true;
      default: return false;
    }
  }

  function headTo(at) {
    headCurrent = at;
    head.mark(at);
    paint();
  }

  /** Column widths or choice changed by hand. */
  function edited(patch) {
    actions.setting({ columns: { ...state.settings.columns, ...patch } });
  }

  return {
    render,
    measure,
    /** In sight again, where it was left. */
    comeBack() {
      // Asking for a place that is known would lay the page out once more.
      if (!phone.matches && !rested) return;
      measure();
      if (scroller.scrollTop !== rested) scroller.scrollTop = rested;
    },
    move: (by) => move(current + by),
    // On phones the list scrolls with the page, and stays where it was.
    focus: () => grid.focus({ preventScroll: phone.matches }),
    hasFocus: () => document.activeElement === grid,
    /** Shows the row at `index` of the order, and makes it current. */
    goTo: move,
  };
}
