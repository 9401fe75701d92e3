// The same objects as for `require`, under their names.

export { LineReader, Session, ValueReader, entries, init, sniff, supportedVersions, unpack, version } from "./node.cjs";
