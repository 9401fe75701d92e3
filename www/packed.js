// gzip and zlib inside of a value, unpacked by the browser up to a bound.

/** The second byte of zlib for its four levels, with the usual window of 32 KiB and no dictionary. */
const ZLIB_LEVELS = [0x01, 0x5e, 0x9c, 0xda];

/** `"gzip"`, `"zlib"`, or null, by the first bytes. */
export function packedAs(bytes) {
  if (bytes.length < 8) return null;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8) return "gzip";
  return bytes[0] === 0x78 && ZLIB_LEVELS.includes(bytes[1]) ? "zlib" : null;
}

/**
 * What comes of `bytes`, at most `most`: `{ bytes, isWhole, isDamaged }`. What was unpacked before the end or the
 * damage is kept.
 */
export async function unpackInside(form, bytes, most) {
  const stream = new DecompressionStream(form === "zlib" ? "deflate" : "gzip");
  const writer = stream.writable.getWriter();
  // Its failure is that of the reader, which is told below.
  writer.write(bytes).then(() => writer.close()).catch(() => {});
  const reader = stream.readable.getReader();
  const pieces = [];
  let length = 0;
  try {
    while (length <= most) {
      const { value, done } = await reader.read();
      if (done) return { bytes: joined(pieces, length), isWhole: true, isDamaged: false };
      pieces.push(value);
      length += value.length;
    }
  } catch {
    return { bytes: joined(pieces, length).subarray(0, most), isWhole: false, isDamaged: true };
  }
  reader.cancel().catch(() => {});
  return { bytes: joined(pieces, length).subarray(0, most), isWhole: false, isDamaged: false };
}

function joined(pieces, length) {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
