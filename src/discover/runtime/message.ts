/**
 * The few protobuf messages of container runtimes, without their schema: texts, messages and
 * string maps by field number. Everything else is skipped.
 */
import { Reader, Writer } from 'protobufjs/minimal.js';

const LENGTH_DELIMITED = 2;

export class Message {
  readonly #fields = new Map<number, Uint8Array[]>();

  /** @throws RangeError when the bytes are no message. */
  constructor(bytes: Uint8Array) {
    const reader = Reader.create(bytes);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if ((tag & 7) === LENGTH_DELIMITED) this.#add(tag >>> 3, reader.bytes());
      else reader.skipType(tag & 7);
    }
  }

  #add(number: number, value: Uint8Array): void {
    const known = this.#fields.get(number);
    if (known === undefined) this.#fields.set(number, [value]);
    else known.push(value);
  }

  /** '' when it is absent, as in proto3; of several, the last. */
  text(number: number): string {
    const bytes = this.#fields.get(number)?.at(-1);
    return bytes === undefined ? '' : Buffer.from(bytes).toString('utf8');
  }

  /** The only or last one; an empty one when it is absent. */
  message(number: number): Message {
    return new Message(this.#fields.get(number)?.at(-1) ?? new Uint8Array());
  }

  messages(number: number): Message[] {
    return (this.#fields.get(number) ?? []).map((bytes) => new Message(bytes));
  }

  /** map<string, string>: messages of key = 1 and value = 2. */
  entries(number: number): [string, string][] {
    return this.messages(number).map((entry) => [entry.text(1), entry.text(2)]);
  }
}

/** Texts and messages by field number: all that the questions to runtimes say. */
export interface Fields {
  readonly [number: string]: string | Fields;
}

export function encode(fields: Fields): Uint8Array {
  const writer = Writer.create();
  for (const [number, value] of Object.entries(fields)) {
    writer.uint32((Number(number) << 3) | LENGTH_DELIMITED);
    if (typeof value === 'string') writer.string(value);
    else writer.bytes(encode(value));
  }
  return writer.finish();
}
