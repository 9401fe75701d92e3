// The list of keys, and the switch for those without a modifier.

import { el, icon } from "./dom.js";

const KEYS = [
  ["/", "Find keys"], ["↑ ↓", "Row up, down (k j)"],
  ["Enter →", "Open the value; again: wide"], ["Home End", "First, last row"],
  ["Esc", "Up one level"], ["[ ]", "Page of elements"],
  ["g k", "Keys"], ["g f", "Findings"], ["g c", "Convert"],
  ["g l", "Commands of a log"], ["e", "Export"],
  ["t", "To the prefixes"], ["m", "Treemap large"], ["d", "To the value"],
  ["1 – 8", "Type in chip order, on or off"], ["Shift 1 – 8", "Only this type"],
  ["c", "Copy the key"], ["Shift C", "Copy the value"],
  ["x", "Next format of the value"], ["n p", "Next, previous finding"],
  ["o", "Open a file"], ["Ctrl .", "Text, glob or regex"],
  ["F6", "Next region"], ["Shift F6", "Previous region"],
  ["↑ in the first row", "To the column titles: ← → move, Enter sorts"], ["Shift ← →", "Column narrower, wider"],
];

export function mountHelp(actions) {
  const toggle = el("input", { type: "checkbox", id: "single-keys", onchange: () => actions.setting({ singleKeys: toggle.checked }) });
  const dialog = el("dialog", { class: "help", "aria-labelledby": "help-title" },
    el("div", { class: "help-head" }, el("h2", { id: "help-title" }, "Keyboard"), el("button", { class: "icon-button", type: "button", "aria-label": "Close", onclick: () => dialog.close() }, icon("close"))),
    el("dl", null, KEYS.map(([keys, does]) => [el("dt", null, el("kbd", null, keys)), el("dd", null, does)])),
    el("div", { class: "switch" }, toggle, el("label", { htmlFor: "single-keys" }, "Keys without Ctrl or Alt work (outside text fields)")));
  document.body.append(dialog);
  return {
    open(settings) {
      toggle.checked = settings.singleKeys;
      dialog.showModal();
    },
    isOpen: () => dialog.open,
  };
}
