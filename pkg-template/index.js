// The door for browsers and bundlers: fetches the WebAssembly module that lies beside it.

import load, { Lines, Session, ValueReader, sniff, supportedVersions, version } from "./glue.js";
import { entriesBy } from "./entries.js";

/** Loads the module, from its place beside this file unless `source` says otherwise. */
export async function init(source) {
  await load(source === undefined ? undefined : { module_or_path: source });
}

export const entries = entriesBy(Lines);

export { Session, ValueReader, sniff, supportedVersions, version };
