// The header of the key table: sort buttons, edges to drag, and the menu of columns.

import { COLUMNS, MEMORY_OF } from "./columns.js";
import { el, icon, rem, setAttr, setIcon, textWidth } from "./dom.js";
import { openMenu } from "./menu.js";

const NARROWEST_REM = 2;
const WIDEST_REM = 60;
/** What columns are called where there is place. */
const LABELS = { db: "Database", memory: "Memory, estimated", idle: "Idle time or frequency" };

export function mountHeader(actions, { edited, focusGrid }) {
  const node = el("div", { class: "grid-head", role: "row", "aria-rowindex": 1, oncontextmenu: onContext });
  const button = el("button", { class: "icon-button columns-button", type: "button", "aria-label": "Columns", title: "Columns", "aria-haspopup": "menu", tabIndex: -1, onclick: menu }, icon("columns"));
  let columns = [];
  let eviction = "";
  let state = null;

  function rebuild(next, kind) {
    columns = next;
    eviction = kind;
    const split = columns.findIndex((column) => column.id === "key");
    node.replaceChildren(...columns.map((column, at) => cellOf(column, at, split)));
  }

  function cellOf(column, at, split) {
    const title = el("span", null, column.id === "idle" && eviction === "freq" ? "Freq" : column.title, column.spoken ? el("span", { class: "sr" }, column.spoken) : null);
    const cell = el("div", { class: `head-cell${column.right ? " right" : ""}`, role: "columnheader", id: `head-${column.id}`, "aria-colindex": at + 1, title: column.tip ?? "" });
    if (column.sort) {
      const arrow = icon("arrow-down", "small");
      arrow.toggleAttribute("hidden", true);
      cell.append(el("button", { type: "button", tabIndex: -1, onclick: () => press(column) }, arrow, title));
    } else {
      cell.append(title);
    }
    if (column.width !== null) cell.append(edge(column, at > split));
    else cell.append(button);
    return cell;
  }

  function press(column) {
    actions.sortBy(column.sort);
    focusGrid();
  }

  /** Columns behind the key are dragged by their left edge, since the key takes what is left over. */
  function edge(column, atLeft) {
    const handle = el("span", { class: `head-edge${atLeft ? " left" : ""}`, "aria-hidden": "true" });
    handle.addEventListener("pointerdown", (down) => {
      const start = widthOf(column);
      const unit = rem(1);
      handle.setPointerCapture(down.pointerId);
      handle.classList.add("dragging");
      const drag = (event) => setWidth(column, start + ((atLeft ? -1 : 1) * (event.clientX - down.clientX)) / unit);
      const end = () => {
        handle.classList.remove("dragging");
        handle.removeEventListener("pointermove", drag);
      };
      handle.addEventListener("pointermove", drag);
      handle.addEventListener("pointerup", end, { once: true });
      handle.addEventListener("pointercancel", end, { once: true });
    });
    handle.addEventListener("dblclick", () => fit(column));
    return handle;
  }

  function widthOf(column) {
    return state.settings.columns.widths?.[column.id] ?? column.width;
  }

  function setWidth(column, width) {
    const clean = Math.round(Math.max(NARROWEST_REM, Math.min(WIDEST_REM, width)) * 10) / 10;
    edited({ widths: { ...state.settings.columns.widths, [column.id]: clean } });
  }

  /** As wide as the longest text in sight. */
  function fit(column) {
    const cells = [...node.parentElement.querySelectorAll(`.row:not([hidden]) > .td.${column.id}`)];
    const font = cells[0] ? getComputedStyle(cells[0]).font : "";
    const badge = column.id === "type" ? rem(1.2) + 8 : 8;
    const widest = Math.max(0, ...cells.map((cell) => textWidth(seenText(cell), font)));
    if (widest) setWidth(column, (widest + badge) / rem(1));
  }

  function onContext(event) {
    event.preventDefault();
    menu();
  }

  function menu() {
    const visible = new Set(columns.map((column) => column.id));
    const items = COLUMNS.filter((column) => column.id !== "key").map((column) => ({
      label: LABELS[column.id] ?? column.title,
      hint: column.id === "memory" ? `as in ${MEMORY_OF}` : "",
      kind: "checkbox",
      checked: visible.has(column.id),
      keep: true,
      run: () => {
        const shown = { ...state.settings.columns.shown, [column.id]: !visible.has(column.id) };
        visible.has(column.id) ? visible.delete(column.id) : visible.add(column.id);
        edited({ shown });
        return visible.has(column.id);
      },
    }));
    openMenu(button, [...items, { line: true }, { label: "Reset columns", run: () => actions.setting({ columns: {} }) }], { label: "Columns", align: "right" });
  }

  /** What is drawn of a cell, without what is only spoken. */
  function seenText(cell) {
    return [...cell.childNodes].filter((part) => !part.classList?.contains("sr")).map((part) => part.textContent).join("");
  }

  return {
    node, rebuild,
    idOf: (at) => `head-${columns[at].id}`,
    mark(at) {
      columns.forEach((column, nth) => node.children[nth]?.classList.toggle("current", nth === at));
    },
    resize(column, px) {
      if (column.width !== null) setWidth(column, widthOf(column) + px / rem(1));
    },
    openMenu: menu,
    render(next) {
      state = next;
      const { sort, descending } = next.query;
      columns.forEach((column, at) => {
        const sorted = column.sort === sort;
        const cell = node.children[at];
        setAttr(cell, "aria-sort", sorted ? (descending ? "descending" : "ascending") : column.sort ? "none" : null);
        const arrow = cell.querySelector("button > svg");
        if (!arrow) return;
        arrow.toggleAttribute("hidden", !sorted);
        setIcon(arrow, descending ? "arrow-down" : "arrow-up");
      });
    },
  };
}
