// The door for browsers and bundlers: fetches the WebAssembly module that lies beside it.

import load, { LineReader, Lines, Session, Unpacker, ValueReader, sniff, supportedVersions, version } from "./glue.js";
import { entriesBy, unpackBy } from "./entries.js";

/** Loads the module, from its place beside this file unless `source` says otherwise. */
export async function init(source) {
  await load(source === undefined ? undefined : { module_or_path: source });
}

export const unpack = unpackBy(Unpacker);
export const entries = entriesBy(Lines, unpack);

export { LineReader, Session, ValueReader, sniff, supportedVersions, version };
