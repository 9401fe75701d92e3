// The package's second module, in the worker. Its bytes are fetched together with the first one, so that the page asks for
// nothing later; they are compiled when something of them is needed.

import { loadTools } from "./aikv/index.js";
import { __wbg_reset_state as freshInstance } from "./aikv/tools-glue.js";

let bytes = null;
let isLoaded = false;

/** The bytes, fetched once. */
export function fetchTools() {
  bytes ??= fetchBytes();
  return bytes;
}

/** Takes the bytes from the page, which has them from another worker. */
export function giveTools(given) {
  bytes = Promise.resolve(given);
}

/** Loads the module. */
export async function needTools() {
  try {
    await loadTools(await fetchTools());
    isLoaded = true;
  } catch (error) {
    // The network may be back at the next call.
    bytes = null;
    throw error;
  }
}

/** Gives the memory back that was taken: it never shrinks, so it goes with the whole instance. */
export function freshTools() {
  if (isLoaded) freshInstance();
}

async function fetchBytes() {
  const answer = await fetch(new URL("./aikv/aikv_tools_bg.wasm", import.meta.url), { priority: "low" });
  if (!answer.ok) throw new Error(`A part of the reader could not be loaded (${answer.status}).`);
  return answer.arrayBuffer();
}
