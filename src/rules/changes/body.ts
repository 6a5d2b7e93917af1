/** Whether a proxy passed a body on as it was: by length and bytes. Unknown where those were not seen. */
import type { ExchangeBatch } from '../../handoff/layout.ts';
import { ENDS, F64, F64_COLUMNS, FLAG, U32 } from '../../handoff/layout.ts';
import { word } from './hop.ts';

export interface BodyComparison {
  readonly kind: 'same' | 'changed' | 'unknown';
  /** Of the whole bodies, without their framing. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
}

/** Where the columns of a body are. */
export interface BodyColumns {
  readonly slice: number;
  readonly lenBytes: number;
}

export const REQUEST_BODY: BodyColumns = {
  slice: U32.requestBodyOffset,
  lenBytes: F64.requestBodyBytes,
};
export const RESPONSE_BODY: BodyColumns = {
  slice: U32.responseBodyOffset,
  lenBytes: F64.responseBodyBytes,
};

export function compareBodies(
  batch: ExchangeBatch,
  before: number,
  after: number,
  columns: BodyColumns,
): BodyComparison {
  const beforeBytes = batch.f64[before * F64_COLUMNS + columns.lenBytes];
  const afterBytes = batch.f64[after * F64_COLUMNS + columns.lenBytes];
  const sizes = { beforeBytes, afterBytes };
  if (!isWhole(batch, before) || !isWhole(batch, after)) return { kind: 'unknown', ...sizes };
  if (beforeBytes !== afterBytes) return { kind: 'changed', ...sizes };
  const a = sliceOf(batch, before, columns);
  const b = sliceOf(batch, after, columns);
  const seen = Math.min(a.length, b.length);
  if (!a.subarray(0, seen).equals(b.subarray(0, seen))) return { kind: 'changed', ...sizes };
  return { kind: seen === beforeBytes ? 'same' : 'unknown', ...sizes };
}

function sliceOf(batch: ExchangeBatch, row: number, columns: BodyColumns): Buffer {
  const { buffer, byteOffset } = batch.bytes;
  const start = word(batch, row, columns.slice);
  return Buffer.from(buffer, byteOffset + start, word(batch, row, columns.slice + 1));
}

/** Complete and without loss: its lengths are those of the messages. */
function isWhole(batch: ExchangeBatch, row: number): boolean {
  const isComplete = ENDS[word(batch, row, U32.end)] === 'complete';
  return isComplete && (word(batch, row, U32.flags) & FLAG.loss) === 0;
}
