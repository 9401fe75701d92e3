// The value types as they are shown: letter, name, and what their elements are called.

export const TYPES = {
  hash: { letter: "H", one: "field", many: "fields" },
  string: { letter: "S", one: "byte", many: "bytes" },
  list: { letter: "L", one: "item", many: "items" },
  set: { letter: "U", one: "member", many: "members" },
  zset: { letter: "Z", one: "member", many: "members" },
  stream: { letter: "X", one: "entry", many: "entries" },
  module: { letter: "M", one: "part", many: "parts" },
  array: { letter: "A", one: "element", many: "elements" },
};

export const TYPE_NAMES = Object.keys(TYPES);

/** What the elements of a type are called, for a count. */
export function elementWord(type, n) {
  return n === 1 ? TYPES[type].one : TYPES[type].many;
}

export const BUCKETS = ["expired", "hour", "day", "week", "month", "later", "never"];

export const BUCKET_LABEL = {
  expired: "expired", hour: "1 h", day: "1 d", week: "7 d", month: "30 d", later: "later", never: "never",
};

/** Spoken and written out, as the tooltip of a bar or the value of the chip. */
export const BUCKET_LONG = {
  expired: "expired", hour: "within 1 hour", day: "1 hour to 1 day", week: "1 to 7 days",
  month: "7 to 30 days", later: "later than 30 days", never: "never",
};
