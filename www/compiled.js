// A WebAssembly module of the package, fetched and compiled. By its bytes, since some hosts do not say what they are.

export async function compiled(name, options) {
  const answer = await fetch(new URL(`./aikv/${name}`, import.meta.url), options);
  if (!answer.ok) throw new Error(`The reader could not be loaded (${answer.status}).`);
  return WebAssembly.compile(await answer.arrayBuffer());
}
