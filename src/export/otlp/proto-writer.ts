/**
 * A growing buffer of protobuf fields, for all but spans (span-writer.ts). Lengths are known before
 * anything is written (text is measured, nested messages are made in a writer of their own), so
 * nothing is moved afterwards.
 *
 * KeyValue { key = 1; value = 2 }, AnyValue { string = 1; bool = 2; int = 3; double = 4; array = 5 }.
 */
import type { AttributeValue } from '../types.ts';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
/** Tag and length of any field of ours, and the longest number. */
const ROOM = 32;
/** Calls into the runtime cost more than this many characters. */
const SHORT = 48;

const START_BYTES = 256;
const NEGATIVE_BYTES = 10;

/** The fields that `write` writes. */
export function encode(write: (writer: ProtoWriter) => void): Buffer {
  const writer = new ProtoWriter();
  write(writer);
  return writer.bytes;
}

export class ProtoWriter {
  #buffer: Buffer = Buffer.allocUnsafe(START_BYTES);
  #end = 0;

  get lenBytes(): number {
    return this.#end;
  }

  reset(): void {
    this.#end = 0;
  }

  /** Valid until `reset`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#end);
  }

  /** fixed64 and sfixed64. */
  fixed64(number: number, value: bigint): void {
    this.#ensure(ROOM);
    this.#varint((number << 3) | FIXED64);
    this.#end = this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#end);
  }

  double(number: number, value: number): void {
    this.#ensure(ROOM);
    this.#varint((number << 3) | FIXED64);
    this.#end = this.#buffer.writeDoubleLE(value, this.#end);
  }

  /** A varint, not negative. */
  small(number: number, value: number): void {
    this.#ensure(ROOM);
    this.#varint((number << 3) | VARINT);
    this.#varint(value);
  }

  text(number: number, text: string): void {
    const lenBytes = sizeOfText(text);
    this.begin(number, lenBytes);
    this.#write(text, lenBytes);
  }

  raw(number: number, bytes: Uint8Array): void {
    this.begin(number, bytes.length);
    this.append(bytes);
  }

  /** Fields that were written before. */
  append(fields: Uint8Array): void {
    this.#ensure(fields.length);
    this.#buffer.set(fields, this.#end);
    this.#end += fields.length;
  }

  /** A message whose length is not known: made aside. */
  message(number: number, write: (inner: ProtoWriter) => void): void {
    this.raw(number, encode(write));
  }

  /** Tag and length; so many bytes are to follow, for which there is room. */
  begin(number: number, lenBytes: number): void {
    this.#ensure(ROOM + lenBytes);
    this.#varint((number << 3) | BYTES);
    this.#varint(lenBytes);
  }

  /** Repeated KeyValue in field `number`. */
  attributes(number: number, attributes: Readonly<Record<string, AttributeValue>>): void {
    for (const name in attributes) this.keyValue(number, name, attributes[name]);
  }

  /** A KeyValue in field `number`. */
  keyValue(number: number, key: string, value: AttributeValue): void {
    const valueBytes = sizeOfValue(value);
    const keyBytes = sizeOfText(key);
    this.begin(number, sizeOfField(keyBytes) + sizeOfField(valueBytes));
    this.begin(1, keyBytes);
    this.#write(key, keyBytes);
    this.begin(2, valueBytes);
    this.#value(value);
  }

  #value(value: AttributeValue): void {
    if (typeof value === 'string') this.text(1, value);
    else if (typeof value === 'boolean') this.small(2, value ? 1 : 0);
    else if (typeof value === 'number') this.#number(value);
    else {
      this.begin(5, sizeOfList(value));
      for (const item of value) {
        this.begin(1, sizeOfValue(item));
        this.text(1, item);
      }
    }
  }

  /** Whole numbers are int_value, as with the stock serializer. */
  #number(value: number): void {
    if (!Number.isSafeInteger(value)) return this.double(4, value);
    if (value >= 0) return this.small(3, value);
    this.#varint(3 << 3);
    this.#negative(value);
  }

  /** As ten bytes of two's complement: int64 is no zigzag. */
  #negative(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) this.#buffer[this.#end++] = Number(rest & 0x7fn) | 0x80;
    this.#buffer[this.#end++] = Number(rest);
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128))
      this.#buffer[this.#end++] = (rest & 0x7f) | 0x80;
    this.#buffer[this.#end++] = rest;
  }

  #write(text: string, lenBytes: number): void {
    const buffer = this.#buffer;
    const start = this.#end;
    this.#end += lenBytes;
    if (text.length > SHORT || text.length < lenBytes) {
      buffer.write(text, start, lenBytes);
      return;
    }
    for (let i = 0; i < lenBytes; i++) buffer[start + i] = text.charCodeAt(i);
  }

  #ensure(moreBytes: number): void {
    const needed = this.#end + moreBytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
    this.#buffer.copy(grown, 0, 0, this.#end);
    this.#buffer = grown;
  }
}

/** In UTF-8. */
export function sizeOfText(text: string): number {
  if (text.length > SHORT) return Buffer.byteLength(text);
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text);
  }
  return text.length;
}

/** With tag and length; tags of ours take one byte. */
export function sizeOfField(lenBytes: number): number {
  return 1 + sizeOfVarint(lenBytes) + lenBytes;
}

function sizeOfValue(value: AttributeValue): number {
  if (typeof value === 'string') return sizeOfField(sizeOfText(value));
  if (typeof value === 'boolean') return 2;
  if (typeof value === 'number') return sizeOfNumber(value);
  return sizeOfField(sizeOfList(value));
}

function sizeOfNumber(value: number): number {
  if (!Number.isSafeInteger(value)) return 9;
  return 1 + (value < 0 ? NEGATIVE_BYTES : sizeOfVarint(value));
}

function sizeOfList(values: readonly string[]): number {
  return values.reduce((sum, value) => sum + sizeOfField(sizeOfValue(value)), 0);
}

function sizeOfVarint(value: number): number {
  let lenBytes = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) lenBytes++;
  return lenBytes;
}
