// Has the browser look for garbage now: a worker that does nothing makes none, and so would keep what it has let go of.

/** More bytes than a buffer can have. Before browsers say so they look for what can be given back. */
const TOO_MUCH = 2 ** 34;

export function lookForGarbage() {
  try {
    return new ArrayBuffer(TOO_MUCH) === null;
  } catch {
    return true;
  }
}
