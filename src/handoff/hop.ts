/** Rows of one hop stand together in a batch; a row without a hop is one by itself. */
import { type ExchangeBatch, U32, U32_COLUMNS } from './layout.ts';

/** Index of the row behind the hop that begins at `start`. */
export function endOfHop(batch: ExchangeBatch, start: number): number {
  const hop = batch.u32[start * U32_COLUMNS + U32.hop];
  let end = start + 1;
  if (hop === 0) return end;
  while (end < batch.count && batch.u32[end * U32_COLUMNS + U32.hop] === hop) end++;
  return end;
}
