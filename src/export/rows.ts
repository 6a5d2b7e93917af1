/** A batch with what its rows share, and what was decided about them. */
import type { ExchangeBatch } from '../handoff/layout.ts';
import type { Decisions } from '../rules/decide/decisions.ts';
import type { StoredReferences } from '../store/stage.ts';
import { ByteSource } from './bytes.ts';

/** By row. */
export interface Decided extends Pick<Decisions, 'levels' | 'kept' | 'thresholds'> {
  /** Where record and bodies are; a row beyond the end has none. */
  readonly references: readonly (StoredReferences | undefined)[];
}

export interface Rows {
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
  readonly source: ByteSource;
  readonly decided: Decided;
}

export function toRows(batch: ExchangeBatch, decided: Decided): Rows {
  return { u32: batch.u32, f64: batch.f64, source: new ByteSource(batch.bytes), decided };
}
