// The door for browsers and bundlers: fetches the WebAssembly modules that lie beside it, the second one when it is needed.

import loadView, { Session as Core, ValueReader, mayBeCompressed, sniff, supportedVersions, version } from "./glue.js";
import startTools, * as toolsGlue from "./tools-glue.js";
import { checkBy, convertBy, dumpBy, encodeBy, repairBy, restoreBy, surveyBy, targetsBy } from "./convert.js";
import { entriesBy, unpackBy } from "./entries.js";
import { commandsBy, infoBy, openIndexBy } from "./reading.js";
import { sessionOver } from "./session.js";

/** Loads the first module, from its place beside this file unless `source` says otherwise. */
export async function init(source) {
  await loadView(source === undefined ? undefined : { module_or_path: source });
}

let loading = null;
let isLoaded = false;

/** Loads the second module likewise. What is asynchronous does this by itself. */
export async function loadTools(source) {
  // What it resolves with would hold the instance's memory for ever.
  loading ??= startTools(source === undefined ? undefined : { module_or_path: source }).then(() => {});
  try {
    await loading;
    isLoaded = true;
  } catch (error) {
    // The network may be back at the next call.
    loading = null;
    throw error;
  }
}

async function load() {
  await loadTools();
  return toolsGlue;
}

function tools() {
  if (isLoaded) return toolsGlue;
  throw Object.assign(new Error("expected the second module, which loadTools() loads"), { code: "tools-not-loaded" });
}

export const Session = /* @__PURE__ */ sessionOver(Core, mayBeCompressed, tools);
export const unpack = /* @__PURE__ */ unpackBy(load);
export const entries = /* @__PURE__ */ entriesBy(load, unpack);
export const check = /* @__PURE__ */ checkBy(load, unpack);
export const convert = /* @__PURE__ */ convertBy(load, unpack);
export const encode = /* @__PURE__ */ encodeBy(convert);
export const survey = /* @__PURE__ */ surveyBy(load, unpack);
export const repair = /* @__PURE__ */ repairBy(load);
export const dump = /* @__PURE__ */ dumpBy(load);
export const restore = /* @__PURE__ */ restoreBy(load);
export const targets = /* @__PURE__ */ targetsBy(load);
export const commands = /* @__PURE__ */ commandsBy(entries);
export const info = /* @__PURE__ */ infoBy(Session, sniff, load);
export const openIndex = /* @__PURE__ */ openIndexBy(Session, sniff, load, unpack);

export { ValueReader, sniff, supportedVersions, version };
