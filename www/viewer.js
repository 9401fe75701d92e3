// Shows the bytes of one value: a choice of formats, wrapping, and how much of it is on screen.

import { lineCount } from "./document.js";
import { el, fill, icon, setAttr, setText, show } from "./dom.js";
import { drawLine } from "./draw.js";
import { bytesText } from "./format.js";
import { FORMATS, prepare, study } from "./formats.js";
import { SHOWN_MOST } from "./limits.js";
import { lineView } from "./lines.js";
import { openMenu } from "./menu.js";

const IN_ROW = ["json", "text", "hex"];
/** Above that a worker lays out, so that the page goes on. */
const HERE_BYTES = 256 << 10;
const LATE_MS = 100;
/** What the bytes of a file are looked at as, other than those of a value. */
const ONLY = { hex: ["text", "hex", "base64"] };

/** `chosen` remembers formats by prefix while the page is open; `label` names the value's region. */
export function valueViewer(actions, chosen, label) {
  const title = el("span", { class: "viewer-title mid mono" });
  const buttons = el("div", { class: "segments", role: "radiogroup", "aria-label": "Format" });
  const rest = el("button", { type: "button", class: "more-formats", "aria-label": "More formats", title: "More formats (x for the next)", "aria-haspopup": "menu", onclick: menu }, icon("down", "small"));
  const wrapButton = el("button", { class: "button bare wrap", type: "button", onclick: () => actions.setting({ wrap: !wrap }) }, "Wrap");
  const bar = el("div", { class: "viewer-bar" }, title, el("span", { class: "viewer-formats" }, buttons, rest), wrapButton);
  const note = el("p", { class: "viewer-note", hidden: true });
  const view = lineView(label);
  const amount = el("span");
  const all = el("button", { class: "button link", type: "button", onclick: () => actions.showAll() }, "Show all");
  const save = el("button", { class: "button link", type: "button", onclick: () => actions.saveValue() }, icon("save"), "Save value");
  const foot = el("div", { class: "viewer-foot", hidden: true }, amount, all, save);
  const node = el("div", { class: "viewer" }, bar, note, view.node, foot);

  let bytes = null;
  let length = 0;
  /** Where the bytes begin in what they are part of. */
  let base = 0;
  let prefix = "";
  let only = null;
  let studied = null;
  let format = "";
  let wrap = false;
  let drawn = "";
  let turn = 0;

  function setFormat(name) {
    if (!only) chosen.set(prefix, name);
    format = name;
    drawButtons();
    draw().catch(failed);
  }

  /** In a worker when it takes long. */
  function run(op, args) {
    return args.bytes.length > HERE_BYTES && args.format !== "hex" ? actions.lay(op, args) : op === "study" ? study(args.bytes, args.cut) : prepare(args.format, args.bytes, args.cut, args.wrap);
  }

  /** A file that is closed meanwhile ends what was asked for; there is nothing to show then. */
  function failed(error) {
    if (error.code !== "ended") say(error.message);
  }

  async function take() {
    turn += 1;
    const mine = turn;
    const cut = bytes.length < length;
    view.clear();
    const late = setTimeout(() => mine === turn && say("Reading value"), LATE_MS);
    const found = only ? { formats: ONLY[only], suited: only, name: null } : await run("study", { bytes, cut });
    clearTimeout(late);
    if (mine !== turn) return;
    studied = found;
    const wished = only ? null : chosen.get(prefix);
    format = studied.formats.includes(wished) ? wished : studied.suited;
    drawButtons();
    await draw();
  }

  async function draw() {
    turn += 1;
    const mine = turn;
    const late = setTimeout(() => mine === turn && say("Reading value"), LATE_MS);
    const document = await run("prepare", { format, bytes, cut: bytes.length < length, wrap: wrap && format !== "hex" ? view.charsWide() : 0 });
    clearTimeout(late);
    if (mine !== turn) return;
    say(document.note ?? (studied.name ? `Begins like ${studied.name}, which is not decoded.` : ""));
    view.node.classList.toggle("numbered", !document.hex);
    view.set(lineCount(document), (at) => drawLine(document, at, base), document.hex ? 78 : document.widest);
  }

  function say(words) {
    show(note, words !== "");
    setText(note, words);
  }

  /** The first three and the one that is chosen; the menu has them all. */
  function drawButtons() {
    const named = FORMATS.filter(([name]) => studied.formats.includes(name));
    const first = named.filter(([name]) => IN_ROW.includes(name) || name === format);
    buttons.replaceChildren(...first.map(([name, words]) => el("button", {
      type: "button", role: "radio", "aria-checked": String(name === format), tabIndex: name === format ? 0 : -1, onclick: () => setFormat(name),
    }, words)));
    buttons.onkeydown = (event) => {
      const way = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (!way) return;
      event.preventDefault();
      const at = first.findIndex(([name]) => name === format);
      setFormat(first[(at + way + first.length) % first.length][0]);
      buttons.querySelector('[aria-checked="true"]').focus();
    };
  }

  function menu() {
    const named = FORMATS.filter(([name]) => studied?.formats.includes(name));
    openMenu(rest, named.map(([name, words]) => ({ label: words, kind: "radio", checked: name === format, run: () => setFormat(name) })), { label: "Formats", align: "right" });
  }

  return {
    node,
    /** `heading` is written before the formats when the viewer stands under a list. */
    render({ value, keyPrefix, only: onlyWanted = null, heading, wrap: wrapWanted, wide }) {
      const same = value.bytes === bytes && value.length === length;
      const changed = wrapWanted !== wrap || wide !== drawn && wrapWanted;
      wrap = wrapWanted;
      drawn = wide;
      if (heading && !same) fill(title, heading);
      show(title, Boolean(heading));
      setAttr(wrapButton, "aria-pressed", wrap);
      if (same) {
        if (changed && studied) draw().catch(failed);
        return;
      }
      bytes = value.bytes;
      length = value.length;
      base = value.offset ?? 0;
      prefix = keyPrefix;
      only = onlyWanted;
      studied = null;
      const cut = bytes.length < length;
      show(foot, cut);
      setText(amount, cut ? `First ${bytesText(bytes.length)} of ${bytesText(length)}` : "");
      show(all, cut && length <= SHOWN_MOST);
      show(save, cut && length > SHOWN_MOST);
      take().catch(failed);
    },
    format: () => format,
    /** The next format in turn, as `x` asks for. */
    nextFormat() {
      if (studied) setFormat(studied.formats[(studied.formats.indexOf(format) + 1) % studied.formats.length]);
    },
  };
}
