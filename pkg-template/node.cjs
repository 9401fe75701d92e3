// The door for Node: the WebAssembly module is loaded when this file is.

const core = require("./core.cjs");
const { entriesBy, unpackBy } = require("./entries.cjs");

/** Nothing is left to be loaded. So the same lines run in browsers and in Node. */
exports.init = async function init() {};
exports.LineReader = core.LineReader;
exports.Session = core.Session;
exports.ValueReader = core.ValueReader;
exports.unpack = unpackBy(core.Unpacker);
exports.entries = entriesBy(core.Lines, exports.unpack);
exports.sniff = core.sniff;
exports.supportedVersions = core.supportedVersions;
exports.version = core.version;
