/**
 * An export request as one record of a spool:
 *
 *   0        1         2         4              8
 *   version  encoding  reserved  spans u32 LE   born f64 LE (Unix ms)   body
 */
import type { Codec } from '../spool/coded-spool.ts';
import type { Encoding } from './types.ts';

export interface SpooledBody {
  readonly body: Uint8Array;
  readonly spans: number;
  readonly encoding: Encoding;
}

export const RECORD_PREFIX_BYTES = 16;
const VERSION = 1;
const CODES: Readonly<Record<Encoding, number>> = { protobuf: 1, json: 2 };
const SPANS_AT = 4;
const BORN_AT = 8;

/** The body is copied. */
function encodeRecord({ body, spans, encoding }: SpooledBody, bornMs: number): Buffer {
  const record = Buffer.allocUnsafeSlow(RECORD_PREFIX_BYTES + body.length);
  record.writeUInt32LE(VERSION | (CODES[encoding] << 8), 0);
  record.writeUInt32LE(spans, SPANS_AT);
  record.writeDoubleLE(bornMs, BORN_AT);
  record.set(body, RECORD_PREFIX_BYTES);
  return record;
}

/** undefined: not one of ours. */
function decodeRecord(record: Uint8Array): SpooledBody | undefined {
  const encoding = encodingOf(record);
  if (encoding === undefined) return undefined;
  return { body: record.subarray(RECORD_PREFIX_BYTES), spans: spansOf(record), encoding };
}

/** Requests to the spool: their units are spans. */
export const REQUESTS: Codec<SpooledBody> = {
  weigh: ({ body, spans }) => ({ units: spans, bytes: body.length }),
  encode: (request) => encodeRecord(request, Date.now()),
  decode: decodeRecord,
};

/** How many spans the record holds; 0 when it is not one of ours. Needs its first bytes only. */
export function spansOf(prefix: Uint8Array): number {
  if (encodingOf(prefix) === undefined) return 0;
  return Buffer.from(prefix.buffer, prefix.byteOffset, prefix.length).readUInt32LE(SPANS_AT);
}

function encodingOf(prefix: Uint8Array): Encoding | undefined {
  if (prefix.length < RECORD_PREFIX_BYTES || prefix[0] !== VERSION) return undefined;
  if (prefix[1] === CODES.protobuf) return 'protobuf';
  return prefix[1] === CODES.json ? 'json' : undefined;
}
