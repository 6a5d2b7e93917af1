/**
 * The little protobuf that collectors answer with, read without a schema (the packages that could
 * take 20 MB). Damaged bytes end the reading; nothing throws.
 */

interface Field {
  readonly number: number;
  readonly value: number;
  readonly bytes: Uint8Array | undefined;
}

/** All values of a length-delimited field. */
export function bytesFields(message: Uint8Array, number: number): Uint8Array[] {
  return readFields(message)
    .filter((field) => field.number === number)
    .flatMap((field) => (field.bytes === undefined ? [] : [field.bytes]));
}

/** Value of an integer field; 0 when it is absent, as in proto3. */
export function numberField(message: Uint8Array, number: number): number {
  return readFields(message).find((field) => field.number === number)?.value ?? 0;
}

/** Fields up to the first that is damaged or of a kind that these messages do not have. */
function readFields(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < message.length; ) {
    const tag = readVarint(message, at);
    const value = readVarint(message, tag.end);
    const wireType = tag.value & 7;
    const number = tag.value >>> 3;
    if (wireType === 0) {
      fields.push({ number, value: value.value, bytes: undefined });
      at = value.end;
    } else if (wireType === 2 && value.end + value.value <= message.length) {
      at = value.end + value.value;
      fields.push({ number, value: 0, bytes: message.subarray(value.end, at) });
    } else break;
  }
  return fields;
}

function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  let scale = 1;
  let at = start;
  for (; at < bytes.length && bytes[at] > 0x7f; at++, scale *= 128) {
    value += (bytes[at] & 0x7f) * scale;
  }
  return { value: value + (bytes[at] ?? 0) * scale, end: at + 1 };
}
