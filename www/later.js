// What the first view does without: the other views and their actions, loaded while the page is idle.

import { mountAbout } from "./about.js";
import { mountCommand } from "./command-detail.js";
import { mountCommands } from "./commands.js";
import { mountConvert } from "./convert.js";
import { convertActions } from "./convert-actions.js";
import { copyingActions } from "./copying.js";
import { mountDetail } from "./detail.js";
import { mountDocs } from "./docs.js";
import { exportActions } from "./export.js";
import { mountFindings } from "./findings.js";
import { mountHelp } from "./help.js";
import { logActions } from "./log.js";
import { mountPrefixes } from "./prefixes.js";
import { repairActions } from "./repair-actions.js";
import { findings } from "./state.js";
import { valueActions } from "./value.js";

const byId = (id) => document.getElementById(id);

/** Adds to `actions` and `views`. Gives `logs`, which reads a log. */
export function mountLater({ store, client, pool, announce, query, actions, views, phone, narrow }) {
  const value = valueActions(store, client);
  const logs = logActions(store, pool, announce);
  /** What had the focus when the detail was opened, if not the table. */
  let openedFrom = null;
  let mapOpenedFrom = null;

  function leaveDetail() {
    const had = Boolean(store.state.detail.row);
    value.closeDetail();
    if (!had) return;
    if (openedFrom?.isConnected && openedFrom.offsetParent !== null && openedFrom !== document.body) openedFrom.focus();
    else views.table.focus();
  }

  function showPicked(words, rows) {
    query.pick(words, rows);
    actions.view("keys");
  }

  Object.assign(actions, value, logs.actions, convertActions(store, client, announce, showPicked), exportActions(store, pool, announce));
  Object.assign(actions, repairActions(store, client, announce), copyingActions(store, client, announce, value, actions.copy, views));
  Object.assign(actions, {
    /** Lays out a long value in the worker. */
    lay: (op, args) => client.call(op, args),
    explain: (args) => client.call("explain", args).catch(() => ({})),
    // Without it nothing is offered.
    readable: (id) => client.call("readable", { id }).catch(() => undefined),
    help: () => views.help.open(store.state.settings),
    docs: () => views.docs.open(),
    exportMenu: () => views.header.exportMenu(),
    focusPrefixes() {
      if (phone.matches) actions.view("prefixes");
      else views.prefixes.focus();
    },
    /** Gives the treemap the table's place, or the table its own again. */
    largeMap(wanted = !store.state.largeMap) {
      if (phone.matches || wanted === store.state.largeMap) return;
      store.update({ largeMap: wanted });
      // Where the focus was is out of sight now, and comes back later.
      if (wanted) mapOpenedFrom = byId("prefixes").contains(document.activeElement) ? views.prefixes : views.table;
      requestAnimationFrame(() => (wanted ? views.prefixes.focusMap() : mapOpenedFrom.focus()));
    },

    select(row) {
      const { activeElement } = document;
      openedFrom = byId("keys").contains(activeElement) || byId("detail").contains(activeElement) ? null : activeElement;
      if (narrow.matches && !store.state.detail.row) history.pushState({ detail: true }, "");
      value.select(row);
      if (narrow.matches) requestAnimationFrame(() => views.detail.focus());
    },
    openAgain() {
      if (narrow.matches) return;
      if (!store.state.detail.wide) value.widen(true);
      else views.detail.focusBody();
    },
    closeDetail() {
      if (narrow.matches && history.state?.detail) {
        history.back();
        return;
      }
      leaveDetail();
    },
    leaveDetail,

    async showLast() {
      const { keys } = store.state.progress;
      const row = await actions.row(keys - 1);
      actions.view("keys");
      if (row) await actions.showRow(row);
    },
    async showFound(row) {
      actions.view("keys");
      await actions.showRow(row);
    },
    /** Shows the key that stands at this place in the file. */
    async showKeyAt(id) {
      const row = await actions.row(id);
      actions.view("keys");
      if (row) await actions.showRow(row);
    },
    showTypes(types) {
      actions.view("keys");
      query.filter({ types });
    },
    async showRow(row) {
      actions.select(row);
      const at = await client.call("find", { id: row.id });
      if (at >= 0) views.table.goTo(at);
    },

    selectCommand(row) {
      if (narrow.matches && !store.state.log.row) history.pushState({ detail: true }, "");
      actions.openCommand(row);
      if (narrow.matches) requestAnimationFrame(() => views.command.focus());
    },
    leaveCommand() {
      if (narrow.matches && history.state?.detail) {
        history.back();
        return;
      }
      actions.closeCommand();
      views.commands.focus();
    },

    finding: (finding) => store.update({ finding }),
    nextFinding(way) {
      const total = findings(store.state).length;
      if (!total) return;
      if (store.state.view !== "findings") actions.view("findings");
      else store.update({ finding: (store.state.finding + way + total) % total });
    },
  });

  Object.assign(views, {
    prefixes: mountPrefixes(byId("prefixes"), byId("keys"), actions),
    findings: mountFindings(byId("findings"), byId("summary"), actions),
    convert: mountConvert(byId("convert"), actions),
    about: mountAbout(byId("about"), actions),
    detail: mountDetail(byId("detail"), actions),
    commands: mountCommands(byId("commands"), actions),
    command: mountCommand(byId("command"), actions),
    help: mountHelp(actions),
    docs: mountDocs(),
  });
  for (const name of ["prefixes", "findings", "convert", "about", "detail", "commands", "command"]) store.addView(views[name]);
  store.update({});

  return { logs };
}
