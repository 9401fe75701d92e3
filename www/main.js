// Starts the page: one store, one worker, the views, and the actions they call.

import { mountAbout } from "./about.js";
import { announcer } from "./announce.js";
import { mountBottom } from "./bottom.js";
import { Client } from "./client.js";
import { mountCommand } from "./command-detail.js";
import { mountCommands } from "./commands.js";
import { mountConvert } from "./convert.js";
import { convertActions } from "./convert-actions.js";
import { mountDetail } from "./detail.js";
import { isTextField, show } from "./dom.js";
import { exportActions } from "./export.js";
import { mountFilter } from "./filter.js";
import { mountFindings } from "./findings.js";
import { MINUTE } from "./format.js";
import { mountHeader } from "./header.js";
import { mountHelp } from "./help.js";
import { acceptLaunches, keepForOffline } from "./installed.js";
import { lifecycleActions } from "./lifecycle.js";
import { COPY_BYTES } from "./limits.js";
import { logActions } from "./log.js";
import { acceptDrops, chooseFile, chooseFolder, mountStart } from "./open.js";
import { Pool } from "./pool.js";
import { mountPrefixes } from "./prefixes.js";
import { queryActions } from "./query.js";
import { repairActions } from "./repair-actions.js";
import { download } from "./saving.js";
import { applyTheme, fromFragment, loadSettings, saveSettings, toFragment } from "./settings.js";
import { listenToKeys } from "./shortcuts.js";
import { readSpan } from "./source.js";
import { findings, hasFile, isFiltered, Store } from "./state.js";
import { mountStatus } from "./status.js";
import { mountSummary } from "./summary.js";
import { mountTable } from "./table.js";
import { plain, utf8 } from "./text.js";
import { valueActions, wholeOf } from "./value.js";

const byId = (id) => document.getElementById(id);
const store = new Store(loadSettings());
const announce = announcer(byId("polite"), byId("assertive"));
const client = new Client((message) => {
  if (message.event !== "converting") actions.onEvent(message);
  else for (const told of [actions.converting, actions.repairing]) told(message);
});
const query = queryActions(store, client, announce);
const value = valueActions(store, client);
const pool = new Pool(() => client.tools());
const logs = logActions(store, pool, announce);
const life = lifecycleActions(store, client, announce, query, logs);
const conversion = convertActions(store, client, announce);
const exports = exportActions(store, pool, announce);
const phone = matchMedia("(max-width: 39.99em)");
const narrow = matchMedia("(max-width: 50em)");
/** What had the focus when the detail was opened, if not the table. */
let openedFrom = null;

let mapOpenedFrom = null;

const actions = {
  ...query,
  ...value,
  ...life,
  ...conversion,
  ...logs.actions,
  ...exports,
  ...repairActions(store, client, announce),

  rows: (generation, from, count) => client.call("rows", { generation, from, count }),
  row: (id) => client.call("row", { id }).catch(() => null),
  fileBytes: readSpan,
  /** Lays out a long value in the worker. */
  lay: (op, args) => client.call(op, args),
  explain: (args) => client.call("explain", args).catch(() => ({})),
  help: () => views.help.open(store.state.settings),
  focusGrid: () => views.table.focus(),
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

  async chooseFile() {
    const file = await chooseFile();
    if (file) life.open(file);
  },
  async chooseFolder() {
    const folder = await chooseFolder();
    if (folder) life.open(folder);
  },
  exportMenu: (anchor) => views.header.exportMenu(anchor),

  view(view) {
    if (view === store.state.view) return;
    store.update({ view });
    remember(true);
  },

  setting(patch) {
    const settings = { ...store.state.settings, ...patch };
    saveSettings(settings);
    applyTheme(settings.theme);
    store.update({ settings });
    if (patch.separators && store.state.query.prefix?.leaves) query.refresh();
  },

  async setClock(clock) {
    store.update({ clock });
    if (!hasFile(store.state)) return;
    try {
      store.update({ expiry: await client.call("clock", { nowMs: clock.ms }) });
    } catch (error) {
      if (error.code !== "ended") throw error;
      return;
    }
    // The bar counts the keys that are left by their expiry.
    if (isFiltered(store.state.query)) query.refresh();
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

  async openLargest() {
    const { report } = store.state;
    const row = await actions.row(report.largest);
    if (row) await actions.showRow(row);
  },
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

  /** Puts text on the clipboard and says so. */
  async copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
      announce.say(`Copied ${what}`);
      return true;
    } catch {
      announce.alert("The browser did not let this page copy.");
      if (store.state.view === "keys") views.detail.tell("The browser did not let this page copy.");
      return false;
    }
  },
  async copyKey() {
    const { key } = store.state.detail.row;
    if (await actions.copy(utf8(key) ?? plain(key, Infinity), "key")) views.detail.flash();
  },
  async copyValue() {
    const shown = wholeOf(store.state.detail) ?? store.state.detail.itemValue;
    if (!shown || shown.length > COPY_BYTES) return;
    const bytes = await wholeValue();
    if (!bytes) return;
    const text = await client.call("copyText", { format: views.detail.viewer().format(), bytes });
    if (await actions.copy(text, "value")) views.detail.flash();
  },
  copyJson: () => copyMade(async () => ({ text: await value.jsonLine(), lost: "" }), "key as JSON"),
  copyCommands: () => copyMade(() => value.redisCli("commands"), "commands"),
  copyRestore: () => copyMade(() => value.redisCli("restore"), "RESTORE command"),
  async copyOffset() {
    if (await actions.copy(String(store.state.detail.row.offset), "offset")) views.detail.flash();
  },

  /** A value too large to show, as a file. */
  async saveValue() {
    const bytes = await wholeValue();
    if (bytes) download(new Blob([bytes]), "value.bin");
  },
  /** What DUMP gives for the selected key, as a file. */
  async savePayload() {
    try {
      const { bytes, lost } = await value.payload();
      download(new Blob([bytes]), "key.dump");
      announce.say("Saved key");
      if (lost) views.detail.tell(leftOut(lost));
    } catch (error) {
      announce.alert(error.message);
      views.detail.tell(error.message);
    }
  },
  /** Likewise an argument of a command, straight from the file. */
  saveArgument(row, { start, length }) {
    const { source } = store.state.log.files[row.file];
    download(source.slice(row.offset + start, row.offset + start + length), "argument.bin");
  },
  tell: announce.say,
};

/** Copies what has to be made first. */
async function copyMade(make, what) {
  try {
    const { text, lost } = await make();
    if (!(await actions.copy(text, what))) return;
    views.detail.flash();
    if (lost) views.detail.tell(leftOut(lost));
  } catch (error) {
    announce.alert(error.message);
    views.detail.tell(error.message);
  }
}

function leftOut(lost) {
  return `Left out, since this form has no room for it: ${lost}.`;
}

/** The value in full, or null after saying why it cannot be read. */
async function wholeValue() {
  try {
    return await value.wholeBytes();
  } catch (error) {
    announce.alert(error.message);
    return null;
  }
}

function leaveDetail() {
  const had = Boolean(store.state.detail.row);
  value.closeDetail();
  if (!had) return;
  if (openedFrom?.isConnected && openedFrom.offsetParent !== null && openedFrom !== document.body) openedFrom.focus();
  else views.table.focus();
}

/** Views of their own where there is no place beside the table. */
const PHONE_VIEWS = ["prefixes", "summary"];

const views = {
  start: mountStart(byId("start"), actions),
  header: mountHeader(byId("header"), actions),
  summary: mountSummary(byId("summary"), actions),
  filter: mountFilter(byId("filter"), actions),
  prefixes: mountPrefixes(byId("prefixes"), byId("keys"), actions),
  table: mountTable(byId("keys"), actions),
  findings: mountFindings(byId("findings"), byId("summary"), actions),
  convert: mountConvert(byId("convert"), actions),
  about: mountAbout(byId("about"), actions),
  detail: mountDetail(byId("detail"), actions),
  commands: mountCommands(byId("commands"), actions),
  command: mountCommand(byId("command"), actions),
  status: mountStatus(byId("status"), actions),
  bottom: mountBottom(byId("bottom"), actions),
  help: mountHelp(actions),
};

/** Which parts are on screen; drawn before the views, so that they can measure themselves. */
const frame = {
  render(state) {
    const open = hasFile(state);
    const isOther = (PHONE_VIEWS.includes(state.view) && !phone.matches) || (state.view === "commands" && !state.log);
    const view = isOther ? "keys" : state.view;
    const screen = !open ? "start" : view === "summary" ? "about" : view;
    const changed = document.body.dataset.screen !== screen;
    document.body.dataset.screen = screen;
    show(byId("start"), !open);
    show(byId("prefixes"), open && (view === "prefixes" || (view === "keys" && !phone.matches)));
    show(byId("summary"), open && !PHONE_VIEWS.includes(view) && view !== "commands");
    show(byId("filter"), open && view === "keys");
    show(byId("keys"), open && view === "keys");
    show(byId("findings"), open && view === "findings");
    show(byId("convert"), open && view === "convert");
    show(byId("about"), open && view === "summary");
    show(byId("detail"), open && view === "keys" && !(narrow.matches && !state.detail.row));
    show(byId("commands"), open && view === "commands");
    show(byId("command"), open && view === "commands" && !(narrow.matches && !state.log.row));
    show(byId("status"), open);
    show(byId("bottom"), open && phone.matches);
    document.title = state.source && open ? `${state.source.name} · aikv` : "aikv viewer";
    if (changed && screen === "keys") queueMicrotask(views.table.comeBack);
    else if (changed && phone.matches) byId("app").scrollTop = 0;
    if (changed && screen === "commands") queueMicrotask(views.commands.measure);
    remember(false);
  },
};

store.addView(frame);
for (const view of Object.values(views)) if (view.render) store.addView(view);

/** Keeps the address in step with view, sort and filter; a change of view is a step Back can undo. */
function remember(step) {
  if (!hasFile(store.state)) return;
  const fragment = toFragment(store.state);
  if (fragment === location.hash || (fragment === "" && location.hash === "")) return;
  const address = `${location.pathname}${location.search}${fragment}`;
  if (step) history.pushState(null, "", address);
  else history.replaceState(history.state, "", address);
}

addEventListener("popstate", () => {
  if (store.state.detail.row && narrow.matches) leaveDetail();
  if (store.state.log?.row && narrow.matches) actions.closeCommand();
  const { view, query: wanted } = fromFragment(location.hash);
  store.update({ view });
  const { sort = "file", descending = false, types, dbs, expiry = null } = wanted;
  const now = store.state.query;
  if (JSON.stringify([sort, descending, types, dbs, expiry]) !== JSON.stringify([now.sort, now.descending, now.types, now.dbs, now.expiry])) {
    query.filter({ sort, descending, types, dbs, expiry });
  }
});

acceptDrops({
  dragging: (dragging) => store.update({ dragging }),
  take: life.offer,
  refuse: (text, advice) => {
    if (hasFile(store.state)) announce.alert(text);
    else store.update({ phase: "refused", refusal: { text, advice } });
  },
});
listenToKeys(store, actions, views);
for (const media of [phone, narrow]) media.addEventListener("change", () => store.update({}));
addEventListener("resize", () => store.update({}));
setInterval(() => {
  if (store.state.clock.kind === "now" && document.visibilityState === "visible" && !isTextField(document.activeElement)) actions.setClock({ kind: "now", ms: Date.now() });
}, MINUTE);

const { view, query: wanted } = fromFragment(location.hash);
store.update({ view, query: { ...store.state.query, ...wanted } });
store.draw();

/** Loads what may be needed later. From then on nothing is asked of the network, but for what the service worker keeps. */
async function standBy() {
  try {
    await Promise.all([client.standBy(), pool.fill(), keepForOffline()]);
    document.body.dataset.whole = "";
  } catch {
    // What is missing is asked for again where it is needed, and told there.
  }
}

// After the first paint, so that the page stands before the WebAssembly is fetched.
requestAnimationFrame(() => setTimeout(async () => {
  const named = new URLSearchParams(location.search).get("file");
  try {
    const { supported, version } = await client.start();
    store.update({ supported, version });
    document.body.dataset.ready = "";
    acceptLaunches(life.offer);
    standBy();
    if (named !== null) await life.openServed(named);
  } catch (error) {
    store.update({ phase: "refused", refusal: { text: "The reader could not be started.", advice: error.message } });
  }
}));
