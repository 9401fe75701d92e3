// Numbers, sizes, spans of time and dates as the page writes them. Pure functions, no state.

const NARROW = "\u202f";
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365.25 * DAY;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const SPOKEN = ["bytes", "kibibytes", "mebibytes", "gibibytes", "tebibytes"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export { DAY, HOUR, MINUTE };

/** `1,284,610`; exact for BigInt too. */
export function count(n) {
  return grouped.format(n);
}

/** `1 key`, `2 keys`. */
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** Three digits and k, M, G for chips: `751 k`, `2.56 M`; exact below ten thousand. */
export function short(n) {
  if (n < 10_000) return count(n);
  for (const [scale, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (n >= scale * 0.9995) return digits(n / scale, 3) + NARROW + unit;
  }
  return count(n);
}

/** `n` with `wanted` significant digits, but never fewer digits than it has before the point. */
function digits(n, wanted) {
  const whole = n < 1 ? 1 : Math.floor(Math.log10(n) + 1e-12) + 1;
  const text = n.toFixed(Math.max(0, Math.min(2, wanted - whole)));
  // 9.996 becomes 10.00: one digit too many.
  return text.replace(/[^0-9]/g, "").length > wanted && text.includes(".") ? n.toFixed(Math.max(0, wanted - whole - 1)) : text;
}

/** A size as number and unit, three digits (four in the summary). */
export function bytes(n, wanted = 3) {
  let unit = 0;
  let value = n;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return { number: unit === 0 ? count(value) : digits(value, wanted), unit: UNITS[unit], spoken: SPOKEN[unit] };
}

export function bytesText(n, wanted) {
  const { number, unit } = bytes(n, wanted);
  return `${number} ${unit}`;
}

/** `1.41 of 2.31 GiB`, with one unit where both have the same. */
export function partOf(part, whole) {
  const [a, b] = [bytesText(part), bytesText(whole)];
  const unit = b.slice(b.indexOf(" "));
  return `${a.endsWith(unit) ? a.slice(0, -unit.length) : a} of ${b}`;
}

export function bytesSpoken(n) {
  const { number, spoken } = bytes(n);
  return `${number} ${spoken}`;
}

/** `219,136 bytes`. */
export function bytesExact(n) {
  return plural(n, "byte");
}

/** Share of a whole: `61 %`, `<1 %`. */
export function percent(part, whole) {
  if (!whole) return "0 %";
  const share = (part / whole) * 100;
  if (part > 0 && share < 1) return "<1 %";
  return `${Math.min(part < whole ? 99 : 100, Math.round(share))} %`;
}

export function spokenPercent(part, whole) {
  const text = percent(part, whole);
  return text.startsWith("<") ? "under 1 percent" : text.replace("%", "percent");
}

/** A span of time in its `parts` largest units: `6 d`, `6 d 4 h`. */
export function span(ms, parts = 1) {
  let rest = Math.max(0, ms);
  const out = [];
  for (const [size, unit] of [[YEAR, "y"], [DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [1000, "s"]]) {
    if (rest < size && !(unit === "s" && out.length === 0)) {
      if (out.length) break;
      continue;
    }
    const n = Math.floor(rest / size);
    out.push(`${unit === "y" ? count(n) : n} ${unit}`);
    rest -= n * size;
    if (out.length === parts) break;
  }
  return out.join(" ");
}

/** How long something took: `1.09 s`, `74 ms`, `2 min 4 s`. */
export function took(ms) {
  if (ms < 100) return `${Math.max(1, Math.round(ms))} ms`;
  if (ms < MINUTE) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return span(ms, 2);
}

const pad = (n) => String(n).padStart(2, "0");

/** `21 Nov 2026, 03:00`, in UTC; the caller writes UTC behind it where the place does not say so. */
export function dateTime(ms) {
  const date = new Date(Number(ms));
  if (Number.isNaN(date.getTime())) return `${ms} ms`;
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}, ${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}`;
}

export function dateTimeUtc(ms) {
  return `${dateTime(ms)} UTC`;
}

/** `21 Nov`. */
export function day(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "" : `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

/** `02:59:59`, UTC. */
export function clockTime(ms) {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return "–";
  return `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}:${pad(date.getUTCSeconds())}`;
}

/** UTC and local time in one tooltip. */
export function bothTimes(ms) {
  const date = new Date(Number(ms));
  if (Number.isNaN(date.getTime())) return `${ms} ms since 1970`;
  return `${dateTimeUtc(ms)} (${date.toLocaleString()} here)`;
}

/** Expiry of a key against a clock: `{ state: "never" | "expired" | "left", text, tip }`. */
export function expiry(atMs, nowMs, parts = 1) {
  if (atMs === null || atMs === undefined) return { state: "never", text: "never", tip: "This key does not expire." };
  const left = Number(atMs) - nowMs;
  if (left <= 0) return { state: "expired", text: "expired", tip: `Expired ${span(-left, 2)} ago, ${bothTimes(atMs)}` };
  return { state: "left", text: `in ${span(left, parts)}`, tip: bothTimes(atMs) };
}

/** The shortest text that gives the same double, as the servers print scores. */
export function score(value) {
  if (value === Infinity) return "inf";
  if (value === -Infinity) return "-inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

export function hex(n, width = 2) {
  return n.toString(16).toUpperCase().padStart(width, "0");
}

/** Messages of the decoder begin in lower case and have no full stop. */
export function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
