/**
 * Whether a proxy passed a body on as it was: by length and bytes, or the digest
 * of the whole. Unknown where neither was seen.
 */
import { createHash } from 'node:crypto';
import type { ExchangeBatch } from '../../handoff/layout.ts';
import { DIGEST_BYTES, ENDS, F64, F64_COLUMNS, FLAG, U32 } from '../../handoff/layout.ts';
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
  readonly held: number;
  readonly digest: number;
  readonly lenBytes: number;
  /** Time of its last byte, where that is known apart from the end of the exchange. */
  readonly endNs: number | undefined;
  /** Flag: its length is not exact. */
  readonly inexact: number;
}

const NO_BYTES = Buffer.alloc(0);

export const REQUEST_BODY: BodyColumns = {
  slice: U32.requestBodyOffset,
  held: U32.requestBodyHeld,
  digest: U32.requestBodyDigestOffset,
  lenBytes: F64.requestBodyBytes,
  endNs: F64.requestEndNs,
  inexact: FLAG.requestSizeInexact,
};
export const RESPONSE_BODY: BodyColumns = {
  slice: U32.responseBodyOffset,
  held: U32.responseBodyHeld,
  digest: U32.responseBodyDigestOffset,
  lenBytes: F64.responseBodyBytes,
  endNs: undefined,
  inexact: FLAG.responseSizeInexact,
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
  if (!isWhole(batch, before, columns) || !isWhole(batch, after, columns)) {
    return { kind: 'unknown', ...sizes };
  }
  const isExact = isMeasured(batch, before, columns) && isMeasured(batch, after, columns);
  if (isExact && beforeBytes !== afterBytes) return { kind: 'changed', ...sizes };
  const a = bodyOf(batch, before, columns);
  const b = bodyOf(batch, after, columns);
  const seen = Math.min(a.length, b.length);
  if (!a.subarray(0, seen).equals(b.subarray(0, seen))) return { kind: 'changed', ...sizes };
  if (!isExact) return { kind: 'unknown', ...sizes };
  if (seen === beforeBytes) return { kind: 'same', ...sizes };
  return { kind: compareDigests(batch, before, after, columns), ...sizes };
}

function compareDigests(
  batch: ExchangeBatch,
  before: number,
  after: number,
  columns: BodyColumns,
): BodyComparison['kind'] {
  const a = digestOf(batch, before, columns);
  const b = digestOf(batch, after, columns);
  if (a === undefined || b === undefined) return 'unknown';
  return a.equals(b) ? 'same' : 'changed';
}

/** What is here of it: its beginning, or nothing. */
function bodyOf(batch: ExchangeBatch, row: number, columns: BodyColumns): Buffer {
  return word(batch, row, columns.held) === 0 ? sliceOf(batch, row, columns) : NO_BYTES;
}

/** Of the whole body; undefined unless every byte of it was seen. */
function digestOf(batch: ExchangeBatch, row: number, columns: BodyColumns): Buffer | undefined {
  const start = word(batch, row, columns.digest);
  const { buffer, byteOffset } = batch.bytes;
  if (start !== 0) return Buffer.from(buffer, byteOffset + start, DIGEST_BYTES);
  const body = bodyOf(batch, row, columns);
  const isHere = body.length === batch.f64[row * F64_COLUMNS + columns.lenBytes];
  return isHere ? createHash('sha256').update(body).digest() : undefined;
}

function sliceOf(batch: ExchangeBatch, row: number, columns: BodyColumns): Buffer {
  const { buffer, byteOffset } = batch.bytes;
  const start = word(batch, row, columns.slice);
  return Buffer.from(buffer, byteOffset + start, word(batch, row, columns.slice + 1));
}

/** Ended and without loss. A request may have, although the exchange was cut off behind it. */
function isWhole(batch: ExchangeBatch, row: number, { endNs }: BodyColumns): boolean {
  const hasEnded = endNs !== undefined && batch.f64[row * F64_COLUMNS + endNs] > 0;
  const isComplete = hasEnded || ENDS[word(batch, row, U32.end)] === 'complete';
  return isComplete && (word(batch, row, U32.flags) & FLAG.loss) === 0;
}

/** Its length is that of the message, without chunk framing. */
function isMeasured(batch: ExchangeBatch, row: number, { inexact }: BodyColumns): boolean {
  return (word(batch, row, U32.flags) & inexact) === 0;
}
