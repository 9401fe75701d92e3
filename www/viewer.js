// Shows the bytes of one value: a choice of formats, wrapping, and how much of it is on screen.

import { el, fill, icon, setAttr, setText, show } from "./dom.js";
import { bytesText } from "./format.js";
import { FORMATS, laidOut, possible, suited } from "./formats.js";
import { SHOWN_MOST } from "./limits.js";
import { lineView } from "./lines.js";
import { openMenu } from "./menu.js";

const IN_ROW = 3;

/** `chosen` remembers formats by prefix while the page is open; `label` names the value's region. */
export function valueViewer(actions, chosen, label) {
  const title = el("span", { class: "viewer-title mid mono" });
  const buttons = el("div", { class: "segments", role: "radiogroup", "aria-label": "Format" });
  const wrapButton = el("button", { class: "button bare wrap", type: "button", onclick: () => actions.setting({ wrap: !wrap }) }, "Wrap");
  const bar = el("div", { class: "viewer-bar" }, title, buttons, wrapButton);
  const view = lineView(label);
  const amount = el("span");
  const all = el("button", { class: "button link", type: "button", onclick: () => actions.showAll() }, "Show all");
  const save = el("button", { class: "button link", type: "button", onclick: () => actions.saveValue() }, icon("save"), "Save value");
  const foot = el("div", { class: "viewer-foot", hidden: true }, amount, all, save);
  const node = el("div", { class: "viewer" }, bar, view.node, foot);

  let bytes = null;
  let length = 0;
  let prefix = "";
  let format = "";
  let wrap = false;
  let choices = [];
  let drawn = "";

  function setFormat(name) {
    chosen.set(prefix, name);
    format = name;
    draw();
  }

  function draw() {
    const cut = bytes.length < length;
    choices = possible(bytes, cut);
    if (!choices.includes(format)) format = suited(bytes, cut);
    drawButtons();
    const { lines, draw: line, widest } = laidOut(format, bytes, cut, wrap && format !== "hex" ? view.charsWide() : 0);
    view.node.classList.toggle("numbered", format !== "hex");
    view.set(lines, line, widest);
  }

  function drawButtons() {
    const named = FORMATS.filter(([name]) => choices.includes(name));
    const first = named.slice(0, IN_ROW);
    if (!first.some(([name]) => name === format)) first[IN_ROW - 1] = named.find(([name]) => name === format);
    const radios = first.map(([name, label]) => el("button", {
      type: "button", role: "radio", "aria-checked": String(name === format), tabIndex: name === format ? 0 : -1, onclick: () => setFormat(name),
    }, label));
    const rest = el("button", { type: "button", class: "more-formats", "aria-label": "More formats", "aria-haspopup": "menu", onclick: () => openMenu(rest, named.map(([name, label]) => ({ label, kind: "radio", checked: name === format, run: () => setFormat(name) })), { label: "Formats", align: "right" }) }, icon("down", "small"));
    buttons.replaceChildren(...radios);
    bar.querySelector(".more-formats")?.remove();
    buttons.after(rest);
    buttons.onkeydown = (event) => {
      const way = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (!way) return;
      event.preventDefault();
      const at = first.findIndex(([name]) => name === format);
      setFormat(first[(at + way + first.length) % first.length][0]);
      buttons.querySelector('[aria-checked="true"]').focus();
    };
  }

  return {
    node,
    /** `heading` is written before the formats when the viewer stands under a list. */
    render({ value, keyPrefix, heading, wrap: wrapWanted, wide }) {
      const same = value.bytes === bytes && value.length === length;
      const changed = wrapWanted !== wrap || wide !== drawn;
      wrap = wrapWanted;
      drawn = wide;
      if (heading) fill(title, heading);
      show(title, Boolean(heading));
      setAttr(wrapButton, "aria-pressed", wrap);
      if (same && !changed) return;
      const another = value.bytes !== bytes;
      bytes = value.bytes;
      length = value.length;
      if (another) {
        prefix = keyPrefix;
        format = chosen.get(prefix) ?? suited(bytes, bytes.length < length);
      }
      draw();
      const cut = bytes.length < length;
      show(foot, cut);
      setText(amount, cut ? `First ${bytesText(bytes.length)} of ${bytesText(length)}` : "");
      show(all, cut && length <= SHOWN_MOST);
      show(save, cut && length > SHOWN_MOST);
    },
    format: () => format,
    /** The next format in turn, as `x` asks for. */
    nextFormat() {
      if (bytes) setFormat(choices[(choices.indexOf(format) + 1) % choices.length]);
    },
  };
}
