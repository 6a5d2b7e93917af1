/**
 * Bytes of a spool segment. A file starts with 16 bytes of text; then records, back to back:
 *
 *   0      1         4            8           12
 *   state  'r' 'e' 'c'  length u32 LE  crc32 u32 LE  payload (length bytes)
 *
 * state is `W` (waiting) or `D` (done): acknowledging a record changes this one byte in place,
 * which no crash can tear. The crc covers length and payload, not the state. A record that does
 * not check ends its segment: what is behind it cannot be told apart from rubbish.
 */
import { crc32 } from 'node:zlib';

export const SEGMENT_HEADER: Uint8Array = Buffer.from('spantap spool 1\n');
export const RECORD_HEADER_BYTES = 12;
export const DONE: Uint8Array = Buffer.from('D');

const WAITING_CODE = 0x57;
const DONE_CODE = 0x44;
const MAGIC = Buffer.from('rec');
const LENGTH_AT = 4;
const CRC_AT = 8;

export type RecordHeader =
  | { readonly kind: 'record'; readonly isDone: boolean; readonly lengthBytes: number }
  | { readonly kind: 'torn' };

/** `payload`: less than 4 GiB. */
export function encodeHeader(payload: Uint8Array): Buffer {
  const header = Buffer.allocUnsafe(RECORD_HEADER_BYTES);
  header[0] = WAITING_CODE;
  MAGIC.copy(header, 1);
  header.writeUInt32LE(payload.length, LENGTH_AT);
  header.writeUInt32LE(checksum(header, payload), CRC_AT);
  return header;
}

/** torn: no header of ours, or one with a length beyond `recordBytesMax`. */
export function decodeHeader(header: Buffer, recordBytesMax: number): RecordHeader {
  if (header.length < RECORD_HEADER_BYTES) return { kind: 'torn' };
  const state = header[0];
  const isKnown = state === WAITING_CODE || state === DONE_CODE;
  const lengthBytes = header.readUInt32LE(LENGTH_AT);
  if (!isKnown || MAGIC.compare(header, 1, LENGTH_AT) !== 0 || lengthBytes > recordBytesMax) {
    return { kind: 'torn' };
  }
  return { kind: 'record', isDone: state === DONE_CODE, lengthBytes };
}

/** Whether the payload is the one that the header was written for. */
export function isWhole(header: Buffer, payload: Uint8Array): boolean {
  return header.readUInt32LE(CRC_AT) === checksum(header, payload);
}

function checksum(header: Buffer, payload: Uint8Array): number {
  return crc32(payload, crc32(header.subarray(LENGTH_AT, CRC_AT)));
}
