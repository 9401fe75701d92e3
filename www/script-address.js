// The one place that says which scripts this page starts beside its modules: the workers and the service worker.

const SCRIPTS = ["worker.js", "file-worker.js", "sw.js"];

const policy = globalThis.trustedTypes?.createPolicy("aikv", {
  createScriptURL: (name) => {
    if (SCRIPTS.includes(name)) return new URL(name, import.meta.url).href;
    throw new TypeError(`${name} is not a script of this page`);
  },
});

/** The address of one of them, as `Worker` and `register` take it. */
export function scriptAddress(name) {
  return policy ? policy.createScriptURL(name) : new URL(name, import.meta.url);
}
