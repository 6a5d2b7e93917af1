/**
 * The rows of a hop that can be compared: its ingress, and the egress that carried the request on.
 * Subrequests beside the main one do not count. An ingress that caused several different requests is no
 * proxied one, so nothing is said about it; repeated attempts are one request.
 */
import type { ExchangeBatch } from '../../handoff/layout.ts';
import { FLAG, U32, U32_COLUMNS } from '../../handoff/layout.ts';

export interface Pair {
  readonly ingress: number;
  readonly egress: number;
}

/** The pair that `row` belongs to: an ingress with its last attempt, an egress with its ingress. */
export function pairOf(batch: ExchangeBatch, row: number): Pair | null {
  const hop = word(batch, row, U32.hop);
  if (hop === 0) return null;
  let first = row;
  while (first > 0 && word(batch, first - 1, U32.hop) === hop) first--;
  let ingress = -1;
  let egress = -1;
  for (let at = first; at < batch.count && word(batch, at, U32.hop) === hop; at++) {
    const flags = word(batch, at, U32.flags);
    if ((flags & FLAG.client) === 0) {
      if (ingress >= 0) return null;
      ingress = at;
    } else if ((flags & FLAG.subrequest) === 0) {
      if (egress >= 0 && word(batch, at, U32.resendCount) === 0) return null;
      egress = at;
    }
  }
  if (ingress < 0 || egress < 0) return null;
  if (row === ingress) return { ingress, egress };
  const isSubrequest = (word(batch, row, U32.flags) & FLAG.subrequest) !== 0;
  return isSubrequest ? null : { ingress, egress: row };
}

export function word(batch: ExchangeBatch, row: number, column: number): number {
  return batch.u32[row * U32_COLUMNS + column];
}
