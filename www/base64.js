// Bytes as base64.

/** How many bytes are handed to the browser at once; a multiple of three. */
const STRETCH = 0x6000;

export function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += STRETCH) text += btoa(String.fromCharCode(...bytes.subarray(at, at + STRETCH)));
  return text;
}
