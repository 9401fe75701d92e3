// The same objects as for `require`, under their names.

export { Session, ValueReader, entries, init, loadTools, sniff, supportedVersions, unpack, version } from "./node.cjs";
