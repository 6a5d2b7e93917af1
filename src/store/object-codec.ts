/**
 * An object as one record of a spool: u32 LE length of a JSON header, the header, the bytes. The
 * header has all that a later process needs to store it.
 */
import type { Codec } from '../spool/coded-spool.ts';
import type { StoredObject } from './types.ts';

export interface SpooledObject {
  readonly object: StoredObject;
  /** Unix milliseconds at which it was handed over. */
  readonly bornMs: number;
}

export const OBJECTS: Codec<SpooledObject> = {
  weigh: ({ object }) => ({ units: 1, bytes: object.bytes.length }),
  encode: encodeObject,
  decode: decodeObject,
};

function encodeObject({ object, bornMs }: SpooledObject): Buffer {
  const { key, contentType, isContentAddressed, bytes } = object;
  const header = Buffer.from(JSON.stringify({ key, contentType, isContentAddressed, bornMs }));
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(header.length);
  return Buffer.concat([length, header, bytes]);
}

/** undefined: not one of ours. */
function decodeObject(payload: Uint8Array): SpooledObject | undefined {
  const buffer = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  if (buffer.length < 4) return undefined;
  const end = 4 + buffer.readUInt32LE(0);
  if (end > buffer.length) return undefined;
  const header = parse(buffer.toString('utf8', 4, end));
  if (header === undefined) return undefined;
  const { key, contentType, isContentAddressed, bornMs } = header;
  if (typeof key !== 'string' || typeof contentType !== 'string') return undefined;
  if (typeof isContentAddressed !== 'boolean' || typeof bornMs !== 'number') return undefined;
  const bytes = buffer.subarray(end);
  return { object: { key, contentType, isContentAddressed, bytes }, bornMs };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
