// How much of a value is read and shown at once; shared by the page and its worker.

/** Elements on a page of the detail pane. */
export const PAGE = 200;
/** Bytes of a single element read for the rows of a page; an opened element is read again. */
export const PREVIEW_BYTES = 2048;
/** Bytes of a string or element shown at first, and at most. */
export const SHOWN_FIRST = 65_536;
export const SHOWN_MOST = 16 << 20;
/** Values are gathered whole, to be searched or put in order, up to here. */
export const GATHER_ELEMENTS = 1_000_000;
const GATHER_BYTES = 64 << 20;
/** Characters of commands that are copied, at most. */
export const COMMAND_CHARS = 1 << 20;
/** Values are copied whole, so only up to here. */
export const COPY_BYTES = 64 << 20;

export function canGather(row) {
  return row.elements <= GATHER_ELEMENTS && row.bytes <= GATHER_BYTES;
}

/** What is written is kept in the browser, where it cannot be written to a file at once, only up to here. */
export const DOWNLOAD_BYTES = 1 << 30;
