// Types of `aikv/worker`: the package beside the page, in a worker of its own.

import type { CommandEntry, Entry, Expiry, Index, KeyEntry, LastingSource, Leniency, Query, Reading, Report, Row, Selection, Sniff, Source, ValuePage } from "./index.js";

/**
 * Starts a worker. `worker` is one of `aikv/worker-thread` that the caller has started: where the policy of a page says how
 * scripts are named, or where the file lies elsewhere.
 */
export function startWorker(options?: { worker?: Worker }): AikvWorker;

/**
 * The functions of the package. Sources cross as they are: a `Blob` by reference, bytes as a copy, and of streams and
 * iterables one chunk after the other.
 */
export interface AikvWorker {
  version(): Promise<string>;
  supportedVersions(): Promise<{ redis: [number, number] | null; valkey: [number, number] | null }>;
  sniff(prefix: Uint8Array): Promise<Sniff>;
  info(source: Source, options?: Leniency & Reading & { nowMs?: number }): Promise<Report & { expiry: Expiry }>;
  entries(source: Source, options?: Leniency & Reading): AsyncIterableIterator<Entry>;
  commands(source: Source, options?: Leniency & Reading): AsyncIterableIterator<CommandEntry>;
  unpack(source: Source, options?: Reading): AsyncIterableIterator<Uint8Array>;
  openIndex(source: LastingSource, options?: Leniency & Reading & { maxItemBytes?: number }): Promise<RemoteIndex>;
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
