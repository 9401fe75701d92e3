// Starts the page: one store, one worker, the views that the first rows of a file need, and the actions they call. The others
// come while the page is idle.

import { announcer } from "./announce.js";
import { mountBottom } from "./bottom.js";
import { Client } from "./client.js";
import { isTextField, rem, show, styled } from "./dom.js";
import { mountFilter } from "./filter.js";
import { MINUTE } from "./format.js";
import { mountHeader } from "./header.js";
import { acceptLaunches, keepForOffline } from "./installed.js";
import { lifecycleActions } from "./lifecycle.js";
import { acceptDrops, chooseFile, chooseFolder, mountStart } from "./open.js";
import { Pool } from "./pool.js";
import { queryActions } from "./query.js";
import { applyTheme, fromFragment, loadSettings, saveSettings, toFragment } from "./settings.js";
import { listenToKeys } from "./shortcuts.js";
import { readSpan } from "./source.js";
import { hasFile, isFiltered, Store } from "./state.js";
import { mountStatus } from "./status.js";
import { mountSummary } from "./summary.js";
import { mountTable } from "./table.js";

const byId = (id) => document.getElementById(id);
const store = new Store(loadSettings());
const announce = announcer(byId("polite"), byId("assertive"));
const client = new Client((message) => {
  if (message.event !== "converting") actions.onEvent(message);
  else for (const told of [actions.converting, actions.repairing]) told(message);
});
const query = queryActions(store, client, announce);
const pool = new Pool(() => client.tools());
const life = lifecycleActions(store, client, announce, query, later);
const phone = matchMedia("(max-width: 39.99em)");
const narrow = matchMedia("(max-width: 50em)");
let coming = null;

/** What `later.js` adds; loaded once, and again where that failed. */
function later() {
  coming ??= loadLater().catch((error) => {
    coming = null;
    throw error;
  });
  return coming;
}

async function loadLater() {
  const parts = Promise.all([import("./later.js"), styled()]);
  const [{ mountLater }] = await parts.catch(() => {
    throw Object.assign(new Error("A part of this page could not be loaded. Is there a network?"), { code: "unreachable" });
  });
  return mountLater({ store, client, pool, announce, query, actions, views, phone, narrow });
}

/** Actions of `later.js` that the first views call: each waits until it is there. */
const awaited = ["convertTo", "docs", "exportMenu", "focusPrefixes", "help", "largeMap", "nextFinding", "select", "showRow"].map((name) => [name, async (...args) => {
  try {
    await later();
  } catch (error) {
    missing(error);
    return undefined;
  }
  return actions[name](...args);
}]);

/** Says that something could not be loaded. It is asked for again where it is needed. */
function missing(error) {
  if (!error.code) throw error;
  refuse(error.message, "It is asked for again when it is needed.");
}

function refuse(text, advice) {
  if (hasFile(store.state)) announce.alert(text);
  else store.update({ phase: "refused", refusal: { text, advice } });
}

const actions = {
  ...query,
  ...life,
  ...Object.fromEntries(awaited),

  rows: (generation, from, count) => client.call("rows", { generation, from, count }),
  row: (id) => client.call("row", { id }).catch(() => null),
  fileBytes: readSpan,
  focusGrid: () => views.table.focus(),
  async chooseFile() {
    const file = await chooseFile();
    if (file) life.open(file);
  },
  async chooseFolder() {
    const folder = await chooseFolder();
    if (folder) life.open(folder);
  },

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

  async openLargest() {
    const { report } = store.state;
    const row = await actions.row(report.largest);
    if (row) await actions.showRow(row);
  },

  /** Puts text on the clipboard and says so. */
  async copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
      announce.say(`Copied ${what}`);
      return true;
    } catch {
      announce.alert("The browser did not let this page copy.");
      if (store.state.view === "keys") views.detail?.tell("The browser did not let this page copy.");
      return false;
    }
  },
  tell: announce.say,
};

/** Views of their own where there is no place beside the table. */
const PHONE_VIEWS = ["prefixes", "summary"];

const views = {
  start: mountStart(byId("start"), actions),
  header: mountHeader(byId("header"), actions),
  summary: mountSummary(byId("summary"), actions),
  filter: mountFilter(byId("filter"), actions),
  table: mountTable(byId("keys"), actions),
  status: mountStatus(byId("status"), actions),
  bottom: mountBottom(byId("bottom"), actions),
};

/** Which parts are on screen; drawn before the views, so that they can measure themselves. */
const frame = {
  wasOpen: false,
  /** The screen that is whole. */
  whole: "",
  render(state) {
    const open = hasFile(state);
    // Header, summary and filter come first and all else in the next frame, so that none has to build and lay out everything.
    const below = open && frame.wasOpen;
    if (open && !below) store.update({});
    frame.wasOpen = open;
    const isOther = (PHONE_VIEWS.includes(state.view) && !phone.matches) || (state.view === "commands" && !state.log);
    const view = isOther ? "keys" : state.view;
    const screen = !open ? "start" : view === "summary" ? "about" : view;
    const whole = below || !open ? screen : "";
    const changed = whole !== frame.whole;
    frame.whole = whole;
    document.body.dataset.screen = screen;
    show(byId("start"), !open);
    show(byId("prefixes"), below && (view === "prefixes" || (view === "keys" && !phone.matches)));
    show(byId("summary"), open && !PHONE_VIEWS.includes(view) && view !== "commands");
    show(byId("filter"), open && view === "keys");
    show(byId("keys"), below && view === "keys");
    show(byId("findings"), below && view === "findings");
    show(byId("convert"), below && view === "convert");
    show(byId("about"), below && view === "summary");
    show(byId("detail"), below && view === "keys" && !(narrow.matches && !state.detail.row));
    show(byId("commands"), below && view === "commands");
    show(byId("command"), below && view === "commands" && !(narrow.matches && !state.log.row));
    show(byId("status"), open);
    show(byId("bottom"), open && phone.matches);
    document.title = state.source && open ? `${state.source.name} · aikv` : "aikv viewer";
    if (changed && whole === "keys") queueMicrotask(views.table.comeBack);
    else if (changed && phone.matches) byId("app").scrollTop = 0;
    if (changed && whole === "commands") queueMicrotask(views.commands.measure);
    remember(false);
  },
};

store.addView(frame);
for (const view of Object.values(views)) store.addView(view);

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
  if (store.state.detail.row && narrow.matches) actions.leaveDetail();
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
  refuse,
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
    await Promise.all([later(), client.standBy(), pool.fill(), keepForOffline()]);
    document.body.dataset.whole = "";
  } catch (error) {
    missing(error);
  }
}

// After the first paint, so that the page stands before the WebAssembly is fetched.
requestAnimationFrame(() => setTimeout(async () => {
  const asked = new URLSearchParams(location.search);
  const named = { file: asked.get("file"), folder: asked.get("folder") };
  try {
    const { supported, version } = await client.start();
    store.update({ supported, version });
    document.body.dataset.ready = "";
    // Measured while there is time for it.
    rem(1);
    acceptLaunches(life.offer);
    standBy();
    if (named.file === null && named.folder === null) return;
    // It comes from where they come from, and then all of the page stands at once.
    await later().catch(missing);
    await life.openServed(named);
  } catch (error) {
    store.update({ phase: "refused", refusal: { text: "The reader could not be started.", advice: error.message } });
  }
}));
