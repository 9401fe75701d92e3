// A page of elements as a grid: one tab stop, arrow keys move, Enter opens the element below.

import { el, fill, setAttr } from "./dom.js";

let serial = 0;

/**
 * `columns`: `[{ title, width, right, mono, head }]`, `cells(item, at)` fills one row: strings or nodes.
 * `open(at)` is called for a chosen row; without it rows are not chosen. `gapBefore(item, at)` gives the cells of a row
 * that stands before an element and is none, or null.
 */
export function elementGrid(label, open) {
  serial += 1;
  const name = `elements-${serial}`;
  const head = el("div", { class: "el-row el-head", role: "row" });
  const body = el("div", { class: "el-body", role: "rowgroup" });
  const node = el("div", { class: "el-grid", role: "grid", tabIndex: 0, "aria-label": label, onkeydown: onKey, onclick: onClick, onpointerover: tellWhole }, el("div", { role: "rowgroup", class: "el-head-group" }, head), body);
  let current = 0;
  let length = 0;
  /** Of every row on screen the element it shows, or null. */
  let elements = [];
  let shown = null;
  let chosenAt = null;

  function set({ columns, items, cells, first, total, gapBefore = () => null }) {
    current = 0;
    elements = [];
    const rows = items.flatMap((item, at) => {
      const gap = gapBefore(item, at);
      elements.push(...(gap ? [null, at] : [at]));
      return gap ? [{ values: gap, isGap: true }, { values: cells(item, at) }] : [{ values: cells(item, at) }];
    });
    length = rows.length;
    node.style.setProperty("--el-columns", columns.map((column) => column.width).join(" "));
    node.setAttribute("aria-rowcount", total + 1 + rows.length - items.length);
    fill(head, columns.map((column) => el("div", { class: `el-td${column.right ? " right" : ""}${column.mono ? " mono" : ""}`, role: column.title ? "columnheader" : "none" }, column.title)));
    fill(body, rows.map(({ values, isGap }, at) => {
      return el("div", { class: `el-row${isGap ? " gap" : ""}`, role: "row", id: `${name}-${at}`, "aria-rowindex": first + at + 2, "aria-selected": open && !isGap ? "false" : null },
        values.map((value, nth) => {
          const column = columns[nth];
          const cell = el("div", { class: `el-td${column.right ? " right" : ""}${column.mono ? " mono" : ""} ${column.kind ?? ""}`, role: column.title ? "gridcell" : "none" });
          if (typeof value === "string") cell.textContent = value;
          else fill(cell, value);
          return cell;
        }));
    }));
    node.scrollTop = 0;
    point();
  }

  function point() {
    for (const row of body.querySelectorAll(".current")) row.classList.remove("current");
    body.children[current]?.classList.add("current");
    setAttr(node, "aria-activedescendant", length ? `${name}-${current}` : null);
  }

  function move(to) {
    current = Math.max(0, Math.min(length - 1, to));
    point();
    body.children[current]?.scrollIntoView({ block: "nearest" });
  }

  function onKey(event) {
    if (event.target !== node) return;
    const by = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (by) move(current + by);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(length - 1);
    else if (event.key === "Enter" && open) openCurrent();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function onClick(event) {
    const row = event.target.closest(".el-body > .el-row");
    if (!row) return;
    current = [...body.children].indexOf(row);
    point();
    openCurrent();
  }

  /** What does not fit into its cell is its tooltip. */
  function tellWhole({ target }) {
    const cell = target.closest(".el-td");
    if (cell && !cell.title && cell.scrollWidth > cell.clientWidth) cell.title = cell.textContent;
  }

  function openCurrent() {
    const at = elements[current];
    if (at !== null && at !== undefined) open?.(at);
  }

  function rowOf(element) {
    return element === null ? null : body.children[elements.indexOf(element)];
  }

  return {
    node,
    /** Draws a page; the same `page` is not drawn twice. */
    render(page, build, chosen) {
      if (page !== shown) {
        shown = page;
        chosenAt = null;
        set(build());
      }
      if (chosen === chosenAt) return;
      rowOf(chosenAt)?.setAttribute("aria-selected", "false");
      chosenAt = chosen;
      if (chosen !== null) {
        current = elements.indexOf(chosen);
        point();
        rowOf(chosen)?.setAttribute("aria-selected", "true");
        requestAnimationFrame(() => rowOf(chosen)?.scrollIntoView({ block: "nearest" }));
      }
    },
  };
}
