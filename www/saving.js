// Where a new file goes: into one that the reader names, where the browser lets a page write, else a download.

import { MINUTE } from "./format.js";

/** Gives a file to the browser, which puts it where downloads go. */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), MINUTE);
}

/**
 * Asks where a new file is to be. Resolves `{ handle }`, `{ handle: null }` for a download, or null where the reader thinks
 * better of it. To be called while a press is handled. Fails for the file that is open: it would be lost.
 */
export async function askWhere(name, opened) {
  if (!globalThis.showSaveFilePicker) return { handle: null };
  let handle;
  try {
    handle = await showSaveFilePicker({ suggestedName: name });
  } catch (error) {
    if (error.name === "AbortError") return null;
    // Where no page may write, there is a download.
    return { handle: null };
  }
  const there = await handle.getFile().catch(() => null);
  const isOpened = (file) => file && there?.size > 0 && there.name === file.name && there.size === file.size && there.lastModified === file.lastModified;
  if (opened.some(isOpened)) throw new Error("This is the file that is open. Choose another name: the open file stays as it is.");
  return { handle };
}
