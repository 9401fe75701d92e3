// The arguments of one command of a log, by the bytes of its row. The row was read before, so the framing holds; only the
// beginning of a long command may be there.

const CR = 13;
const DOLLAR = 36;

/**
 * `{ args: [{ bytes, length, start }], count }`: the arguments that begin in `bytes`, each with as much of it as there is, its
 * length and where it starts; and how many the command has.
 */
export function argumentsOf(bytes) {
  const [count, first] = numberAt(bytes, 1);
  const args = [];
  let at = first;
  while (at < bytes.length && args.length < count && bytes[at] === DOLLAR) {
    const [length, start] = numberAt(bytes, at + 1);
    if (start > bytes.length) break;
    args.push({ bytes: bytes.subarray(start, Math.min(bytes.length, start + length)), length, start });
    at = start + length + 2;
  }
  return { args, count };
}

/** A number up to its line's end, and where the next line begins. */
function numberAt(bytes, at) {
  const end = bytes.indexOf(CR, at);
  if (end < 0) return [0, bytes.length + 1];
  return [Number(String.fromCharCode(...bytes.subarray(at, end)).trim()), end + 2];
}
