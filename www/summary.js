// The summary strip: keys, bytes, the largest key, and two bars whose segments filter.

import { badge } from "./columns.js";
import { el, fill, icon, rem, setAttr, setText, show, sizeOf, textWidth } from "./dom.js";
import { bytes, bytesText, count, percent, plural, spokenPercent } from "./format.js";
import { facets } from "./state.js";
import { paintOneLine } from "./text.js";
import { BUCKET_LABEL, BUCKET_LONG, BUCKETS, TYPES } from "./types.js";

export function mountSummary(root, actions) {
  const keys = figure("Keys");
  const size = figure("Keys and values");
  const largest = el("button", { class: "largest", type: "button", onclick: actions.openLargest });
  const largestFact = el("div", { class: "fact" }, el("div", { class: "fact-label" }, "Largest key"), largest);
  const typeLabel = el("span", { class: "only-narrow second" }, "bytes by type");
  const phoneKeys = el("b", { class: "only-narrow" });
  const typeBar = el("div", { class: "bar", role: "group", "aria-label": "Bytes by type", onkeydown: moveInBar });
  const types = el("div", { class: "fact wide" }, el("div", { class: "fact-label" }, phoneKeys, el("span", { class: "only-wide" }, "Bytes by type"), typeLabel), typeBar);
  const expired = el("span", { class: "warn expired-note", hidden: true });
  const expiryBar = el("div", { class: "bar", role: "group", "aria-label": "Keys by expiry", onkeydown: moveInBar });
  const expiry = el("div", { class: "fact expiry" }, el("div", { class: "fact-label" }, el("span", null, "Keys by expiry"), expired), expiryBar);
  const normal = [keys.node, size.node, largestFact, types, expiry];
  root.append(...normal);

  let state = null;
  let largestShown = -1;
  const again = () => state && render(state);
  const typeSize = sizeOf(typeBar, again);
  const expirySize = sizeOf(expiryBar, again);

  function render(next) {
    state = next;
    for (const node of normal) show(node, next.view !== "findings");
    if (root.hidden || next.view === "findings") return;
    const { report, progress } = next;
    const total = report?.keys ?? 0;
    const reading = next.phase === "reading" || next.phase === "stopped";
    setText(keys.value, count(progress?.keys ?? total));
    setText(keys.note, reading ? "so far" : inDatabases(report));
    setText(phoneKeys, plural(total, "key"));
    const amount = bytes(report?.bytes ?? 0, 4);
    setText(size.value, `${amount.number} ${amount.unit}`);
    setText(size.note, total ? `${bytesText(Math.round(report.bytes / total))} a key` : "");
    renderLargest(report);
    const shown = facets(next);
    renderTypes(next, shown);
    renderExpiry(next, shown);
  }

  async function renderLargest(report) {
    const id = report?.largest ?? null;
    largest.toggleAttribute("disabled", id === null);
    if (id === largestShown) return;
    largestShown = id;
    if (id === null) return fill(largest, "–");
    const row = await actions.row(id);
    if (!row || largestShown !== id) return undefined;
    const key = el("span", { class: "mid mono" });
    paintOneLine(key, row.key);
    return fill(largest, badge(row.type), el("span", { class: "sr" }, row.type), key, el("span", { class: "num" }, bytesText(row.bytes)));
  }

  function renderTypes({ query }, { types: parts }) {
    const whole = parts.reduce((sum, one) => sum + one.bytes, 0);
    reuse(typeBar, parts.map((one) => one.bytes), () => el("button", { type: "button", onclick: (event) => actions.toggleType(event.currentTarget.dataset.type, true) }));
    const widths = shares(parts.map((one) => one.bytes), typeSize.width);
    parts.forEach((one, at) => {
      const segment = typeBar.children[at];
      segment.dataset.type = one.type;
      const share = percent(one.bytes, whole);
      const label = fitting(one.type, share, widths[at]);
      segment.className = `segment t-${one.type}${label === "full" ? "" : " bare"}`;
      segment.style.setProperty("--share", one.bytes || 0.001);
      const kind = `${one.type}|${label}|${share}`;
      if (segment.dataset.kind !== kind) {
        segment.dataset.kind = kind;
        fill(segment,
          label === "none" ? null : el("b", { "aria-hidden": "true" }, TYPES[one.type].letter),
          label === "full" ? [el("span", { "aria-hidden": "true" }, one.type), el("span", { class: "share", "aria-hidden": "true" }, share)] : null,
          el("span", { class: "sr" }, `${one.type}, ${spokenPercent(one.bytes, whole)} of bytes`));
      }
      setAttr(segment, "aria-pressed", query.types.includes(one.type));
      segment.title = `${one.type}: ${bytesText(one.bytes)}, ${share}, ${plural(one.keys, "key")}`;
    });
    typeBar.classList.toggle("chosen", query.types.length > 0);
  }

  function renderExpiry({ query }, { expiry: counts }) {
    const present = counts ? BUCKETS.filter((bucket) => counts[bucket] > 0 || bucket === query.expiry) : [];
    const whole = present.reduce((sum, bucket) => sum + counts[bucket], 0);
    reuse(expiryBar, present.map((bucket) => counts[bucket]), () => el("button", { type: "button", onclick: (event) => actions.toggleExpiry(event.currentTarget.dataset.bucket) }));
    const widths = shares(present.map((bucket) => counts[bucket]), expirySize.width);
    present.forEach((bucket, at) => {
      const segment = expiryBar.children[at];
      segment.dataset.bucket = bucket;
      segment.className = `segment e e-${bucket}`;
      segment.style.setProperty("--share", counts[bucket]);
      const fits = bucket !== "expired" && textWidth(BUCKET_LABEL[bucket], `400 ${rem(1.2)}px system-ui`) + 6 <= widths[at];
      setAttr(segment, "aria-pressed", query.expiry === bucket);
      const words = bucket === "never" ? "Never expire" : bucket === "expired" ? "Expired" : `Expire ${bucket === "hour" || bucket === "later" ? BUCKET_LONG[bucket] : `in ${BUCKET_LONG[bucket]}`}`;
      const kind = `${bucket}|${fits}|${counts[bucket]}`;
      if (segment.dataset.kind !== kind) {
        segment.dataset.kind = kind;
        fill(segment, fits ? el("span", { "aria-hidden": "true" }, BUCKET_LABEL[bucket]) : null, el("span", { class: "sr" }, `${words}, ${plural(counts[bucket], "key")}`));
      }
      segment.title = `${words}: ${plural(counts[bucket], "key")}, ${percent(counts[bucket], whole)}`;
    });
    expiryBar.classList.toggle("chosen", present.includes(query.expiry));
    const gone = counts?.expired ?? 0;
    show(expired, gone > 0);
    if (gone > 0 && expired.dataset.n !== String(gone)) {
      expired.dataset.n = String(gone);
      fill(expired, icon("clock", "small"), ` ${count(gone)} expired`);
    }
  }

  return { render };
}

function figure(label) {
  const value = el("b");
  const note = el("span", { class: "num" });
  return { value, note, node: el("div", { class: "fact" }, el("div", { class: "fact-label" }, label), el("div", { class: "fact-value" }, value, note)) };
}

function inDatabases(report) {
  const n = report?.databases.length ?? 0;
  return n ? `in ${plural(n, "database")}` : "";
}

/** A bar is one tab stop, its widest segment at first; the arrow keys move in it. */
function reuse(bar, values, make) {
  const held = bar.contains(document.activeElement);
  while (bar.childElementCount < values.length) bar.append(make());
  while (bar.childElementCount > values.length) bar.lastChild.remove();
  if (held) return;
  const widest = values.indexOf(Math.max(...values));
  [...bar.children].forEach((segment, at) => {
    segment.tabIndex = at === widest ? 0 : -1;
  });
}

function moveInBar(event) {
  const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const all = [...event.currentTarget.children];
  const at = all.indexOf(document.activeElement);
  if (!way || at < 0) return;
  event.preventDefault();
  const next = all[(at + way + all.length) % all.length];
  for (const segment of all) segment.tabIndex = segment === next ? 0 : -1;
  next.focus();
}

/** Widths of the segments as the layout gives them: in proportion, at least 5 px, 2 px apart. */
function shares(values, width) {
  const whole = values.reduce((sum, value) => sum + value, 0) || 1;
  const room = width - 2 * (values.length - 1);
  return values.map((value) => Math.max(5, (value / whole) * room));
}

/** What fits: letter, name and percent; else the letter; else nothing. Never a cut label. */
function fitting(type, share, width) {
  const font = `400 ${rem(1.2)}px system-ui`;
  const around = rem(0.7) + 2 * rem(0.5) + 2 * rem(0.5);
  if (textWidth(type, font) + textWidth(share, font) + around <= width) return "full";
  return width >= rem(1.2) ? "letter" : "none";
}
