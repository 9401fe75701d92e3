// A long text by lines of one height, of which only those in sight are in the page. JSON, text and hex
// are all shown through it.

import { el, rem } from "./dom.js";

const SPARE = 12;
const LINE_REM = 2;

/** `draw(index)` gives the nodes of a line; `label` names the region for a screen reader. */
export function lineView(label) {
  const inner = el("div", { class: "lines-inner" });
  const node = el("div", { class: "lines mono", tabIndex: 0, role: "region", "aria-label": label, onscroll: paint }, inner);
  let total = 0;
  let draw = null;
  let shown = new Map();
  let height = 20;

  function set(count, drawLine, widest) {
    total = count;
    draw = drawLine;
    height = Math.round(rem(LINE_REM));
    inner.style.height = `${total * height}px`;
    inner.style.minWidth = widest ? `${widest}ch` : "";
    node.scrollTop = 0;
    node.scrollLeft = 0;
    for (const line of shown.values()) line.remove();
    shown = new Map();
    paint();
  }

  function paint() {
    if (!draw) return;
    const first = Math.max(0, Math.floor(node.scrollTop / height) - SPARE);
    const last = Math.min(total, Math.ceil((node.scrollTop + (node.clientHeight || 600)) / height) + SPARE);
    for (const [at, line] of shown) {
      if (at < first || at >= last) {
        line.remove();
        shown.delete(at);
      }
    }
    for (let at = first; at < last; at += 1) {
      if (shown.has(at)) continue;
      const line = el("div", { class: "line" }, draw(at));
      line.style.top = `${at * height}px`;
      shown.set(at, line);
      // Lines stand in the page in their order, so that reading and selecting follow it.
      const next = shown.get(at + 1);
      if (next) inner.insertBefore(line, next);
      else inner.append(line);
    }
  }

  new ResizeObserver(paint).observe(node);
  return { node, set, charsWide: () => Math.max(20, Math.floor((node.clientWidth - rem(4.4)) / charWidth(node))) };
}

function charWidth(node) {
  const probe = el("span", { class: "mono" }, "0000000000");
  node.append(probe);
  const width = probe.getBoundingClientRect().width / 10;
  probe.remove();
  return width || 7.2;
}
