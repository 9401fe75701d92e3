// The keyboard map. Single keys work outside text fields, and can be turned off in the help.

import { isTextField } from "./dom.js";
import { menuIsOpen } from "./menu.js";
import { hasFile } from "./state.js";

const SEQUENCE_MS = 1200;
const REGIONS = ["header", "summary", "filter", "prefixes", "grid", "findings", "convert", "about", "detail", "commands", "command", "status"];

export function listenToKeys(store, actions, views) {
  let first = null;
  let firstAt = 0;

  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || menuIsOpen() || views.help?.isOpen() || views.docs?.isOpen()) return;
    if (event.key === "F6") {
      event.preventDefault();
      goToRegion(event.shiftKey ? -1 : 1);
      return;
    }
    if (event.key === "Escape") {
      if (up()) event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) {
      withControl(event);
      return;
    }
    if (isTextField(event.target) || !store.state.settings.singleKeys) return;
    if (single(event)) event.preventDefault();
  });

  function withControl(event) {
    if (!event.ctrlKey || event.altKey || !hasFile(store.state)) return;
    if (store.state.view === "commands" && store.state.log && event.key === "f" && views.commands.hasFocus()) {
      event.preventDefault();
      views.commands.focusSearch();
    }
    if (store.state.view !== "keys") return;
    if (event.key === "." && (views.filter.hasFocus() || views.table.hasFocus())) {
      event.preventDefault();
      views.filter.turnMode();
    } else if (event.key === "f" && views.table.hasFocus()) {
      event.preventDefault();
      views.filter.focus();
    }
  }

  function single(event) {
    const { key } = event;
    if (key === "?") return did(actions.help);
    if (key === "o") return did(actions.chooseFile);
    if (!hasFile(store.state)) return false;
    const second = first === "g" && performance.now() - firstAt < SEQUENCE_MS;
    first = null;
    if (second) {
      const view = { k: "keys", f: "findings", c: "convert", l: store.state.log ? "commands" : null }[key];
      return view ? did(() => actions.view(view)) : false;
    }
    if (key === "g") {
      first = "g";
      firstAt = performance.now();
      return true;
    }
    if (key === "n" || key === "p") return did(() => actions.nextFinding(key === "n" ? 1 : -1));
    if (key === "e") return did(() => actions.exportMenu());
    if (store.state.view === "commands" && store.state.log) return inCommands(event);
    return store.state.view === "keys" && inKeys(event);
  }

  function inCommands({ key }) {
    switch (key) {
      case "/": return did(views.commands.focusSearch);
      case "j": return did(() => { views.commands.focus(); views.commands.move(1); });
      case "k": return did(() => { views.commands.focus(); views.commands.move(-1); });
      case "t": return did(views.commands.focus);
      case "d": return store.state.log.row ? did(views.command.focus) : false;
      case "[": return store.state.log.row ? did(() => views.command.turnPage(-1)) : false;
      case "]": return store.state.log.row ? did(() => views.command.turnPage(1)) : false;
      case "x": return store.state.log.row ? did(() => views.command.nextFormat()) : false;
      default: return false;
    }
  }

  function inKeys({ key, code, shiftKey }) {
    const digit = /^Digit([1-8])$/.exec(code);
    if (digit) {
      const type = views.filter.typeAt(Number(digit[1]));
      return type ? did(() => actions.toggleType(type, shiftKey)) : false;
    }
    const { detail } = store.state;
    switch (key) {
      case "/": return did(views.filter.focus);
      case "j": return did(() => { views.table.focus(); views.table.move(1); });
      case "k": return did(() => { views.table.focus(); views.table.move(-1); });
      case "t": return did(actions.focusPrefixes);
      case "m": return did(() => actions.largeMap());
      case "d": return detail.row ? did(views.detail.focusBody) : false;
      case "[": return detail.row ? did(() => actions.turnPage(-1)) : false;
      case "]": return detail.row ? did(() => actions.turnPage(1)) : false;
      case "c": return detail.row ? did(actions.copyKey) : false;
      case "C": return detail.row ? did(actions.copyValue) : false;
      case "x": return detail.row ? did(() => views.detail.viewer().nextFormat()) : false;
      default: return false;
    }
  }

  /** Up one level: the open element, wide, the detail, the filter. */
  function up() {
    const { state } = store;
    if (hasFile(state) && state.view === "commands" && state.log) {
      if (!views.command.up()) {
        if (state.log.row) actions.leaveCommand();
        else actions.clearCommands();
      }
      return true;
    }
    if (!hasFile(state) || state.view !== "keys") return false;
    const { detail } = state;
    if (views.prefixes?.closeOver()) return true;
    if (state.largeMap) actions.largeMap(false);
    else if (detail.item !== null) actions.closeItem();
    else if (detail.row && detail.wide) actions.widen(false);
    else if (detail.row) actions.closeDetail();
    else actions.clearFilter();
    return true;
  }

  function goToRegion(way) {
    const nodes = REGIONS.map((id) => document.getElementById(id)).filter((node) => node && !node.closest("[hidden]") && firstIn(node));
    const at = nodes.findIndex((node) => node.contains(document.activeElement));
    const next = nodes[(at + way + nodes.length) % nodes.length] ?? nodes[0];
    firstIn(next)?.focus();
  }
}

function did(run) {
  run();
  return true;
}

function firstIn(node) {
  if (node.tabIndex >= 0) return node;
  return [...node.querySelectorAll("button, input, [tabindex]")].find((one) => one.tabIndex >= 0 && !one.disabled && one.offsetParent !== null);
}
