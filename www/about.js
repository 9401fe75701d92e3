// The summary as a view of its own, where the strip has no place: on phones.

import { badge } from "./columns.js";
import { el, fill } from "./dom.js";
import { bytesText, count, dateTimeUtc } from "./format.js";
import { CHECKSUM } from "./status.js";
import { BUCKET_LONG, BUCKETS } from "./types.js";

export function mountAbout(root, actions) {
  let shown = "";

  function render({ report, expiry, source, packing, progress, phase, log, dropped }) {
    if (root.hidden || !report) return;
    const key = JSON.stringify([progress, phase, expiry, report.keys]);
    if (key === shown) return;
    shown = key;
    fill(root,
      el("h2", null, "This file"),
      el("dl", { class: "pairs" }, pairs({ report, source, packing, phase, log, dropped })),
      el("h2", null, "Keys by type"),
      table(["Type", "Keys", "Bytes"], report.types.map((one) => [[badge(one.type), pick(one.type, () => actions.toggleType(one.type, true))], count(one.keys), bytesText(one.bytes)])),
      el("h2", null, "Keys by expiry"),
      table(["Expires", "Keys"], expiry ? BUCKETS.filter((bucket) => expiry[bucket]).map((bucket) => [pick(BUCKET_LONG[bucket], () => actions.toggleExpiry(bucket)), count(expiry[bucket])]) : []),
      el("h2", null, "Databases"),
      table(["Database", "Keys", "Bytes"], report.databases.map((one) => [`db ${one.db}`, count(one.keys), bytesText(one.bytes)])),
      el("h2", null, "Encodings"),
      table(["Encoding", "Keys", "Bytes"], report.encodings.map((one) => [one.encoding, count(one.keys), bytesText(one.bytes)])));
  }

  function pick(label, run) {
    return el("button", { class: "button link", type: "button", onclick: () => { run(); actions.view("keys"); } }, label);
  }

  return { render };
}

function pairs({ report, source, packing, phase, log, dropped }) {
  const packed = packing ? [["Compressed", `${packing.compression}, ${bytesText(packing.source.size)}`]] : [];
  const first = dropped > 1 ? [["Opened", `the first of ${count(dropped)} files`]] : [];
  const list = [...first, ...packed, ["Size", bytesText(source.size)], ["Format", log ? "AOF" : `${report.format.toUpperCase()} ${report.version || ""}`.trim()]];
  if (log) list.push(["Commands", count(log.made?.applied ?? 0)]);
  if (report.producer) list.push(["Written by", report.producer]);
  if (report.savedAtMs !== null && report.savedAtMs !== undefined) list.push(["Saved", dateTimeUtc(report.savedAtMs)]);
  if (phase === "read" && report.version && !log) list.push(["Checksum", CHECKSUM[report.checksum].replace(/^checksum /, "")]);
  list.push(["Keys and values", bytesText(report.bytes, 4)]);
  for (const [name, value] of report.aux) list.push([name, value.slice(0, 200)]);
  if (report.functions.length) list.push(["Functions", count(report.functions.length)]);
  return list.map(([name, value]) => [el("dt", null, name), el("dd", null, value)]);
}

function table(titles, rows) {
  return el("table", null,
    el("thead", null, el("tr", null, titles.map((title) => el("th", { scope: "col" }, title)))),
    el("tbody", null, rows.map((row) => el("tr", null, row.map((cell) => el("td", null, cell))))));
}
