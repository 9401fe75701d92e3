// A treemap: areas in proportion, as square as they come. Drawn only; the tree beside it says the same,
// so that it is hidden from assistive technology.

import { el, rem, textWidth } from "./dom.js";
import { TYPES } from "./types.js";

const MOST_TILES = 120;
const GAP_PX = 2;

/**
 * `choose(item)` is called for a pressed tile. Items are `{ name, size, type, tip, weight }`; one without
 * a type stands for what is left over, and cannot be pressed.
 */
export function treemap(choose) {
  const node = el("div", { class: "treemap", "aria-hidden": "true" });
  let items = [];
  let drawn = "";
  new ResizeObserver(draw).observe(node);

  function draw() {
    const { clientWidth: width, clientHeight: height } = node;
    const key = JSON.stringify([width, height, items.map(({ name, size, type, tip, weight }) => [name, size, type, tip, weight])]);
    if (key === drawn) return;
    drawn = key;
    const tiles = gathered(items);
    node.replaceChildren(...squarified(tiles.map((item) => item.weight), width, height).map((box, at) => tileOf(tiles[at], box)));
  }

  function tileOf(item, { left, top, width, height }) {
    const [w, h] = [Math.max(0, width - GAP_PX), Math.max(0, height - GAP_PX)];
    const tile = el("div", { class: `tile ${item.type ? `t-${item.type}` : "rest"}`, title: item.tip, onclick: item.type ? () => choose(item) : null }, labelOf(item, w, h));
    tile.style.left = `${left}px`;
    tile.style.top = `${top}px`;
    tile.style.width = `${w}px`;
    tile.style.height = `${h}px`;
    return tile;
  }

  return {
    node,
    set(next) {
      items = next;
      draw();
    },
  };
}

/** Name over size; else the name; else the letter of the type; else nothing. Never a cut label. */
function labelOf({ name, size, type }, width, height) {
  const room = width - rem(1);
  const nameFits = textWidth(name, `400 ${rem(1.15)}px ui-monospace, Menlo, Consolas, monospace`) <= room;
  const sizeFits = textWidth(size, `400 ${rem(1.15)}px system-ui, sans-serif`) <= room;
  if (nameFits && sizeFits && height >= rem(4)) return [el("b", null, name), el("span", null, size)];
  if (nameFits && height >= rem(2.2)) return el("b", null, name);
  return type && width >= rem(1.6) && height >= rem(1.6) ? el("i", null, TYPES[type].letter) : null;
}

/** The largest items, and one for all the others. */
function gathered(items) {
  const seen = items.filter((item) => item.weight > 0).sort((a, b) => b.weight - a.weight);
  const others = seen.slice(MOST_TILES);
  if (!others.length) return seen;
  const weight = others.reduce((sum, item) => sum + item.weight, 0);
  return [...seen.slice(0, MOST_TILES), { name: "others", size: "", type: null, tip: "All others", weight }];
}

/**
 * Boxes for `weights`, which descend: rows are filled along the shorter side for as long as that makes
 * their boxes squarer (Bruls, Huizing and van Wijk, "Squarified Treemaps", 2000).
 */
export function squarified(weights, width, height) {
  const boxes = [];
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  if (!whole || width <= 0 || height <= 0) return boxes;
  const scale = (width * height) / whole;
  let free = { left: 0, top: 0, width, height };
  let at = 0;
  while (at < weights.length) {
    const side = Math.min(free.width, free.height);
    let end = at + 1;
    let area = weights[at] * scale;
    while (end < weights.length) {
      const wider = area + weights[end] * scale;
      const [most, least] = [weights[at] * scale, weights[end - 1] * scale];
      if (worst(most, weights[end] * scale, wider, side) > worst(most, least, area, side)) break;
      area = wider;
      end += 1;
    }
    const depth = Math.min(area / side || 0, Math.max(free.width, free.height));
    let along = 0;
    for (; at < end; at += 1) {
      const length = area ? (weights[at] * scale * side) / area : 0;
      boxes.push(free.width >= free.height
        ? { left: free.left, top: free.top + along, width: depth, height: length }
        : { left: free.left + along, top: free.top, width: length, height: depth });
      along += length;
    }
    free = free.width >= free.height
      ? { ...free, left: free.left + depth, width: free.width - depth }
      : { ...free, top: free.top + depth, height: free.height - depth };
  }
  return boxes;
}

/** The worst aspect of a row with this area, its largest and its smallest box. */
function worst(most, least, area, side) {
  const square = area * area;
  return Math.max((side * side * most) / square, square / (side * side * least));
}
