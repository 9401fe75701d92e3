// Types of `aikv/worker`: the package beside the page, in a worker of its own.

import type {
  CommandEntry, Conversion, ConvertOptions, Entry, Expiry, Finding, Index, KeyEntry, Leniency, Query, Reading, RepairOptions, RepairPlan, Report, Row, Run,
  Selection, Server, Sniff, Survey, TargetName, ValuePage,
} from "./index.js";

/** What crosses to a worker, and can be read more than once there. */
export type RemoteLastingSource = Uint8Array | ArrayBuffer | Blob;

/** What crosses to a worker. */
export type RemoteSource = RemoteLastingSource | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Starts a worker. `worker` is one of `aikv/worker-thread` that the caller has started: where the policy of a page says how
 * scripts are named, or where the file lies elsewhere.
 */
export function startWorker(options?: { worker?: Worker }): AikvWorker;

/**
 * The functions of the package that read and write whole files. Sources cross as they are: a `Blob` by reference, bytes as a copy, and of streams and
 * iterables one chunk after the other.
 */
export interface AikvWorker {
  version(): Promise<string>;
  supportedVersions(): Promise<{ redis: [number, number] | null; valkey: [number, number] | null }>;
  sniff(prefix: Uint8Array): Promise<Sniff>;
  info(source: RemoteSource, options?: Leniency & Reading & { nowMs?: number }): Promise<Report & { expiry: Expiry }>;
  entries(source: RemoteSource, options?: Leniency & Reading): AsyncIterableIterator<Entry>;
  commands(source: RemoteSource, options?: Leniency & Reading): AsyncIterableIterator<CommandEntry>;
  unpack(source: RemoteSource, options?: Reading): AsyncIterableIterator<Uint8Array>;
  openIndex(source: RemoteLastingSource, options?: Leniency & Reading & { maxItemBytes?: number }): Promise<RemoteIndex>;
  check(source: RemoteSource, options?: Run): AsyncIterableIterator<Finding>;
  targets(): Promise<Server[]>;
  survey(source: RemoteSource, options?: Run & Pick<ConvertOptions, "databases"> & { container?: "rdb" | "aof"; rowsOf?: { to: TargetName; code: string } }): Promise<Survey>;
  /** `losses` are there when the output was taken to its end. */
  convert(source: RemoteSource, options: ConvertOptions): Promise<Conversion>;
  repair(source: RemoteLastingSource, options?: RepairOptions): Promise<Conversion<RepairPlan> & { readonly report: RepairPlan }>;
  /** Ends the worker with all it holds; whatever was asked of it rejects with the code `ended`. */
  terminate(): void;
}

/** An `Index` in the worker. */
export interface RemoteIndex {
  readonly rowCount: number;
  report(): Promise<Report>;
  expiry(nowMs?: number): Promise<Expiry>;
  select(query?: Query): Promise<Selection>;
  rows(from: number, count: number): Promise<Row[]>;
  find(id: number): Promise<number>;
  row(id: number): Promise<Row>;
  value(...args: Parameters<Index["value"]>): Promise<ValuePage>;
  entry(...args: Parameters<Index["entry"]>): Promise<KeyEntry>;
  close(): void;
}
