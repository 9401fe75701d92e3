// Keeps the whole page for visits without a network: one cache per version, filled whole or not at all.
// A new version takes over once no page of the old one is open, so that none is of two versions. A file that
// is opened in the page is never kept: it is not of the network, or not in the list.

/** Every file of the page with the hash of its bytes, and the hash of the list: written by `cargo xtask site`. */
const FILES = {};
const VERSION = "";

/** Pages of one origin share its caches: another folder's are not ours to clear. */
const OWN = `aikv ${registration.scope} `;
const CACHE = OWN + VERSION;
/** The page itself, by whatever query it is asked for. */
const HOME = "./";

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => {
  event.waitUntil(clear());
  // The first visit is kept whole too, with what it loads only when that is needed. No page waits for it.
  clients.claim();
});
addEventListener("fetch", (event) => {
  const name = event.request.method === "GET" ? nameOf(event.request.url) : null;
  if (name !== null) event.respondWith(answer(event.request, name));
});

/** With their hashes, so that files of two versions are never kept together while a host is being updated. */
async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(Object.entries(FILES).map(([name, integrity]) => new Request(name, { integrity, cache: "no-cache" })));
}

async function clear() {
  for (const name of await caches.keys()) if (name.startsWith(OWN) && name !== CACHE) await caches.delete(name);
}

/** Which of the files an address means, or null. */
function nameOf(address) {
  const { origin, pathname } = new URL(address);
  const folder = new URL(HOME, location.href);
  if (origin !== folder.origin || !pathname.startsWith(folder.pathname)) return null;
  const name = pathname.slice(folder.pathname.length);
  if (name === "" || name === "index.html") return HOME;
  return Object.hasOwn(FILES, name) ? name : null;
}

async function answer(request, name) {
  const cache = await caches.open(CACHE);
  return (await cache.match(name, { ignoreVary: true })) ?? fetch(request);
}
