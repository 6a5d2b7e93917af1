/**
 * Names of attributes, encoded once. A key is `KeyValue.key` with the tag of the value behind it;
 * a block is one or more whole attributes. Both are kept as 32-bit words because copying words is
 * what the encoder's time goes into.
 *
 * KeyValue { key: string = 1; value: AnyValue = 2 }, Span.attributes = 9.
 */
import { toWords } from './bytes.ts';
import { encode } from './otlp/proto-writer.ts';
import type { AttributeValue } from './types.ts';

const SPAN_ATTRIBUTES = 9;
const VALUE_TAG = Buffer.from([(2 << 3) | 2]);

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

/** @throws RangeError when the name is longer than the writer of spans counts on */
export function key(name: string): Key {
  const bytes = Buffer.concat([encode((writer) => writer.text(1, name)), VALUE_TAG]);
  if (bytes.length > KEY_BYTES_MAX) throw new RangeError(`attribute key ${name} is too long`);
  return { name, words: toWords(bytes), lenBytes: bytes.length };
}

export function prefix(name: string): Prefix {
  return { name, bytes: Buffer.from(name) };
}

export function block(attributes: Readonly<Record<string, AttributeValue>>): Block {
  const bytes = encode((writer) => writer.attributes(SPAN_ATTRIBUTES, attributes));
  return { attributes: Object.entries(attributes), words: toWords(bytes), lenBytes: bytes.length };
}

export function nameAndKind(name: string, kind: 2 | 3): NameAndKind {
  const bytes = encode((writer) => {
    writer.text(5, name);
    writer.small(6, kind);
  });
  return { name, kind, words: toWords(bytes), lenBytes: bytes.length };
}
