// The same objects as for `require`, under their names.

export {
  Session, ValueReader, check, convert, dump, encode, entries, init, loadTools, repair, restore, sniff, supportedVersions, survey, targets, unpack,
  version,
} from "./node.cjs";
