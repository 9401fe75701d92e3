// One command with all its arguments: where it stands, and any argument in full.

import { partName } from "./commands.js";
import { el, fill, icon, setText, show } from "./dom.js";
import { elementGrid } from "./element-grid.js";
import { bytesExact, bytesText, clockTime, count, dateTimeUtc, day, plural } from "./format.js";
import { PAGE, SHOWN_FIRST } from "./limits.js";
import { nodes, runs } from "./text.js";
import { valueViewer } from "./viewer.js";

const SHOWN = 240;
const COLUMNS = [{ title: "", width: "3.6rem", right: true, kind: "quiet" }, { title: "Argument", width: "minmax(0, 1fr)", mono: true }, { title: "Bytes", width: "7rem", right: true }];

export function mountCommand(root, actions) {
  const back = el("button", { class: "icon-button only-narrow", type: "button", "aria-label": "Back to the commands", onclick: () => actions.leaveCommand() }, icon("back"));
  const close = el("button", { class: "icon-button only-wide", type: "button", "aria-label": "Close", title: "Close (Esc)", onclick: () => actions.leaveCommand() }, icon("close"));
  const kind = el("span", { class: "detail-type" });
  const name = el("h2", { class: "detail-key mono", tabIndex: -1 });
  const facts = el("dl", { class: "detail-facts" });
  const failure = el("p", { class: "value-failure", hidden: true });
  const grid = elementGrid("Arguments", choose);
  const pageWords = el("span", { class: "num" });
  const before = el("button", { class: "icon-button", type: "button", "aria-label": "Previous page", title: "Previous page ([)", onclick: () => turnPage(-1) }, icon("left"));
  const behind = el("button", { class: "icon-button", type: "button", "aria-label": "Next page", title: "Next page (])", onclick: () => turnPage(1) }, icon("right"));
  const pager = el("div", { class: "el-bar" }, el("div", { class: "pager" }, pageWords, before, behind));
  const viewer = valueViewer({ ...actions, showAll: () => reveal(shown.length), saveValue: () => actions.saveArgument(row, state.log.args.args[chosen]) }, new Map(), "Argument");
  const lower = el("div", { class: "lower", hidden: true }, viewer.node);
  const body = el("div", { class: "detail-body" }, failure, el("div", { class: "element-body" }, pager, grid.node, lower));
  const filled = el("div", { class: "detail-filled" }, el("div", { class: "detail-head" }, el("div", { class: "detail-tools" }, back, kind, el("span", { class: "push" }), close), name), facts, body);
  const empty = el("div", { class: "detail-empty" }, el("h2", null, "No command selected"), el("p", null, "Pick a command to see all its arguments."),
    el("p", { class: "detail-hints" }, el("kbd", null, "j"), el("kbd", null, "k"), "move", el("kbd", null, "↵"), "open"));
  root.append(filled, empty);

  let state = null;
  let row = null;
  let from = 0;
  let chosen = null;
  let shown = null;
  /** Why the rest of an argument could not be read. */
  let unread = null;
  let page = null;

  function render(next) {
    state = next;
    if (root.hidden || !next.log) return;
    const { log } = next;
    show(filled, Boolean(log.row));
    show(empty, !log.row);
    if (!log.row) {
      row = null;
      return;
    }
    if (log.row !== row) {
      row = log.row;
      from = 0;
      page = null;
      choose(null);
      renderHead(log);
    }
    const problem = log.argsError ?? unread;
    show(failure, Boolean(problem));
    if (problem) setText(failure, problem.message);
    renderArguments(log);
    renderArgument();
  }

  function renderHead(log) {
    const { snapshot } = row;
    fill(kind, snapshot ? "Snapshot" : "Command");
    setText(name, snapshot ? log.files[row.file].name : row.name || "not a name of a server");
    const within = row.transaction;
    const written = row.unixS === null ? "no time mark" : `${day(Number(row.unixS) * 1000)}, ${clockTime(Number(row.unixS) * 1000)} UTC`;
    const list = [
      ["Offset", count(row.offset)], ["Size", bytesText(row.bytes), bytesExact(row.bytes)],
      ["File", partName(log.files[row.file].name), log.files[row.file].name],
      snapshot ? ["Keys", count(snapshot.keys)] : ["Database", String(row.db)],
      ["Written", written, row.unixS === null ? "" : dateTimeUtc(Number(row.unixS) * 1000)],
      ["Transaction", within ? (within.last === null ? `${count(within.number)}, without EXEC` : `${count(within.number)}, of ${plural(within.last - within.first - 1, "command")}`) : "none"],
    ];
    fill(facts, list.map(([title, value, tip]) => el("div", { title: tip ?? "" }, el("dt", null, title), el("dd", null, value))));
  }

  function renderArguments({ args }) {
    const all = args?.args ?? [];
    show(pager, all.length > PAGE || (args?.count ?? 0) > all.length);
    show(grid.node, all.length > 0);
    if (!args) return;
    if (!page || page.args !== args || page.from !== from) page = { args, from };
    const items = all.slice(from, from + PAGE);
    setText(pageWords, `${count(from + 1)} – ${count(from + items.length)} of ${count(args.count)}`);
    before.disabled = from === 0;
    behind.disabled = from + PAGE >= all.length;
    grid.render(page, () => ({
      columns: COLUMNS, items, first: from, total: args.count,
      cells: ({ bytes, length }, at) => [count(from + at), length ? [nodes(runs(bytes.subarray(0, SHOWN))), length > SHOWN ? "…" : ""] : [el("span", { class: "esc" }, "empty")], bytesText(length)],
    }), chosen === null ? null : chosen - from);
  }

  function renderArgument() {
    show(lower, shown !== null);
    if (!shown) return;
    viewer.render({ value: shown, keyPrefix: row.name, heading: [el("span", null, `Argument ${count(chosen)}`), el("span", { class: "viewer-size" }, bytesText(shown.length))], wrap: state.settings.wrap, wide: `${root.clientWidth}` });
  }

  function choose(at) {
    chosen = at === null ? null : from + at;
    reveal(SHOWN_FIRST);
  }

  /** Shows the chosen argument up to `most` bytes; what a very long command was not read for is read from the file. */
  async function reveal(most) {
    const argument = chosen === null ? null : state?.log.args?.args[chosen];
    shown = argument ? { bytes: argument.bytes.subarray(0, most), length: argument.length } : null;
    unread = null;
    if (state && row) render(state);
    if (!argument || argument.bytes.length >= Math.min(most, argument.length)) return;
    const first = shown;
    const start = row.offset + argument.start;
    try {
      const bytes = await actions.fileBytes(state.log.files[row.file].source, start, start + Math.min(most, argument.length));
      if (shown === first) shown = { bytes, length: argument.length };
    } catch (error) {
      if (shown === first) unread = error;
    }
    render(state);
  }

  function turnPage(way) {
    const to = from + way * PAGE;
    if (!state.log.args || to < 0 || to >= state.log.args.args.length) return;
    from = to;
    chosen = null;
    shown = null;
    unread = null;
    render(state);
  }

  return {
    render,
    turnPage,
    nextFormat: () => viewer.nextFormat(),
    focus: () => (grid.node.hidden ? name : grid.node).focus(),
    /** Closes the open argument, if one is. */
    up() {
      if (chosen === null) return false;
      choose(null);
      return true;
    },
  };
}
