/** What rules and sampling said about a batch: everything is kept, unless a test says otherwise. */

import { LEVELS, type Level } from '../../src/config/levels.ts';
import type { Decided } from '../../src/export/rows.ts';
import type { ExchangeBatch } from '../../src/handoff/layout.ts';
import type { StoredReferences } from '../../src/store/stage.ts';

export interface DecidedOptions {
  readonly level?: Level | undefined;
  /** By row. */
  readonly isKept?: ((row: number) => boolean) | undefined;
  readonly threshold?: string | undefined;
  readonly references?: readonly StoredReferences[] | undefined;
}

export function decidedOf(
  rows: number,
  { level = 'summary', isKept = () => true, threshold = '', references = [] }: DecidedOptions = {},
): Decided {
  return {
    levels: new Uint8Array(rows).fill(LEVELS.indexOf(level)),
    kept: Uint8Array.from({ length: rows }, (_, row) => (isKept(row) ? 1 : 0)),
    thresholds: Array.from({ length: rows }, () => threshold),
    references,
  };
}

/** The arguments of an exporter's `add`. */
export function kept(
  batch: ExchangeBatch,
  options: DecidedOptions = {},
): [batch: ExchangeBatch, decided: Decided] {
  return [batch, decidedOf(batch.count, options)];
}
