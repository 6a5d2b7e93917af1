/**
 * Events: what is known of connections, exchanges and stored objects, without payload. A builder
 * (connection-event.ts and its like) makes one of plain values, a store takes it as it is.
 */

export type EventAttribute = string | number | boolean | readonly string[];

export interface StoreEvent {
  readonly type: 'connection' | 'request' | 'artifact_record';
  /** Unix milliseconds, with a fraction where it is known. */
  readonly timeMs: number;
  /** Qtap's keys in Qtap's order; what is not known is left out. */
  readonly item: Readonly<Record<string, unknown>>;
  /** One line for people: the body of a log record. */
  readonly title: string;
  /** The same facts under the names of the semantic conventions. */
  readonly attributes: Readonly<Record<string, EventAttribute>>;
  /** 32 and 16 lower-case hex digits of the span that it belongs to; '' none. */
  readonly traceId: string;
  readonly spanId: string;
}

/** What the agent calls. Nothing in here waits for a receiver. */
export interface EventStore {
  readonly id: string | undefined;
  readonly type: 'stdout' | 'file' | 'otel' | 'disabled';
  /** Takes it, or counts why not. */
  add(event: StoreEvent): void;
  /** Resolves when nothing waits any more, or the deadline passed. */
  flush(deadlineMs: number): Promise<void>;
  /** `flush`, then ends: what is left is counted. */
  close(deadlineMs: number): Promise<void>;
}

/** stored: those that the receiver rejected are counted apart. retry: not now. refused: never. */
export type WriteResult =
  | { readonly kind: 'stored'; readonly rejected: number; readonly message: string }
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs: number | undefined }
  | { readonly kind: 'refused'; readonly reason: string };

/** Where the queue of a store (event-queue.ts) writes to. */
export interface EventSink {
  /** For messages: a path, an address. */
  readonly target: string;
  encode(event: StoreEvent): Uint8Array;
  /** Never rejects, and answers at once when `signal` aborts. One call at a time. */
  write(events: readonly Uint8Array[], signal: AbortSignal): Promise<WriteResult>;
  close(): Promise<void>;
}
