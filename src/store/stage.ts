/**
 * The stage as the agent sees it: an exchange with its bodies in, the references for its span out,
 * at once. Nothing here waits for a store.
 */
import type { BodyReference, RecordInput } from './record-input.ts';

export type RecordFormat = 'json' | 'text';

/** What a span may refer to; undefined: not stored, or dropped and counted. */
export interface StoredReferences {
  readonly record: { readonly uri: string; readonly url: string | undefined } | undefined;
  readonly request: BodyReference | undefined;
  readonly response: BodyReference | undefined;
}

export const NOTHING_STORED: StoredReferences = {
  record: undefined,
  request: undefined,
  response: undefined,
};

export interface ObjectStage {
  readonly id: string | undefined;
  readonly type: 'stdout' | 'file' | 's3' | 'disabled';
  /** Records of summaries, too: shown, as in Qtap, rather than kept. Else from level details on. */
  readonly takesSummaries: boolean;
  /**
   * Whether the level of the exchange calls for a record is the caller's to say. Keeps `input` and
   * its bytes: they are not to be changed.
   */
  add(input: RecordInput, format: RecordFormat): StoredReferences;
  /** Resolves when nothing waits any more, or the deadline passed. */
  flush(deadlineMs: number): Promise<void>;
  /** `flush`, then ends: what is left goes to the spool, or is counted. */
  close(deadlineMs: number): Promise<void>;
}

export function disabledStage(id: string | undefined): ObjectStage {
  return {
    id,
    type: 'disabled',
    takesSummaries: false,
    add: () => NOTHING_STORED,
    flush: async () => {},
    close: async () => {},
  };
}
