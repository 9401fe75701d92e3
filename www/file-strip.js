// The file from its first byte to its last as a strip: what of it was read, and a numbered mark for each finding.

import { el, fill, setAttr, show } from "./dom.js";
import { bytesText, count } from "./format.js";
import { readTo } from "./state.js";

const CLOSE_PX = 6;
const TICKS = 4;
/** Widths that labels take at most, so that no two stand on each other: of the marks by their characters, of the scale. */
const DIGIT_PX = 8;
const MARGIN_PX = 8;
const TICK_PX = 68;

export function mountStrip(actions) {
  const track = el("div", { class: "strip-track", role: "group", "aria-label": "Findings in the file", onkeydown: moveInStrip });
  const scale = el("div", { class: "strip-scale", "aria-hidden": "true" });
  const title = el("h2");
  const unread = el("span", null, el("i", { class: "unread" }), "not read");
  const legend = el("div", { class: "legend", "aria-hidden": "true" }, el("span", null, el("i", { class: "read" }), "read"), unread, el("span", null, el("i", { class: "fault" }), "fault"));
  const node = el("section", { class: "strip", "aria-label": "The file" }, el("div", { class: "strip-head" }, title, legend), track, scale);

  let last = null;
  let width = 0;
  new ResizeObserver(() => {
    if (track.clientWidth !== width && last) render(...last);
  }).observe(track);

  function render(state, found) {
    last = [state, found];
    const { source, finding } = state;
    width = track.clientWidth;
    const size = Math.max(1, source.size);
    const offset = readTo(state);
    title.textContent = `The file, byte 0 to ${count(source.size)}`;
    show(unread, offset < source.size);
    const done = el("div", { class: "strip-read" });
    done.style.width = `${Math.min(100, (offset / size) * 100)}%`;
    const marks = marksOf(found, size, width || 1000);
    const held = track.contains(document.activeElement);
    fill(track, done, marks.map((mark) => button(mark, found, finding)));
    const chosen = track.querySelector('[aria-pressed="true"]') ?? track.querySelector("button");
    if (chosen) chosen.tabIndex = 0;
    if (held) chosen?.focus();
    fill(scale, ticks(size, marks), labels(marks));
  }

  function button({ at, first, all }, found, finding) {
    const chosen = all.includes(finding);
    const one = found[first];
    const words = all.length > 1 ? `${all.length} findings from byte ${count(one.offset)}` : `Finding ${first + 1}, ${one.severity}, byte ${count(one.offset)}`;
    const severity = all.some((nth) => found[nth].severity === "error") ? "error" : "warning";
    const next = chosen ? all[(all.indexOf(finding) + 1) % all.length] : first;
    const mark = el("button", { class: `strip-mark ${severity}`, type: "button", "aria-label": words, title: words, tabIndex: -1, onclick: () => actions.finding(next) });
    setAttr(mark, "aria-pressed", String(chosen));
    mark.style.left = `${at * 100}%`;
    return mark;
  }

  function labels(marks) {
    let free = -Infinity;
    return marks.map(({ at, first, all }) => {
      const words = all.length > 1 ? `${first + 1}–${first + all.length}` : String(first + 1);
      const wide = words.length * DIGIT_PX + MARGIN_PX;
      if (at * width - wide / 2 < free) return null;
      free = at * width + wide / 2;
      const label = el("span", { class: "mark" }, words);
      label.style.left = `clamp(1rem, ${at * 100}%, calc(100% - 1rem))`;
      return label;
    });
  }

  function ticks(size, marks) {
    return Array.from({ length: TICKS }, (_, at) => {
      const tick = el("span", null, at === 0 ? "0" : bytesText(Math.round((size * at) / TICKS), 2));
      tick.style.left = `${(at * 100) / TICKS}%`;
      return marks.some((mark) => Math.abs(mark.at - at / TICKS) * width < TICK_PX) ? null : tick;
    });
  }

  /** The marks are one tab stop; the arrow keys go from one to the next. */
  function moveInStrip(event) {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const all = [...track.querySelectorAll("button")];
    const at = all.indexOf(document.activeElement);
    if (!way || at < 0) return;
    event.preventDefault();
    all[(at + way + all.length) % all.length].click();
  }

  return { node, render };
}

/** Marks of the findings, those closer than 6 px joined: `[{ at, first, all }]`, `at` from 0 to 1. */
export function marksOf(found, size, width) {
  const marks = [];
  found.forEach((one, nth) => {
    // The strip is what was unpacked; damage to the compression stands in the other file.
    if (one.compression) return;
    // The files of a log stand one behind the other.
    const at = Math.max(0, Math.min(1, ((one.before ?? 0) + one.offset) / size));
    const before = marks.at(-1);
    if (before && (at - before.at) * width < CLOSE_PX) before.all.push(nth);
    else marks.push({ at, first: nth, all: [nth] });
  });
  return marks;
}
