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

/** Rows [start, end). */
export interface HopRows {
  readonly start: number;
  readonly end: number;
}

/** The hop that `row` belongs to; null for a row by itself. */
export function rowsOfHop(batch: ExchangeBatch, row: number): HopRows | null {
  const hop = word(batch, row, U32.hop);
  if (hop === 0) return null;
  let start = row;
  while (start > 0 && word(batch, start - 1, U32.hop) === hop) start--;
  let end = row + 1;
  while (end < batch.count && word(batch, end, U32.hop) === hop) end++;
  return { start, end };
}

/** The pair that `row` belongs to: an ingress with its last attempt, an egress with its ingress. */
export function pairOf(batch: ExchangeBatch, row: number): Pair | null {
  const rows = rowsOfHop(batch, row);
  if (rows === null) return null;
  let ingress = -1;
  let egress = -1;
  for (let at = rows.start; at < rows.end; at++) {
    if (!isEgress(batch, at)) {
      if (ingress >= 0) return null;
      ingress = at;
    } else if (!isSubrequest(batch, at)) {
      if (egress >= 0 && word(batch, at, U32.resendCount) === 0) return null;
      egress = at;
    }
  }
  if (ingress < 0 || egress < 0) return null;
  if (row === ingress) return { ingress, egress };
  return isSubrequest(batch, row) ? null : { ingress, egress: row };
}

export function isEgress(batch: ExchangeBatch, row: number): boolean {
  return (word(batch, row, U32.flags) & FLAG.client) !== 0;
}

export function isSubrequest(batch: ExchangeBatch, row: number): boolean {
  return (word(batch, row, U32.flags) & FLAG.subrequest) !== 0;
}

export function word(batch: ExchangeBatch, row: number, column: number): number {
  return batch.u32[row * U32_COLUMNS + column];
}
