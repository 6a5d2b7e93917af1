/** Batches cross threads by transfer: the sender keeps nothing. */
import type { ExchangeBatch } from './layout.ts';

export function transferOf(batch: ExchangeBatch): ArrayBuffer[] {
  return [batch.f64.buffer, batch.u32.buffer, batch.bytes.buffer];
}
