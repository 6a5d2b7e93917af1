/**
 * What the parts of the store stage give one another: an object on its way, and the store that
 * takes it.
 */

/** Bytes under a key. Records, bodies and packs of both. */
export interface StoredObject {
  /** Slash-separated, no leading slash; see keys.ts. */
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** The key names the content: what is there already need not be written again. */
  readonly isContentAddressed: boolean;
}

/**
 * stored, existed: it is there. retry: not now; `isDenied` when credentials, rights or the bucket
 * are wrong, which a person has to change. refused: this object, never.
 */
export type PutResult =
  | { readonly kind: 'stored' }
  | { readonly kind: 'existed' }
  | RetryResult
  | { readonly kind: 'refused'; readonly reason: string; readonly isFull: boolean };

export interface RetryResult {
  readonly kind: 'retry';
  readonly reason: string;
  readonly isDenied: boolean;
  /** As the server asked. */
  readonly afterMs: number | undefined;
}

export interface ObjectStore {
  /** For messages: `s3://bucket` or a folder. */
  readonly target: string;
  /** Never rejects. The same object may be put twice at a time. */
  put(object: StoredObject, signal: AbortSignal): Promise<PutResult>;
  /** Where the object is, for spans and records: `s3://bucket/key`, `file:///folder/key`. */
  uriOf(key: string): string;
  /** For people, by the template of the configuration; undefined without one. */
  urlOf(key: string, sha256: string): string | undefined;
  close(): Promise<void>;
}

export interface StoreLog {
  info(message: string): void;
  warn(message: string): void;
}
