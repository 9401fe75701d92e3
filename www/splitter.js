// A separator beside a pane: dragged, moved by arrow keys, reset by a double click.

import { el, rem, setAttr } from "./dom.js";

const STEP_PX = 16;

/**
 * `read()` gives `{ now, least, most }` in px of the pane, which is on that `side` of the page;
 * `write(px | null)` takes a new width.
 */
export function splitter(label, read, write, side = "right") {
  const way = side === "right" ? -1 : 1;
  const node = el("div", { class: `splitter of-${side}`, role: "separator", tabIndex: 0, "aria-label": label, "aria-orientation": "vertical" });

  const set = (px) => {
    const { least, most } = read();
    write(Math.round(Math.max(least, Math.min(most, px))));
  };
  node.addEventListener("pointerdown", (down) => {
    if (down.button !== 0) return;
    down.preventDefault();
    const start = read().now;
    node.setPointerCapture(down.pointerId);
    node.classList.add("dragging");
    const drag = (event) => set(start + way * (event.clientX - down.clientX));
    const end = () => {
      node.classList.remove("dragging");
      node.removeEventListener("pointermove", drag);
    };
    node.addEventListener("pointermove", drag);
    node.addEventListener("pointerup", end, { once: true });
    node.addEventListener("pointercancel", end, { once: true });
  });
  node.addEventListener("dblclick", () => write(null));
  node.addEventListener("keydown", (event) => {
    const { now, least, most } = read();
    const to = { ArrowLeft: now - way * STEP_PX, ArrowRight: now + way * STEP_PX, Home: way < 0 ? most : least, End: way < 0 ? least : most }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    set(to);
  });

  return {
    node,
    render() {
      const { now, least, most } = read();
      setAttr(node, "aria-valuemin", Math.round(least / rem(0.1)));
      setAttr(node, "aria-valuemax", Math.round(most / rem(0.1)));
      setAttr(node, "aria-valuenow", Math.round(now / rem(0.1)));
    },
  };
}
