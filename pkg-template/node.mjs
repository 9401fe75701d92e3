// The same objects as for `require`, under their names.

export {
  Session, ValueReader, check, commands, convert, dump, encode, entries, info, init, loadTools, openFile, openIndex, repair, restore, sniff,
  supportedVersions, survey, targets, unpack, version,
} from "./node.cjs";
