// The package's second module, in the worker. Its bytes are fetched together with the first one, so that the page asks for
// nothing later; they are compiled when something of them is needed.

import { loadTools } from "./aikv/index.js";

let bytes = null;

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
  } catch (error) {
    // The network may be back at the next call.
    bytes = null;
    throw error;
  }
}

async function fetchBytes() {
  const answer = await fetch(new URL("./aikv/aikv_tools_bg.wasm", import.meta.url), { priority: "low" });
  if (!answer.ok) throw new Error(`A part of the reader could not be loaded (${answer.status}).`);
  return answer.arrayBuffer();
}
