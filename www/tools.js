// The package's second module, in the reader. It is compiled once, by the first reader, and an instance of it is made when
// something of it is needed.

import { loadTools } from "./aikv/index.js";
import * as glue from "./aikv/tools-glue.js";
import { compiled } from "./compiled.js";

let module = null;
let isLoaded = false;

/** The module, compiled. */
export function compiledTools() {
  module ??= compiled("aikv_tools_bg.wasm", { priority: "low" }).catch((error) => {
    // The network may be back at the next call.
    module = null;
    throw error;
  });
  return module;
}

/** Takes it from the page, which has it of another reader. */
export function giveTools(given) {
  module = Promise.resolve(given);
}

/** Makes the instance. */
export async function needTools() {
  // At once: a promise of the instance would hold its memory for ever.
  glue.initSync({ module: await compiledTools() });
  await loadTools();
  isLoaded = true;
}

/** The module, of which an instance was made. */
export function tools() {
  if (!isLoaded) throw new Error("expected the second module, which needTools() loads");
  return glue;
}

/** Gives the memory back that was taken: it never shrinks, so it goes with the whole instance. */
export function freshTools() {
  if (isLoaded) glue.__wbg_reset_state();
}
