// Types of the package. Byte arrays are copies; numbers beyond 2^53 are BigInt.
// Every failure of a file is an AikvError.

/**
 * Loads the WebAssembly module for looking at files. Needed once in browsers and bundles before what is not asynchronous;
 * does nothing in Node.
 */
export function init(source?: URL | string | BufferSource | WebAssembly.Module | Promise<Response>): Promise<void>;

/**
 * Loads the second WebAssembly module, for what unpacks, writes and changes files. Asynchronous functions load it by
 * themselves. In browsers and bundles it is needed before a `Session` is fed a compressed file, and before `lineReader`.
 */
export function loadTools(source?: URL | string | BufferSource | WebAssembly.Module | Promise<Response>): Promise<void>;

/** The version of this package. */
export function version(): string;

export type TypeName = "string" | "list" | "set" | "zset" | "hash" | "stream" | "module" | "array";

/** How a file is compressed as a whole: `gzip` members, `lz4` or `zstd` frames. */
export type Compression = "gzip" | "lz4" | "zstd";

/** What failures of a file look like. */
export interface AikvError extends Error {
  /** A stable word such as `truncated` or `bad-checksum`. */
  code: string;
  /** Byte of the file, of a compressed one after unpacking; for `bad-pattern` byte of the pattern. From 0. */
  offset: number;
  /** Where it is the compression that is damaged: `offset` is a byte of the compressed file. */
  compression?: Compression;
  /** Database, where one is known. */
  db?: number;
  /** At most the first 32 bytes of the key, where one is known. */
  key?: Uint8Array;
  /** The same as text, escaped. */
  keyText?: string;
}

export interface Sniff {
  kind: "rdb" | "aof" | "compressed" | "manifest" | "jsonl" | "unknown";
  /** Of a snapshot with a whole header. */
  dialect?: "redis" | "valkey";
  /** Of a snapshot with a whole header. */
  version?: number;
  /** Whether snapshots of this version are read. */
  supported?: boolean;
  /** Of a compressed file, which is read as what is in it. */
  compression?: Compression;
  /** What an unknown file looks like, such as `zip`, `json` or `empty`. */
  looksLike?: string;
}

/** Says what a file is by its first bytes: 16 of them if there are so many; up to 4096 tell more. */
export function sniff(prefix: Uint8Array): Sniff;

/** First and last snapshot version that is read, by dialect. */
export function supportedVersions(): { redis: [number, number] | null; valkey: [number, number] | null };

/** Bytes in entries: text where they are UTF-8, else base64. */
export type Bytes = string | { $b64: string };

/** A number that is a BigInt beyond 2^53. */
export type Integer = number | bigint;

interface Head {
  db: number;
  key: Bytes;
  /** The value type as snapshots name it, such as `hash-listpack`. */
  encoding?: string;
  /** Unix milliseconds. */
  expires_at_ms?: Integer;
  /** Seconds since the key was last used. */
  idle_s?: Integer;
  /** Counter of how often the key was used, 0 to 255. */
  freq?: number;
  /** What modules attached to the key, as it stands in the file. */
  key_meta?: { $b64: string };
}

export interface StreamValue {
  /** Id, then field, value, field, value, ... */
  entries: [string, Bytes[]][];
  last_id: string;
  first_id?: string;
  max_deleted_id?: string;
  entries_added?: Integer;
  groups: {
    name: Bytes;
    last_id: string;
    entries_read?: Integer | null;
    /** Id, consumer, Unix milliseconds of the last delivery, deliveries. */
    pending: [string, Bytes | null, Integer, Integer][];
    consumers: { name: Bytes; seen_at_ms: Integer; active_at_ms?: Integer | null }[];
    /** Ids of pending entries that their consumers handed back, since Redis 8.8. */
    returned?: string[];
  }[];
  /** How producers' ids are remembered, since Redis 8.6. */
  idempotency?: {
    duration_s: Integer;
    max_ids: Integer;
    /** Each id with that of its entry. */
    producers: { name: Bytes; ids: [Bytes, string][] }[];
    added: Integer;
    duplicates: Integer;
  };
}

/** A key with its value. */
export type KeyEntry = Head &
  (
    | { type: "string"; value: Bytes }
    | { type: "list" | "set"; value: Bytes[] }
    | { type: "zset"; value: [Bytes, number | "inf" | "-inf"][] }
    /** A field name that is not UTF-8, or begins with `$b64:`, is `$b64:` and its base64. */
    | { type: "hash"; value: Record<string, Bytes | { value: Bytes; expires_at_ms: Integer }> }
    | { type: "stream"; value: StreamValue }
    /** `readable`: a JSON document, or what is known of the value; absent where nothing is. Big integers in it are BigInt. */
    | { type: "module"; value: { module: string; encver: number; payload: { $b64: string }; readable?: unknown } }
    | { type: "array"; value: { insert_index?: Integer; elements: [Integer, Bytes][] } }
  );

/** What stands in a file, in file order. The first entry of a snapshot is its header. */
export type Entry =
  | KeyEntry
  | { snapshot: { dialect: "redis" | "valkey"; version: number } }
  | { aux: [Bytes, Bytes] }
  | { function: Bytes }
  /** Of a log, behind the keys of the snapshot in front of it. */
  | CommandEntry
  /** What was passed over in the entry before; only where `lenient` was asked for. */
  | { deviation: Deviation };

/** What a lenient reading passed over. */
export interface Deviation {
  /** A stable word such as `bad-packed`. */
  code: string;
  /** Byte of the file, from 0. */
  offset: Integer;
  db?: number;
  /** At most the first 32 bytes of the key. */
  key?: Bytes;
  /** Bytes of the whole key. */
  key_bytes?: Integer;
  encoding?: string;
  element?: Integer;
  text: string;
}

export interface Leniency {
  /**
   * Reads on where the framing is whole: versions to come, keys without elements, what contradicts itself inside of values,
   * a wrong checksum. Each of these is told.
   */
  lenient?: boolean;
}

/** How reading is watched and stopped. */
export interface Reading {
  /** Once it is aborted, what is read rejects with its reason, and the source is let go. */
  signal?: AbortSignal;
  /** Called behind each chunk of the source. */
  onProgress?: (progress: ReadingProgress) => void;
}

export interface ReadingProgress {
  /** Bytes of the source that were read, before any unpacking. */
  bytes: number;
  /** All bytes of the source; `null` for a stream. */
  totalBytes: number | null;
}

/** Bytes of which any span can be read again, such as a `Blob`, a `File` or, in Node, what `openFile` gives. */
export interface Spans {
  readonly size: number;
  stream(): ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** What can be read more than once. */
export type LastingSource = Uint8Array | ArrayBuffer | Blob | Spans;

/** Where entries are read from. Node's streams and file handles' streams are async iterables. */
export type Source = LastingSource | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * The bytes of a file as they are, or unpacked where the file is compressed as a whole. Pieces have at most 4 MiB, those of
 * a file that is not compressed as many bytes as its chunks. A zstd frame with a window of more than 64 MiB is refused.
 */
export function unpack(source: Source, options?: Reading): AsyncIterableIterator<Uint8Array>;

/** Reads the entries of a file, unpacked where it is compressed, one by one, in memory of the largest of them. */
export function entries(source: Source, options?: Leniency & Reading): AsyncIterableIterator<Entry>;

/** A command of a log. Commands are not applied. */
export interface CommandEntry {
  command: Bytes[];
  /** Byte of the file where it begins. */
  offset: Integer;
  /** Unix seconds of the last time that the log names in front of it. */
  timestamp_s?: Integer;
  /** The number of the `MULTI` it stands in. */
  transaction?: Integer;
}

/** Reads the commands of a log: those of `entries`. A snapshot has none. */
export function commands(source: Source, options?: Leniency & Reading): AsyncIterableIterator<CommandEntry>;

/** Reads a file whole and tells what it is and holds, in memory of about 48 bytes a key beside the keys themselves. */
export function info(source: Source, options?: Leniency & Reading & { nowMs?: number }): Promise<Report & { expiry: Expiry }>;

/** Reads a file whole, and keeps the index of its keys; values are read from the source when they are asked for. */
export function openIndex(source: LastingSource, options?: Leniency & Reading & { maxItemBytes?: number }): Promise<Index>;

/** The keys of a file, and its values by span. What a compressed file was unpacked to is held in a `Blob`. */
export interface Index {
  readonly rowCount: number;
  report(): Report;
  /** Keys by when they expire, seen from a clock; now, unless it is given. */
  expiry(nowMs?: number): Expiry;
  /** Chooses and orders the rows. */
  select(query?: Query): Selection;
  /** A window of the selection. */
  rows(from: number, count: number): Row[];
  /** Position of a row in the selection, -1 where it is not in it. */
  find(id: number): number;
  /** A row by its position in the file. */
  row(id: number): Row;
  /** A page of a row's value: 200 elements unless said otherwise. Reads the value's bytes only. */
  value(id: number, options?: { from?: number; count?: number; maxBytes?: number; signal?: AbortSignal }): Promise<ValuePage>;
  /** A row with its whole value, as `entries` gives it. */
  entry(id: number, options?: { signal?: AbortSignal }): Promise<KeyEntry>;
  /** Gives the memory back. The index is of no use afterwards. */
  close(): void;
}

/** One file being read, and an index of its keys. */
export class Session {
  /** `maxItemBytes`: largest element, packed value or key held at once; 64 MiB unless given. */
  constructor(options?: Leniency & { maxItemBytes?: number });
  /**
   * Reads the next chunk, of any size, of a file that may be compressed. Throws where it is damaged; rows read before stay.
   * Throws `tools-not-loaded` in browsers for a compressed file before `loadTools`.
   */
  feed(chunk: Uint8Array): void;
  /** Says that no chunk follows. Throws `truncated` where the file is not whole. */
  finish(): void;
  /**
   * After `feed` or `finish` threw, of a lenient session over a file that is not compressed: the byte from which the file is
   * to be fed again. A value that is broken is passed over where its lengths lead to further keys; else keys are looked for
   * behind it, and those read on from are sure. What is wrong is then a finding. `undefined` where there are none.
   */
  goOn(): number | undefined;
  /** Whether there is memory for so many more bytes in one piece. */
  hasRoom(bytes: number): boolean;
  /** Whether `feed` threw because there was no memory for another row. */
  readonly isFull: boolean;
  /**
   * What the bytes mean that stand `start` bytes into the file, where a record of database `db` begins: ranges that are
   * not outside of `[from, to)`. Of a broken value among them, `elements` of `stated` can be read.
   */
  explain(start: number, bytes: Uint8Array, db: number, from: number, to: number): {
    meanings: { start: number; end: number; text: string; readable: boolean }[];
    elements: number | null;
    stated: number | null;
  };
  /** Keys read so far. */
  readonly rowCount: number;
  /** Bytes read so far, after unpacking. */
  readonly offset: number;
  /** What was read so far. */
  report(): Report;
  /** Keys by when they expire, seen from a clock. */
  expiry(nowMs: number): Expiry;
  /** Chooses and orders the rows read so far. */
  select(query: Query): Selection;
  /** Begins to count the keys of a query by how their names go on behind `prefix`; a prefix of the query is left out of account. */
  countPrefixes(query: Query, options: { prefix?: Uint8Array; separators: string[]; by?: "bytes" | "keys"; most?: number }): void;
  /** Counts `rows` further rows. The level once all were counted, else `undefined`. */
  countStep(rows: number): PrefixLevel | undefined;
  /** A window of the selection. */
  rows(from: number, count: number): Row[];
  /** Position of a row in the selection, -1 where it is not in it. */
  find(id: number): number;
  /** A row by its position in the file. */
  row(id: number): Row;
  /** A reader for a page of a row's value. */
  valueReader(id: number, options?: { from?: number; count?: number; maxBytes?: number }): ValueReader;
  /** A reader for a page of a stream's pending entries, by group. */
  valueReader(id: number, options: { from?: number; count?: number; pending: true }): ValueReader<PendingPage>;
  /** A reader that counts a stream's entries by hour. */
  valueReader(id: number, options: { hours: true }): ValueReader<HoursPage>;
  /** A reader for a row as a line of JSON, in the form of `KeyEntry`. Needs `loadTools` in browsers. */
  lineReader(id: number): LineReader;
  /** Gives the memory back. The session is of no use afterwards. */
  free(): void;
}

export interface Row {
  /** Position in the file, from 0. */
  id: number;
  db: number;
  type: TypeName;
  /** Such as `hash-listpack`. */
  encoding: string;
  key: Uint8Array;
  /** `null` for strings and module values. */
  elements: number | null;
  /** Bytes in the file, from the key head to the end of the value. */
  bytes: number;
  /** Memory that a server takes for it, estimated: as Redis 7.0 to 8.0 on 64 bits answer `MEMORY USAGE key SAMPLES 0`. `null` where it cannot be told, as of module values. */
  memoryBytes: number | null;
  /** First byte of the key head; of a compressed file after unpacking. */
  offset: number;
  expiresAtMs: Integer | null;
  idleSeconds: Integer | null;
  freq: number | null;
  /** Which module wrote the value. */
  module?: string;
}

export interface Query {
  text?: string;
  /** `text`: any part, in any case. `glob`: the servers' rules, whole key. `regex`: over bytes, any part. */
  mode?: "text" | "glob" | "regex";
  /** Empty: all. */
  types?: TypeName[];
  /** Empty: all. */
  dbs?: number[];
  expiry?: "none" | "any" | "expired" | { fromMs?: number; toMs?: number };
  /** The clock for `expired`. */
  nowMs?: number;
  minBytes?: number;
  maxBytes?: number;
  /** What the key begins with. */
  prefix?: Uint8Array;
  /** Only keys that none of `separators` parts behind the prefix. */
  leaves?: boolean;
  separators?: string[];
  /** Only these rows, by `id`. Conversions and exports have no rows, and refuse it. */
  rows?: Uint32Array;
  /** `idle`: by idle time, or by frequency where the file has it. */
  sort?: "file" | "type" | "db" | "key" | "elements" | "size" | "memory" | "encoding" | "expires" | "idle" | "offset";
  descending?: boolean;
}

export interface Selection {
  /** Rows that were chosen, their bytes, and the rows they were chosen from. */
  count: number;
  bytes: number;
  total: number;
  /** Where the query leaves some out: by type as if it named no types, and by expiry as if it named none. */
  types?: { type: TypeName; keys: number; bytes: number }[];
  expiry?: Expiry;
}

/** The keys under a prefix. At most `most` branches and leaves are named, 200 unless given; all are counted. */
export interface PrefixLevel {
  /** Pieces up to the next separator, each with its keys and the type that has most of their bytes. */
  branches: { name: Uint8Array; keys: number; bytes: number; type: TypeName }[];
  /** Keys without a further separator, the largest first. */
  leaves: Row[];
  /** `count`: the number of branches. */
  inBranches: { count: number; keys: number; bytes: number; type: TypeName };
  inLeaves: { keys: number; bytes: number; type: TypeName };
}

/** Every key is in one of these: expired, within an hour, a day, 7 days, 30 days, later, never. */
export interface Expiry {
  expired: number;
  hour: number;
  day: number;
  week: number;
  month: number;
  later: number;
  never: number;
}

export interface Report {
  /** `aof`: a log, with or without a snapshot in front. */
  format: "rdb" | "aof";
  /** Of a file that is compressed as a whole. */
  compression: Compression | null;
  /** Bytes that a compressed file came to so far. */
  unpackedBytes: number | null;
  /** Of the snapshot; `null` where a log has none in front. */
  dialect: "redis" | "valkey" | null;
  /** Of the snapshot; `null` where a log has none in front. */
  version: number | null;
  /** Such as `Redis 7.0.15`, as the file says itself. */
  producer: string | null;
  savedAtMs: Integer | null;
  aux: [string, string][];
  /** Names of function libraries. */
  functions: string[];
  databases: { db: number; keys: number; expiring: number; bytes: number }[];
  /** Types that are present, most bytes first. */
  types: { type: TypeName; keys: number; elements: number; bytes: number }[];
  /** Most bytes first. */
  encodings: { encoding: string; type: TypeName; keys: number; bytes: number }[];
  keys: number;
  /** Of all keys and values. */
  bytes: number;
  /** Id of the largest row. */
  largest: number | null;
  /** Commands behind the snapshot of a log; they are counted, not applied. */
  commands: number;
  /** Oldest and newest server of each lineage that load a snapshot as it is, `null` where none does; `null` of a log. */
  loadsIn: { redis: [ServerName, ServerName] | null; valkey: [ServerName, ServerName] | null } | null;
  checksum: "matches" | "none" | "off" | "pending" | "mismatch";
  trailingBytes: number;
  /** In file order; of what a lenient session passed over, the first 1000. */
  findings: Finding[];
  /** What it passed over beyond those. */
  findingsLeftOut: number;
  /** Keys that the file says it has, `null` where it does not say. */
  announcedKeys: number | null;
  /** Keys with something wrong in them that were read on past, how many of them have a row, and the bytes of all. */
  damagedKeys: number;
  damagedRows: number;
  damagedBytes: number;
}

export interface Finding {
  severity: "error" | "warning";
  code: string;
  offset: number;
  /** Where it is the compression that is damaged: `offset` is a byte of the compressed file. */
  compression?: Compression;
  db?: number;
  key?: Uint8Array;
  keyText?: string;
  /** Position of the element in its value, from 0. */
  element?: number;
  /** The value type, such as `hash-listpack`. */
  encoding?: string;
  text: string;
  /** Whether what stands behind it can be read: all, or what is from the byte on that the text tells. */
  repairable: boolean;
  /** Id of the row whose value it is in, where that was read on past. */
  row?: number;
  /** Id that the row read behind it has, if there is one, where it was read on past. */
  nextRow?: number;
  /** Where bytes are lost that belong to no key that is known: reading went on behind them where keys are sure again. */
  lost?: true;
}

/** Bytes, or the first of them and how many there are. */
export type MaybeCut = Uint8Array | { bytes: Uint8Array; cut: number };

/** Reads a page of one value. Feed it the bytes `[row.offset, row.offset + row.bytes)` of the file, unpacked, in order. */
export class ValueReader<Page = ValuePage> {
  private constructor();
  /** True once the page is whole and no more bytes are needed. */
  feed(chunk: Uint8Array): boolean;
  /** The page. */
  finish(): Page;
  /** Gives the memory back. */
  free(): void;
}

/** Writes one key as JSON. Feed it the bytes `[row.offset, row.offset + row.bytes)` of the file in order. */
export interface LineReader {
  /** True once the line is whole. */
  feed(chunk: Uint8Array): boolean;
  /** The line, with its line feed. */
  finish(): string;
  /** Gives the memory back. */
  free(): void;
}

export type ValuePage =
  | { type: "string"; length: number; bytes: Uint8Array }
  | { type: "list" | "set"; total: number; from: number; items: MaybeCut[] }
  | { type: "zset"; total: number; from: number; items: { member: MaybeCut; score: number }[] }
  | { type: "hash"; total: number; from: number; items: { field: MaybeCut; value: MaybeCut; expiresAtMs?: Integer }[] }
  | { type: "array"; total: number; from: number; insertIndex: Integer | null; items: { index: Integer; value: MaybeCut }[] }
  | StreamPage
  | {
      type: "module";
      module: string;
      encver: number;
      /**
       * JSON text: the document of a JSON module, else an object of what is known of the value. Absent where the value is
       * not of a known layout, or the text longer than 16 MiB; the items are there in any case.
       */
      readable?: string;
      total: number;
      from: number;
      items: { kind: "int" | "uint" | "float" | "double" | "string"; value: Integer | MaybeCut }[];
    };

/** Pending entries of a stream, group after group. `group` and `consumer` count in `groups` and its `consumers`. */
export interface PendingPage extends Omit<StreamPage, "items"> {
  items: {
    id: string;
    group: number;
    /** Absent where the entry was handed back and has none now. */
    consumer?: number;
    deliveredAtMs: Integer;
    deliveries: Integer;
  }[];
}

/** Entries of a stream by hour, as hours since 1970 and how many entries are in each. */
export interface HoursPage extends Omit<StreamPage, "items"> {
  hours: [Integer, number][];
}

export interface StreamPage {
  type: "stream";
  total: number;
  from: number;
  items: { id: string; fields: [MaybeCut, MaybeCut][] }[];
  /** From here on only where the page reaches the last entry. */
  lastId?: string;
  firstId?: string;
  maxDeletedId?: string;
  entriesAdded?: Integer;
  groups?: {
    name: MaybeCut;
    lastId: string;
    entriesRead: Integer | null;
    pending: number;
    consumers: { name: MaybeCut; pending: number; seenAtMs: Integer; activeAtMs: Integer | null }[];
    /** Pending entries that were handed back and have no consumer, since Redis 8.8. */
    returned?: number;
  }[];
  /** Since Redis 8.6. */
  idempotency?: {
    durationSeconds: number;
    maxIds: number;
    /** Producers, and how many ids of each are remembered. */
    producers: { name: MaybeCut; ids: number }[];
    added: Integer;
    duplicates: Integer;
  };
}

/** A server by its release line. */
export type ServerName =
  | "redis-2.6" | "redis-2.8" | "redis-3.0" | "redis-3.2" | "redis-4.0" | "redis-5.0" | "redis-6.0" | "redis-6.2" | "redis-7.0"
  | "redis-7.2" | "redis-7.4" | "redis-8.0" | "redis-8.2" | "redis-8.4" | "redis-8.6" | "redis-8.8" | "redis-8.10"
  | "valkey-7.2" | "valkey-8.0" | "valkey-8.1" | "valkey-9.0" | "valkey-9.1";

/** A server, or every server that reads a version: `rdb-1` to `rdb-15`, `rdb-80` for Valkey's. */
export type TargetName = ServerName | `rdb-${number}`;

export interface Server {
  name: ServerName;
  lineage: "redis" | "valkey";
  /** Of the snapshots that it writes. */
  dialect: "redis" | "valkey";
  version: number;
}

/** Every server that can be a target, oldest first within each lineage. */
export function targets(): Promise<Server[]>;

/** What becomes of a part that the target has no form for: nothing is written, its smallest item goes, or it alone goes. */
export type OnLoss = "fail" | "drop" | "degrade";

/** Parts of one kind and one key that the target has no form for, as `aikv convert --json` has them. */
export interface Loss {
  /** A stable word such as `field-expiry`. */
  code: string;
  /** What is lost, in words. */
  what: string;
  /** Which servers have it, in words. */
  found_in: string;
  /** What became of what held it; under `fail` what `degrade` would make of it. */
  outcome: "stripped" | "changed" | "item-left-out" | "key-left-out";
  /** How many there are: commands, fields, groups, consumers, pending entries; else 1. */
  count: number;
  /** Of the key they belong to. */
  db?: number;
  key?: Bytes;
  /** What belongs to no key by its name: an aux field, the first line of a library, a module type, a command. */
  name?: Bytes;
}

/** What a reading passed over, and what of a log is not in its data. */
export interface Told {
  /** What was passed over where `lenient` was asked for; the first 1000. */
  deviations: Finding[];
  deviationsLeftOut: number;
  /** Of a log. */
  replay?: {
    applied: Integer;
    transactions: Integer;
    /** Commands of a last transaction without its end, which were not applied. */
    unfinished: Integer;
    skipped: { command: string; count: Integer; offset: Integer; mayChangeData: boolean }[];
    failed: { command: string; count: Integer; offset: Integer; reason: string }[];
  };
}

/** What was written, as `aikv convert --json` has it. Without `to` there is only what was told. */
export interface ConvertReport extends Told {
  to?: TargetName;
  rdb?: { dialect: "redis" | "valkey"; version: number };
  on_loss?: OnLoss;
  source?: { dialect: "redis" | "valkey"; version: number };
  refused?: boolean;
  keys?: number;
  /** Of those, keys whose values have the bytes that they had. */
  copied_keys?: number;
  unmatched_keys?: number;
  /** Whether every key was compared with all before it. */
  is_distinct?: boolean;
  written_bytes?: number;
  /** The highest number of a database; servers have 16 unless told otherwise. */
  last_db?: number;
  /** How many losses there are, also beyond those that are kept. */
  losses?: number;
}

export interface Progress {
  /** Bytes of the source that were read in this pass. */
  bytes: number;
  pass: number;
  passes: number;
}

export interface Run {
  /** Reads on where the framing is whole; what was passed over is in the report. */
  lenient?: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

export interface ConvertOptions extends Run {
  /**
   * Who is to load it. Without it a snapshot keeps its version (see `filter`), a log or JSON Lines become one of the latest
   * version of their dialect, and what that has no form for is an error; JSON Lines need none.
   */
  to?: TargetName;
  /** `fail` unless given. */
  onLoss?: OnLoss;
  /** A snapshot unless given; a log of commands, the same for a pipe, or JSON Lines. */
  container?: "rdb" | "aof" | "resp" | "jsonl";
  /** Which keys are meant; `sort` and `descending` do nothing. */
  filter?: Query;
  /** Of a log: how many databases its server has, as its `databases` says; 16 unless given. */
  databases?: number;
}

/** The output of a conversion, which can be taken once, in one of four ways. */
export interface Conversion<Report = ConvertReport> extends AsyncIterable<Uint8Array> {
  /** The first 100,000; whole once the output was taken to its end. */
  readonly losses: Loss[];
  /** `null` until the output was taken to its end. */
  readonly report: Report | null;
  stream(): ReadableStream<Uint8Array>;
  bytes(): Promise<Uint8Array>;
  blob(): Promise<Blob>;
}

/** Rejects a conversion under `fail`, before there is any output. */
export interface LossError extends Error {
  code: "loss";
  losses: Loss[];
  report?: ConvertReport;
}

/**
 * Converts a snapshot, a log (its commands are applied) or JSON Lines, also a compressed one, to what a server loads. Memory
 * is that of the largest value that has to be written anew; a log needs that of its data. Under `fail` a source that can be
 * read again (bytes, a Blob) is read twice; the output of any other is held until it is known to be whole.
 */
export function convert(source: Source, options: ConvertOptions): Promise<Conversion>;

/** Writes entries to a snapshot that a server loads, or to another container. Entries that are no keys stand in front. */
export function encode(
  entries: Iterable<EntryInput> | AsyncIterable<EntryInput>,
  options: { to: TargetName; onLoss?: OnLoss; container?: "rdb" | "aof" | "resp"; signal?: AbortSignal },
): Promise<Conversion>;

type Loose<T> = T extends { db: number } ? Omit<T, "db"> & { db?: number } : T;
/** An entry as `entries` gives it, but commands and deviations; `db` is 0 unless given. */
export type EntryInput = Loose<KeyEntry> | { snapshot: { dialect: "redis" | "valkey"; version: number } } | { aux: [Bytes, Bytes] } | { function: Bytes };

/** A value without its key. */
export type Value = KeyEntry extends infer Entry ? (Entry extends { type: infer Type; value: infer Held } ? { type: Type; value: Held; encoding?: string; key_meta?: { $b64: string } } : never) : never;

/** The payload of `DUMP` for a value, to be given to `RESTORE` of the server; expiry is an argument of the command. */
export function dump(entry: Value | Loose<KeyEntry>, options: { to: TargetName; onLoss?: OnLoss }): Promise<{ payload: Uint8Array; losses: Loss[] }>;

/** What the payload of `DUMP` holds. */
export function restore(payload: Uint8Array): Promise<Value>;

/** All losses of one kind that a conversion to a version would have. */
export interface SurveyedLoss {
  code: string;
  what: string;
  foundIn: string;
  /** What `degrade` would make of the first. */
  outcome: Loss["outcome"];
  /** How many there are: commands, fields, groups, consumers, pending entries; else as many as keys. */
  count: number;
  /** Keys that they belong to: none of what a log's commands may have changed that are not carried out (`commands`), or of a library. */
  keys: number;
  /** What the first belongs to, where that is no key. */
  name?: string;
  /** The key that most of them belong to; `row` is its position among the keys, from 0. */
  most?: { db: number; key: Uint8Array; row: number; count: number };
}

export interface Prospect {
  dialect: "redis" | "valkey";
  version: number;
  /** Keys of which something would be lost, of those the ones that would be left out even by `degrade`. */
  lossyKeys: number;
  leftOutKeys: number;
  /** Keys whose values would be written anew. */
  rewrittenKeys: number;
  losses: SurveyedLoss[];
}

export interface Survey extends Told {
  keys: number;
  source: { dialect: "redis" | "valkey"; version: number } | null;
  /** Servers that load the file as it is; none of a log or of JSON Lines. */
  loadsIn: ServerName[];
  modules: { module: string; keys: number; bytes: number }[];
  /** One for each version that a server writes. */
  prospects: Prospect[];
  /** With `rowsOf`: where the keys stand that lose it, from 0 and ascending, as the `id` of a session's rows counts. */
  rows?: Uint32Array;
}

/** Reads a file once, and tells what conversions to the servers of every version would lose; of one loss (`rowsOf`), the keys too. */
export function survey(source: Source, options?: Run & Pick<ConvertOptions, "databases"> & { container?: "rdb" | "aof"; rowsOf?: { to: TargetName; code: string } }): Promise<Survey>;

/**
 * Every finding in a file, not only the first: each element is looked at, and what stands twice. Of bytes or a Blob this goes on
 * behind damage to a snapshot, for which it is read again. A damaged file is no failure
 * here; what is neither snapshot nor log is a finding too.
 */
export function check(source: Source, options?: Run): AsyncIterableIterator<Finding>;

/** What becomes of each byte of a damaged file, as `aikv repair --json` has it. */
export interface RepairPlan {
  ranges: RepairRange[];
  bytes: number;
  kept_bytes: number;
  dropped_bytes: number;
  /** Keys that are kept, in part too. */
  keys: number;
  /** Those of them that are kept with what of their values is readable. */
  partial_keys: number;
  dropped_records: number;
  commands: number;
  adds_end: boolean;
}

/** A byte range of a damaged file, and what becomes of it. */
export interface RepairRange {
  start: number;
  end: number;
  kept: boolean;
  /** Why it is dropped. */
  reason?: string;
  /** Of a key whose value is broken: how many of its elements are readable, of as many as it says it has. */
  readable?: { elements: number; stated?: number };
  /** The key stands in place of these bytes, with what of its value is readable. */
  rewritten?: true;
}

export interface RepairOptions extends Omit<Run, "lenient"> {
  /**
   * Which lists, sets, sorted sets and hashes that are broken inside are kept with what of them is readable: all of them (`true`), or those with one
   * of these bytes of the file in their record, such as the `start` of their range. None unless given.
   */
  keepReadable?: boolean | readonly number[];
}

/**
 * A new file of every key or command that is whole, from bytes or a Blob that is not compressed. The report is there at once.
 * In a log this goes on behind damage: transactions stay whole, and commands whose database is not known are left out.
 */
export function repair(source: LastingSource, options?: RepairOptions): Promise<Conversion<RepairPlan> & { readonly report: RepairPlan }>;

// What follows is of Node's door only.

/** A file by its path, for reading from its beginning and by span. Functions that take a source take the path itself too. */
export function openFile(path: string | URL): Promise<Spans>;
