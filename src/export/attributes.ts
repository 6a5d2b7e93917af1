/**
 * Names of attributes, encoded once. A key is `KeyValue.key` with the tag of the value behind it;
 * a block is one or more whole attributes. Both are kept as 32-bit words because copying words is
 * what the encoder's time goes into.
 *
 * KeyValue { key: string = 1; value: AnyValue = 2 }, Span.attributes = 9, Resource.attributes = 1;
 * AnyValue { string = 1; bool = 2; int = 3; double = 4; array = 5 }.
 */
import { toWords } from './bytes.ts';
import type { AttributeValue } from './types.ts';

const SPAN_ATTRIBUTES = 9;

export interface Key {
  readonly name: string;
  readonly words: Uint32Array;
  readonly lenBytes: number;
}

/** Start of a key that ends with a header's name. */
export interface Prefix {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Attributes that are written together. */
export interface Block {
  readonly attributes: readonly (readonly [name: string, value: AttributeValue])[];
  readonly words: Uint32Array;
  readonly lenBytes: number;
}

/** Span.name = 5 and Span.kind = 6. */
export interface NameAndKind {
  readonly name: string;
  /** SPAN_KIND_SERVER 2, SPAN_KIND_CLIENT 3. */
  readonly kind: 2 | 3;
  readonly words: Uint32Array;
  readonly lenBytes: number;
}

export const KIND = { server: 2, client: 3 } as const;

/** Encoded; what the writer of short strings counts on. */
export const KEY_BYTES_MAX = 40;

export function key(name: string): Key {
  const bytes = Buffer.concat([field(1, Buffer.from(name)), Buffer.from([(2 << 3) | 2])]);
  if (bytes.length > KEY_BYTES_MAX) throw new RangeError(`attribute key ${name} is too long`);
  return { name, words: toWords(bytes), lenBytes: bytes.length };
}

export function prefix(name: string): Prefix {
  return { name, bytes: Buffer.from(name) };
}

export function block(attributes: Readonly<Record<string, AttributeValue>>): Block {
  const bytes = encodeAttributes(SPAN_ATTRIBUTES, attributes);
  return { attributes: Object.entries(attributes), words: toWords(bytes), lenBytes: bytes.length };
}

export function nameAndKind(name: string, kind: 2 | 3): NameAndKind {
  const bytes = Buffer.concat([field(5, Buffer.from(name)), Buffer.from([6 << 3, kind])]);
  return { name, kind, words: toWords(bytes), lenBytes: bytes.length };
}

/** Repeated KeyValue in field `number`; for what is encoded once and then copied. */
export function encodeAttributes(
  number: number,
  attributes: Readonly<Record<string, AttributeValue>>,
): Buffer {
  return Buffer.concat(
    Object.entries(attributes).map(([name, value]) =>
      field(number, Buffer.concat([field(1, Buffer.from(name)), field(2, encodeValue(value))])),
    ),
  );
}

function encodeValue(value: AttributeValue): Buffer {
  if (typeof value === 'string') return field(1, Buffer.from(value));
  if (typeof value === 'boolean') return Buffer.from([2 << 3, value ? 1 : 0]);
  if (typeof value === 'number') return encodeNumber(value);
  return field(5, Buffer.concat(value.map((item) => field(1, encodeValue(item)))));
}

/** Whole numbers are int_value, as with the stock serializer; negative ones take ten bytes. */
function encodeNumber(value: number): Buffer {
  if (Number.isSafeInteger(value)) {
    return Buffer.concat([Buffer.from([3 << 3]), varint(BigInt.asUintN(64, BigInt(value)))]);
  }
  const bytes = Buffer.alloc(9);
  bytes[0] = (4 << 3) | 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

/** Length-delimited field `number`. */
export function field(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint(BigInt((number << 3) | 2)), varint(BigInt(bytes.length)), bytes]);
}

function varint(value: bigint): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
  return Buffer.from(out);
}
