// Small helpers to build the page. Nothing here takes markup: text enters as text nodes only.

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties, attributes (`aria-*`, `data-*`, `role`), listeners (`on*`) and children. */
export function el(tag, props, ...children) {
  const node = document.createElement(tag);
  if (props) setProps(node, props);
  append(node, children);
  return node;
}

function setProps(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && !name.includes("-") && name !== "role" && name !== "list") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
}

function append(node, children) {
  for (const child of children) {
    if (child === undefined || child === null || child === false) continue;
    if (Array.isArray(child)) append(node, child);
    else node.append(child);
  }
}

/** An icon of the sprite in index.html; decoration, so hidden from assistive technology. */
export function icon(name, extra = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", extra ? `icon ${extra}` : "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Points an existing icon at another symbol. */
export function setIcon(svg, name) {
  svg.firstChild.setAttribute("href", `#i-${name}`);
}

/** Replaces all children, leaving the node alone when it already holds just this text. */
export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

/** A sentence as nodes; what stands between backticks is set in the fixed font. */
export function marked(words) {
  return words.split("`").map((part, at) => (at % 2 ? el("span", { class: "mono" }, part) : part));
}

export function setText(node, text) {
  const first = node.firstChild;
  if (first && first === node.lastChild && first.nodeType === 3) {
    if (first.data !== text) first.data = text;
  } else if (first || text) {
    node.textContent = text;
  }
}

export function setAttr(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, String(value));
  }
}

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** True when typing belongs to the field that has the focus. */
export function isTextField(node) {
  if (!node) return false;
  if (node.isContentEditable || node.tagName === "TEXTAREA" || node.tagName === "SELECT") return true;
  return node.tagName === "INPUT" && !["checkbox", "radio", "button", "file", "range"].includes(node.type);
}

/** Loads the style sheets that the first view does without; each takes effect where it stands among the others. */
export function styled() {
  return Promise.all([...document.querySelectorAll('link[rel="later"]')].map((link) => new Promise((loaded, failed) => {
    link.onload = loaded;
    link.onerror = () => {
      link.rel = "later";
      failed();
    };
    link.rel = "stylesheet";
  })));
}

let canvas;
/** Width of a text in CSS px, in the font given as for `CanvasRenderingContext2D.font`. */
export function textWidth(text, font) {
  canvas ??= document.createElement("canvas").getContext("2d");
  canvas.font = font;
  return canvas.measureText(text).width;
}

/**
 * The size in px of what is inside of a node's padding, as the browser tells it: reading it lays nothing out. `changed()` is
 * told, within the frame. A node out of sight keeps the size it had.
 */
export function sizeOf(node, changed) {
  const size = { width: 0, height: 0 };
  new ResizeObserver(([{ contentRect: { width, height } }]) => {
    if (!width && !height) return;
    Object.assign(size, { width, height });
    changed();
  }).observe(node);
  return size;
}

let rootPx = 0;

/** Size in CSS px of `rem` root em, so that everything measured in script follows the reader's text size. */
export function rem(value) {
  if (!rootPx) {
    const read = () => (rootPx = parseFloat(getComputedStyle(document.documentElement).fontSize));
    const probe = el("div", { class: "one-rem", "aria-hidden": "true" });
    document.body.append(probe);
    sizeOf(probe, read);
    read();
  }
  return value * rootPx;
}

/** The arrow keys of a group of radio buttons. */
export function turnRadio(event) {
  const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!way) return;
  event.preventDefault();
  event.stopPropagation();
  const radios = [...event.currentTarget.querySelectorAll('[role="radio"]:not([hidden])')];
  const next = radios[(radios.indexOf(event.target) + way + radios.length) % radios.length];
  next.click();
  next.focus();
}

/** Marks one of a group of radio buttons. */
export function pick(radio, on) {
  setAttr(radio, "aria-checked", String(on));
  radio.tabIndex = on ? 0 : -1;
}
