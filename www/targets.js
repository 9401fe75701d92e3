// The servers a file can be written for, as the page groups them; what each loses of a file, in words; and the same on the
// command line.

import { filterFlags, quoted } from "./command-line.js";
import { count, plural } from "./format.js";
import { numberOf } from "./lineages.js";

/**
 * Release lines that write the same version, in the same forms, and have the same modules with them. `name` is the target that is asked for,
 * `first` and `last` are the servers at the ends; newest first within each lineage.
 */
const GROUPS = [
  { name: "redis-8.10", servers: ["redis-8.10"] },
  { name: "redis-8.8", servers: ["redis-8.8"] },
  { name: "redis-8.6", servers: ["redis-8.6"] },
  { name: "redis-8.4", servers: ["redis-8.0", "redis-8.2", "redis-8.4"] },
  { name: "redis-7.4", servers: ["redis-7.4"] },
  { name: "redis-7.2", servers: ["redis-7.2"] },
  { name: "redis-7.0", servers: ["redis-7.0"] },
  { name: "redis-6.2", servers: ["redis-5.0", "redis-6.0", "redis-6.2"] },
  { name: "redis-4.0", servers: ["redis-4.0"] },
  { name: "redis-3.2", servers: ["redis-3.2"] },
  { name: "redis-3.0", servers: ["redis-2.6", "redis-2.8", "redis-3.0"] },
  { name: "valkey-9.1", servers: ["valkey-9.1"] },
  { name: "valkey-9.0", servers: ["valkey-9.0"] },
  { name: "valkey-8.1", servers: ["valkey-7.2", "valkey-8.0", "valkey-8.1"] },
];

const VERSIONS = {
  "redis-8.10": 15, "redis-8.8": 14, "redis-8.6": 13, "redis-8.4": 12, "redis-7.4": 12, "redis-7.2": 11, "redis-7.0": 10, "redis-6.2": 9,
  "redis-4.0": 8, "redis-3.2": 7, "redis-3.0": 6, "valkey-9.1": 80, "valkey-9.0": 80, "valkey-8.1": 11,
};

export const TARGETS = GROUPS.map(({ name, servers }) => {
  const [lineage] = name.split("-");
  const numbers = servers.map(numberOf);
  const dialect = VERSIONS[name] >= 80 ? "valkey" : "redis";
  const range = numbers.length === 1 ? numbers[0] : numbers.length === 2 ? numbers.join(", ") : `${numbers[0]} – ${numbers.at(-1)}`;
  return { name, lineage, servers, dialect, version: VERSIONS[name], range, format: `${dialect === "valkey" ? "VALKEY" : "RDB"} ${VERSIONS[name]}` };
});

/** The group that a server is in. */
export function targetOf(server) {
  return TARGETS.find(({ servers }) => servers.includes(server));
}

/** Who has a module type, by the name that stands in files; servers have those of `since` with them. */
const MODULES = {
  "ReJSON-RL": { name: "ReJSON", since: 8 },
  "MBbloom--": { name: "RedisBloom", since: 8 },
  "MBbloomCF": { name: "RedisBloom", since: 8 },
  "CMSk-TYPE": { name: "RedisBloom", since: 8 },
  "TopK-TYPE": { name: "RedisBloom", since: 8 },
  "TDIS-TYPE": { name: "RedisBloom", since: 8 },
  "TSDB-TYPE": { name: "RedisTimeSeries", since: 8 },
  "vectorset": { name: "vector sets", since: 8 },
  "bloomfltr": { name: "valkey-bloom" },
};

/** Modules of a file that a target needs and does not have with it: `[{ name, types, keys, bytes }]`. */
function needsOf(target, modules) {
  const needs = new Map();
  for (const { module, keys, bytes } of modules) {
    const { name = module, since = Infinity } = MODULES[module] ?? {};
    if (target.lineage === "redis" && parseInt(numberOf(target.servers[0]), 10) >= since) continue;
    const need = needs.get(name) ?? { name, types: [], keys: 0, bytes: 0 };
    needs.set(name, { ...need, types: [...need.types, module], keys: need.keys + keys, bytes: need.bytes + bytes });
  }
  return [...needs.values()];
}

/**
 * What a survey says of a target: `{ losses, needs, prospect, kind, text }`, `kind` one of `loss`, `need`, `same`, `none`.
 * The file loads `same`, as it is, only where it is a snapshot and is to be one.
 */
export function outcomeOf(target, survey, container) {
  const prospect = survey.prospects.find(({ dialect, version }) => dialect === target.dialect && version === target.version);
  const { losses } = prospect;
  const needs = losses.some(({ code }) => code === "module-value") ? [] : needsOf(target, survey.modules);
  const isSame = container === "rdb" && target.servers.every((server) => survey.loadsIn.includes(server));
  const outcome = { losses, needs, prospect, isSame };
  if (losses.length && !isSame) return { ...outcome, kind: "loss", text: plural(losses.length, "loss", "losses") };
  if (needs.length) return { ...outcome, losses: isSame ? [] : losses, kind: "need", text: needs.length === 1 ? `needs ${needs[0].name}` : `needs ${needs.length} modules` };
  return isSame ? { ...outcome, losses: [], kind: "same", text: "as it is" } : { ...outcome, kind: "none", text: "nothing lost" };
}

/** Commands of a log that are not carried out and may have changed keys. */
export function passedOver(log) {
  return log.made.skipped.filter(({ mayChangeData }) => mayChangeData);
}

/** What the survey of the snapshot that is made of a log says of the log, which no server loads as one. */
export function ofLog(survey, log) {
  const lost = passedOver(log);
  const losses = lost.length ? [{ code: "commands", count: lost.reduce((sum, one) => sum + one.count, 0), keys: 0, name: lost[0].command }] : [];
  return { ...survey, loadsIn: [], prospects: survey.prospects.map((one) => ({ ...one, losses: [...losses, ...one.losses] })) };
}

const KEYS_GO = "The keys are left out";
const WITHOUT = "The keys stay, without it";

/** Title, unit of the count, and what `degrade` and `drop` make of it; one text where they make the same. */
const LOSSES = {
  "array": ["Arrays", null, "Each becomes a hash of index and value", KEYS_GO],
  "commands": ["What commands that are not carried out may have changed", ["command", "commands"], "As if they had not run"],
  "consumer-active-time": ["When consumers were active", ["consumer", "consumers"], "The consumers stay, without it"],
  "consumer-times": ["When consumers were seen", ["consumer", "consumers"], "The consumers stay, without it"],
  "entries-read": ["How many entries groups have read", ["group", "groups"], "The groups stay, without it"],
  "enterprise": ["Numbers of Redis Enterprise", null, WITHOUT],
  "expiry-ms": ["Expiries between two seconds", null, "Rounded down to the second", KEYS_GO],
  "freq": ["Access frequencies", null, WITHOUT],
  "field-expiry": ["Expiry of single fields", ["field", "fields"], "The fields stay, and never expire", "The fields are left out"],
  "field-expiry-range": ["Expiry of single fields, out of range", ["field", "fields"], "The fields stay, and never expire", "The fields are left out"],
  "function": ["Function libraries", ["library", "libraries"], "The libraries are left out"],
  "function-description": ["Descriptions of function libraries", ["library", "libraries"], "The libraries stay, without it"],
  "head-field": ["Fields about the snapshot", ["field", "fields"], "The fields are left out"],
  "idle": ["Idle times", null, WITHOUT],
  "key-metadata": ["Metadata that modules attached to keys", null, WITHOUT],
  "length": ["Texts beyond 4 GiB", null, KEYS_GO],
  "module-data": ["Module data outside of keys", ["block", "blocks"], "The data are left out"],
  "module-value": ["Module values", null, KEYS_GO],
  "producer-ids": ["Ids of stream producers", null, "The streams stay, without them"],
  "script": ["Cached scripts", ["script", "scripts"], "The scripts are left out"],
  "slot-sizes": ["Sizes of slots", ["slot", "slots"], "Left out; servers count them anew"],
  "slot-move": ["Slot moves under way", ["move", "moves"], "The moves are left out"],
  "stream": ["Streams", null, KEYS_GO],
  "stream-counters": ["Counters of streams with deleted entries", null, "The streams stay, without them"],
  "unowned-pending": ["Pending entries without a consumer", ["entry", "entries"], "The entries are no longer pending"],
};

/** Why it is lost, where that is not who has it. */
const WHY = { "commands": "Scripts are not run here. A server that loads the log runs them." };

/** What is lost, why, and what stands in the new file: `{ short, title, why, result }`; `short` is the title without the counts. */
export function lossWords({ code, what, foundIn, count: items, keys, name }, onLoss) {
  const [title, unit, degrade, drop = degrade] = LOSSES[code] ?? [what, null, WITHOUT];
  const inKeys = keys ? plural(keys, "key") : "";
  const counted = unit ? [plural(items, ...unit), inKeys].filter(Boolean).join(" in ") : inKeys || count(items);
  const why = WHY[code] ?? `Only ${foundIn} have this.`;
  return { short: title, title: `${title}: ${counted}`, why: `${why}${name ? ` The first is ${name}.` : ""}`, result: onLoss === "drop" ? drop : degrade };
}

export function needWords({ name, types, keys, bytes }, bytesText) {
  return {
    title: `Module values: ${types.join(", ")} in ${plural(keys, "key")}, ${bytesText(bytes)}`,
    why: "Copied byte for byte, so nothing is lost. A server without this module refuses the whole file.",
    result: `Kept; the server needs ${name}`,
  };
}

const EXTENSIONS = { rdb: "rdb", aof: "aof", resp: "resp", jsonl: "jsonl" };

/** The name of the new file. */
export function outputName(source, target, container) {
  const base = source.replace(/\.(gz|zst|lz4)$/i, "").replace(/\.(rdb|aof|dump)$/i, "");
  return container === "jsonl" ? `${base}.jsonl` : `${base}.${target.name}.${EXTENSIONS[container]}`;
}

/** The command that does the same, or null where the filter has no words there. */
export function commandLine({ source, output, target, container, onLoss, hasLosses, lenient, filter }) {
  const words = ["aikv", "convert", source, output];
  if (container !== "jsonl") words.push("--to", target.name);
  if (hasLosses) words.push("--on-loss", onLoss);
  if (lenient) words.push("--lenient");
  if (filter) words.push(...filterFlags(filter));
  return words.map(quoted).join(" ");
}
