// A long text by lines of one height, of which only those in sight are in the page. JSON, text and hex
// are all shown through it.

import { el, rem } from "./dom.js";
import { Geometry } from "./geometry.js";

const SPARE = 12;
const LINE_REM = 2;
const REST_MS = 150;

/** `draw(index)` gives the nodes of a line; `label` names the region for a screen reader. */
export function lineView(label) {
  const inner = el("div", { class: "lines-inner" });
  const node = el("div", { class: "lines mono", tabIndex: 0, role: "region", "aria-label": label, onscroll: onScroll }, inner);
  const geometry = new Geometry();
  let draw = null;
  let shown = new Map();
  let restTimer = null;

  function set(count, drawLine, widest) {
    draw = drawLine;
    geometry.rows = count;
    geometry.rowHeight = Math.round(rem(LINE_REM));
    inner.style.height = `${geometry.height}px`;
    inner.style.minWidth = widest ? `${widest}ch` : "";
    node.scrollTop = 0;
    node.scrollLeft = 0;
    geometry.scrolled(0);
    for (const line of shown.values()) line.remove();
    shown = new Map();
    paint();
  }

  /** Beyond the height a browser can make, the thumb maps in proportion, and is put back when it rests. */
  function onScroll() {
    geometry.scrolled(node.scrollTop);
    if (geometry.stuck(node.scrollTop)) node.scrollTop = geometry.rest();
    paint();
    clearTimeout(restTimer);
    if (geometry.scaled) restTimer = setTimeout(() => {
      node.scrollTop = geometry.rest();
      paint();
    }, REST_MS);
  }

  function paint() {
    if (!draw) return;
    geometry.viewport = node.clientHeight || 600;
    const [first, last] = geometry.range(SPARE);
    const at = geometry.scaled ? node.scrollTop : 0;
    for (const [index, line] of shown) {
      if (index < first || index >= last) {
        line.remove();
        shown.delete(index);
      }
    }
    for (let index = first; index < last; index += 1) {
      const there = shown.get(index);
      const line = there ?? el("div", { class: "line" }, draw(index));
      line.style.top = `${geometry.place(index, at)}px`;
      if (there) continue;
      shown.set(index, line);
      // Lines stand in the page in their order, so that reading and selecting follow it.
      const next = shown.get(index + 1);
      if (next) inner.insertBefore(line, next);
      else inner.append(line);
    }
  }

  new ResizeObserver(paint).observe(node);
  return { node, set, clear: () => set(0, () => [], 0), charsWide: () => Math.max(20, Math.floor((node.clientWidth - rem(6.2)) / charWidth(node))) };
}

function charWidth(node) {
  const probe = el("span", { class: "mono" }, "0000000000");
  node.append(probe);
  const width = probe.getBoundingClientRect().width / 10;
  probe.remove();
  return width || 7.2;
}
