// The page as an app: kept whole for visits without a network, and opened by the system with a file.

import { scriptAddress } from "./script-address.js";

/**
 * Has the service worker keep the page. Not where `aikv view` opened it with a file: such an address lives
 * as long as that server, and what listens there next must not be answered for.
 */
export async function keepForOffline() {
  if (!("serviceWorker" in navigator) || new URLSearchParams(location.search).has("file")) return;
  try {
    await navigator.serviceWorker.register(scriptAddress("sw.js"));
  } catch {
    // Storage is off, or the host has no such file: the page works as long as there is a network.
  }
}

/** Gives a file that the system opens with the installed page to `take(file, count)`. */
export function acceptLaunches(take) {
  globalThis.launchQueue?.setConsumer(async ({ files }) => {
    if (files.length) take(await files[0].getFile(), files.length);
  });
}
