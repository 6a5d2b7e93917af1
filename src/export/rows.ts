/** A batch with what its rows share. */
import type { ExchangeBatch } from '../handoff/layout.ts';
import { ByteSource } from './bytes.ts';

export interface Rows {
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
  readonly source: ByteSource;
}

export function toRows(batch: ExchangeBatch): Rows {
  return { u32: batch.u32, f64: batch.f64, source: new ByteSource(batch.bytes) };
}
