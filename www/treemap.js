// A treemap: areas in proportion, as square as they come. Drawn only; the tree beside it says the same,
// so that it is hidden from assistive technology.

import { el, rem, sizeOf, textWidth } from "./dom.js";
import { bytesText } from "./format.js";
import { TYPES } from "./types.js";

/** Smaller areas are drawn as one, in square px. */
const LEAST_AREA = 64;
const GAP_PX = 2;

/** `choose(item)` is called for a pressed tile. Items are `{ name, size, type, tip, weight }`; those that are `rest` are drawn as one. */
export function treemap(choose) {
  const node = el("div", { class: "treemap", "aria-hidden": "true" });
  let items = [];
  let drawn = "";
  const size = sizeOf(node, draw);

  function draw() {
    const { width, height } = size;
    if (!width || !height) return;
    const key = JSON.stringify([width, height, items.map(({ name, size, type, tip, weight }) => [name, size, type, tip, weight])]);
    if (key === drawn) return;
    drawn = key;
    const tiles = gathered(items, width * height);
    node.replaceChildren(...squarified(tiles.map((item) => item.weight), width, height).map((box, at) => tileOf(tiles[at], box)));
  }

  function tileOf(item, { left, top, width, height }) {
    const [w, h] = [Math.max(0, width - GAP_PX), Math.max(0, height - GAP_PX)];
    const tile = el("div", { class: `tile t-${item.type}${item.rest ? " rest" : ""}`, title: item.tip, onclick: item.rest ? null : () => choose(item) }, labelOf(item, w, h));
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
  return width >= rem(1.6) && height >= rem(1.6) ? el("i", null, TYPES[type].letter) : null;
}

/** Items that can be seen and pressed, the largest first, and behind them one for all the others. */
function gathered(items, area) {
  const whole = items.reduce((sum, item) => sum + item.weight, 0);
  const isSeen = (item) => !item.rest && item.weight * area >= LEAST_AREA * whole;
  const seen = items.filter(isSeen).sort((a, b) => b.weight - a.weight);
  const weight = whole - seen.reduce((sum, item) => sum + item.weight, 0);
  if (weight <= 0) return seen;
  const byType = {};
  for (const item of items) if (!isSeen(item)) byType[item.type] = (byType[item.type] ?? 0) + item.weight;
  const [type] = Object.keys(byType).sort((a, b) => byType[b] - byType[a]);
  return [...seen, { name: "others", size: bytesText(weight), type, tip: `All others: ${bytesText(weight)}, mostly ${type}`, rest: true, weight }];
}

/**
 * Boxes for `weights`, which best descend: rows are filled along the shorter side for as long as that makes
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
    let row = { area: weights[at] * scale, most: weights[at] * scale, least: weights[at] * scale };
    while (end < weights.length) {
      const next = weights[end] * scale;
      const longer = { area: row.area + next, most: Math.max(row.most, next), least: Math.min(row.least, next) };
      if (worst(longer, side) > worst(row, side)) break;
      row = longer;
      end += 1;
    }
    const { area } = row;
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

/** The worst aspect of the boxes in a row along `side`. */
function worst({ area, most, least }, side) {
  const square = area * area;
  return Math.max((side * side * most) / square, square / (side * side * least));
}
