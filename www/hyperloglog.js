// HyperLogLogs as the servers keep them in strings: registers, and what the servers count from them.
// Source: Redis 7.0 `hyperloglog.c` (the header, `hllSparseToDense`, `hllCount`, `hllTau`, `hllSigma`).

const HEADER_BYTES = 16;
const REGISTERS = 16_384;
const BITS = 6;
const MOST = (1 << BITS) - 1;
/** The rank of a 64-bit hash without its 14 bits of the register, and one for no bit set. */
const Q = 50;
const ALPHA_INFINITE = 0.721347520444481703680;
const DENSE_BYTES = HEADER_BYTES + (REGISTERS * BITS) / 8;
const STALE = 1n << 63n;

/** `{ isSparse, registers, estimate, cached }`, or null when the bytes are no whole HyperLogLog. */
export function hyperLogLog(bytes) {
  if (bytes.length < HEADER_BYTES || String.fromCharCode(...bytes.subarray(0, 4)) !== "HYLL" || bytes[4] > 1) return null;
  const isSparse = bytes[4] === 1;
  const body = bytes.subarray(HEADER_BYTES);
  const registers = isSparse ? sparse(body) : bytes.length === DENSE_BYTES ? dense(body) : null;
  if (!registers) return null;
  const kept = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(8, true);
  return { isSparse, registers, estimate: estimate(registers), cached: kept & STALE ? null : kept };
}

function dense(body) {
  const registers = new Uint8Array(REGISTERS);
  for (let at = 0; at < REGISTERS; at += 1) {
    const bit = at * BITS;
    const byte = bit >> 3;
    registers[at] = ((body[byte] | ((body[byte + 1] ?? 0) << 8)) >> (bit & 7)) & MOST;
  }
  return registers;
}

/** Runs of equal registers: 00 zeros up to 64, 01 zeros up to 16384, 1 a value up to 32 for up to 4. */
function sparse(body) {
  const registers = new Uint8Array(REGISTERS);
  let register = 0;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    let run = (byte & 0x3f) + 1;
    let value = 0;
    if (byte & 0x80) {
      run = (byte & 3) + 1;
      value = ((byte >> 2) & 0x1f) + 1;
    } else if (byte & 0x40) {
      at += 1;
      if (at >= body.length) return null;
      run = (((byte & 0x3f) << 8) | body[at]) + 1;
    }
    if (register + run > REGISTERS) return null;
    registers.fill(value, register, register + run);
    register += run;
  }
  return register === REGISTERS ? registers : null;
}

function estimate(registers) {
  const histogram = new Uint32Array(MOST + 1);
  for (const value of registers) histogram[value] += 1;
  let z = REGISTERS * tau((REGISTERS - histogram[Q + 1]) / REGISTERS);
  for (let at = Q; at >= 1; at -= 1) z = 0.5 * (z + histogram[at]);
  z += REGISTERS * sigma(histogram[0] / REGISTERS);
  return Math.round((ALPHA_INFINITE * REGISTERS * REGISTERS) / z);
}

function sigma(start) {
  if (start === 1) return Infinity;
  let x = start;
  let y = 1;
  let z = x;
  for (let before = NaN; before !== z;) {
    before = z;
    x *= x;
    z += x * y;
    y += y;
  }
  return z;
}

function tau(start) {
  if (start === 0 || start === 1) return 0;
  let x = start;
  let y = 1;
  let z = 1 - x;
  for (let before = NaN; before !== z;) {
    before = z;
    x = Math.sqrt(x);
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}
