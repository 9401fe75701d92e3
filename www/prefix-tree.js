// The tree of prefixes as it was counted last: one level per prefix, asked for when it is opened, and
// asked for again when the keys or the filter changed. What was there stays until the new counts are.

const NAMED = 200;
const NAMED_MOST = 20_000;
/** While a file is read, counting may take this share of the time. */
const SHARE = 0.1;
const PAUSE_MS = 1000;

/** A prefix as the key of a map. */
export function idOf(bytes) {
  let id = "";
  for (const byte of bytes) id += String.fromCharCode(byte);
  return id;
}

export class PrefixTree {
  #count;
  #changed;
  #levels = new Map();
  #open = new Set();
  #parents = new Map();
  #signature = "";
  #round = 0;
  #stale = new Set();
  #busy = false;
  #resting = null;
  #again = 0;
  #path = new Uint8Array();
  #version = 0;
  #lines = { version: -1, by: "", lines: [] };

  /** `count(prefix, most)` gives a level, or null where another counting came between; `changed()` is told of new counts. */
  constructor(count, changed) {
    this.#count = count;
    this.#changed = changed;
  }

  /** Another number whenever what there is to draw may be another. */
  get version() {
    return this.#version;
  }

  /** Another file: nothing of the one before is left. */
  clear() {
    this.#round += 1;
    this.#version += 1;
    this.#signature = "";
    for (const part of [this.#levels, this.#open, this.#parents, this.#stale]) part.clear();
  }

  /**
   * Counts again when `signature`, which stands for all that counts depend on, is another. `path` is the prefix
   * whose level is looked at besides those that are open; `hurry` counts at once, also while a file is read.
   */
  want(signature, path, hurry) {
    this.#path = path;
    if (signature !== this.#signature && (hurry || performance.now() >= this.#again)) {
      this.#signature = signature;
      this.#round += 1;
      this.#stale = new Set(["", ...this.#levels.keys()]);
    } else if (signature !== this.#signature) {
      this.#resting ??= setTimeout(() => {
        this.#resting = null;
        this.#changed();
      }, Math.max(0, this.#again - performance.now()));
    }
    const id = idOf(path);
    if (!this.#levels.has(id)) this.#stale.add(id);
    this.#pump();
  }

  level(path) {
    return this.#levels.get(idOf(path)) ?? null;
  }

  isOpen(id) {
    return this.#open.has(id);
  }

  /** Opens or closes the level below a prefix. */
  toggle(path, open) {
    const id = idOf(path);
    this.#version += 1;
    if (open) this.#open.add(id);
    else this.#open.delete(id);
    if (open && !this.#levels.has(id)) this.#stale.add(id);
    this.#pump();
    this.#changed();
  }

  /** Opens every level above a prefix, so that it is in sight. */
  reveal(path) {
    this.#version += 1;
    for (let id = this.#parents.get(idOf(path)); id !== undefined; id = this.#parents.get(id)) this.#open.add(id);
  }

  /** Names more of a level. */
  more(path) {
    const level = this.level(path);
    if (!level) return;
    level.most = Math.min(NAMED_MOST, level.most * 10);
    this.#stale.add(idOf(path));
    this.#pump();
  }

  /** The prefixes above `path`, outermost first, and itself. */
  trail(path) {
    const trail = [];
    for (let id = idOf(path); id !== undefined && id !== ""; id = this.#parents.get(id)) trail.unshift(id);
    return trail.map((id) => Uint8Array.from(id, (char) => char.charCodeAt(0)));
  }

  /** The lines of the tree in sight, each `{ kind, depth, place, among, … }`, in the order of `by`. */
  lines(by) {
    if (this.#lines.version !== this.#version || this.#lines.by !== by) {
      this.#lines = { version: this.#version, by, lines: [] };
      this.#add(this.#lines.lines, new Uint8Array(), 1, by);
    }
    return this.#lines.lines;
  }

  /** The lines of one level. */
  children(path, by = "bytes") {
    const level = this.level(path);
    return level ? linesOf(level, path, by) : [];
  }

  #add(out, path, depth, by) {
    const lines = this.children(path, by);
    lines.forEach((line, at) => {
      Object.assign(line, { depth, place: at + 1, among: lines.length });
      line.open = line.kind === "branch" && this.#open.has(line.id);
      out.push(line);
      if (line.open) this.#add(out, line.path, depth + 1, by);
    });
  }

  async #pump() {
    if (this.#busy) return;
    // What is looked at comes first: the root, the level of the treemap, then those that are open.
    const wanted = ["", idOf(this.#path), ...this.#open].find((id) => this.#stale.has(id) && this.#isInSight(id));
    if (wanted === undefined) return;
    this.#stale.delete(wanted);
    this.#busy = true;
    const [round, began] = [this.#round, performance.now()];
    const path = Uint8Array.from(wanted, (char) => char.charCodeAt(0));
    try {
      const most = this.#levels.get(wanted)?.most ?? NAMED;
      const level = await this.#count(path, most);
      if (level && round === this.#round) this.#take(wanted, path, { ...level, most });
      else if (round === this.#round) this.#stale.add(wanted);
    } catch (error) {
      // A pattern that is bad, or a reader that has ended: the counts that are there stay.
      if (error.code !== "ended" && error.code !== "bad-pattern") throw error;
    } finally {
      this.#busy = false;
      const spent = performance.now() - began;
      this.#again = performance.now() + Math.max(PAUSE_MS, spent / SHARE);
      this.#pump();
    }
  }

  #isInSight(id) {
    return id === "" || id === idOf(this.#path) || this.#open.has(this.#parents.get(id) ?? "") || this.#parents.get(id) === "";
  }

  #take(id, path, level) {
    this.#levels.set(id, level);
    this.#version += 1;
    for (const branch of level.branches) this.#parents.set(id + idOf(branch.name), id);
    // A level that is gone has nothing to open.
    if (id !== "" && !level.inBranches.keys && !level.inLeaves.keys) this.#open.delete(id);
    this.#changed();
  }
}

/** The children of a level in order: branches, and behind a prefix the single keys too. */
function linesOf(level, path, by) {
  const lines = level.branches.map((branch) => {
    const whole = new Uint8Array(path.length + branch.name.length);
    whole.set(path);
    whole.set(branch.name, path.length);
    return { kind: "branch", id: idOf(whole), path: whole, name: branch.name, keys: branch.keys, bytes: branch.bytes, type: branch.type };
  });
  const { inLeaves, inBranches } = level;
  if (path.length === 0) {
    if (inLeaves.keys) lines.push({ kind: "bare", id: "bare", path, name: null, ...inLeaves });
  } else {
    for (const row of level.leaves) lines.push({ kind: "leaf", id: `${idOf(path)} ${row.id}`, path, row, name: row.key.subarray(path.length), keys: 1, bytes: row.bytes, type: row.type });
  }
  lines.sort(orders[by]);
  const shown = lines.reduce((sum, line) => ({ keys: sum.keys + line.keys, bytes: sum.bytes + line.bytes }), { keys: 0, bytes: 0 });
  const left = { keys: inLeaves.keys + inBranches.keys - shown.keys, bytes: inLeaves.bytes + inBranches.bytes - shown.bytes };
  const { type } = inBranches.bytes > inLeaves.bytes ? inBranches : inLeaves;
  if (left.keys > 0) lines.push({ kind: "more", id: `${idOf(path)} more`, path, name: null, type, ...left, canAsk: level.most < NAMED_MOST });
  return lines;
}

const orders = {
  bytes: (a, b) => b.bytes - a.bytes || b.keys - a.keys,
  keys: (a, b) => b.keys - a.keys || b.bytes - a.bytes,
  name: (a, b) => compare(a.name, b.name),
};

/** By bytes; keys without a prefix come last. */
function compare(a, b) {
  if (!a || !b) return a ? -1 : b ? 1 : 0;
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at += 1) if (a[at] !== b[at]) return a[at] - b[at];
  return a.length - b.length;
}
