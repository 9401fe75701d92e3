// What the reader does without until the first rows of a file are there: all that needs the package's second module, and how
// bytes are shown.

export { Conversions } from "./conversion.js";
export { copyText, prepare, study } from "./formats.js";
export { commandsOf, payloadOf, restoreOf } from "./key-forms.js";
export { compiledTools, freshTools, giveTools, needTools, tools } from "./tools.js";
export { Unpacking } from "./unpack.js";
