// The door for Node: the first WebAssembly module is loaded when this file is, the second one when it is needed.

const core = require("./core.cjs");
const { checkBy, convertBy, dumpBy, encodeBy, repairBy, restoreBy, surveyBy, targetsBy } = require("./convert.cjs");
const { entriesBy, unpackBy } = require("./entries.cjs");
const { openFile, takingPaths, takingPathsEach } = require("./file.cjs");
const { commandsBy, infoBy, openIndexBy } = require("./reading.cjs");
const { sessionOver } = require("./session.cjs");

const tools = () => require("./tools-core.cjs");

/** Nothing is left to be loaded. So the same lines run in browsers and in Node. */
exports.init = async function init() {};
/** Loads the second module ahead of its first use. */
exports.loadTools = async function loadTools() {
  tools();
};
exports.Session = sessionOver(core.Session, core.mayBeCompressed, tools);
exports.ValueReader = core.ValueReader;
exports.openFile = openFile;
exports.unpack = takingPathsEach(unpackBy(tools));
exports.entries = takingPathsEach(entriesBy(tools, exports.unpack));
exports.commands = commandsBy(exports.entries);
exports.info = takingPaths(infoBy(exports.Session, core.sniff, tools));
exports.openIndex = takingPaths(openIndexBy(exports.Session, core.sniff, tools, exports.unpack));
exports.check = takingPaths(checkBy(tools, exports.unpack));
exports.convert = takingPaths(convertBy(tools, exports.unpack));
exports.encode = encodeBy(exports.convert);
exports.survey = takingPaths(surveyBy(tools, exports.unpack));
exports.repair = takingPaths(repairBy(tools));
exports.dump = dumpBy(tools);
exports.restore = restoreBy(tools);
exports.targets = targetsBy(tools);
exports.sniff = core.sniff;
exports.supportedVersions = core.supportedVersions;
exports.version = core.version;
