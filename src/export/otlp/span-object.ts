/**
 * The same span as an object: what HTTP/JSON sends, and what tests compare. Values have the
 * shapes of a JavaScript SDK; ids are hex.
 */

import { hexWords } from '../../handoff/hex.ts';
import { U32 } from '../../handoff/layout.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { Block, Key, Prefix } from '../attributes.ts';
import { type ByteSource, cutUtf8, toUtf8 } from '../bytes.ts';
import type { AttributeValue, SpanSink, SpanStart, StatusCode, TextList } from '../types.ts';

/** `double` is kept apart: a whole number is an integer otherwise. */
export type SpanValue = AttributeValue | { readonly double: number };

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

export interface SpanObject {
  traceId: string;
  spanId: string;
  /** Empty for a root. */
  parentSpanId: string;
  traceState: string;
  name: string;
  kind: 2 | 3;
  flags: number;
  startNs: bigint;
  endNs: bigint;
  attributes: [name: string, value: SpanValue][];
  links: SpanLink[];
  status: StatusCode;
  droppedAttributes: number;
}

export class SpanObjects implements SpanSink {
  readonly #counters: Counters;
  readonly #bytesMax: number;
  #span: SpanObject = emptySpan();

  constructor(attributeBytesMax: number, counters: Counters) {
    this.#bytesMax = attributeBytesMax;
    this.#counters = counters;
  }

  /** The span described last. */
  get span(): SpanObject {
    return this.#span;
  }

  begin(start: SpanStart): void {
    const { u32, row } = start;
    const parentSpanId = hexWords(u32, row + U32.parentSpanId, 2);
    this.#span = {
      ...emptySpan(),
      traceId: hexWords(u32, row + U32.traceId, 4),
      spanId: hexWords(u32, row + U32.spanId, 2),
      parentSpanId: parentSpanId === '0'.repeat(16) ? '' : parentSpanId,
      traceState: start.traceState,
      name: start.name.name,
      kind: start.name.kind,
      flags: start.flags,
      startNs: (BigInt(start.startHigh) << 32n) | BigInt(start.startLow),
      endNs: (BigInt(start.endHigh) << 32n) | BigInt(start.endLow),
    };
  }

  block(block: Block): void {
    for (const [name, value] of block.attributes) this.#span.attributes.push([name, value]);
  }

  text(key: Key, source: ByteSource, start: number, end: number): void {
    const text = toUtf8(source.bytes, start, end);
    if (text.length > this.#bytesMax) this.#counters.add('truncated.attributes');
    this.#span.attributes.push([key.name, cutUtf8(text, this.#bytesMax).toString('utf8')]);
  }

  integer(key: Key, value: number): void {
    this.#span.attributes.push([key.name, value]);
  }

  double(key: Key, value: number): void {
    this.#span.attributes.push([key.name, { double: value }]);
  }

  list(prefix: Prefix, source: ByteSource, start: number, end: number, list: TextList): void {
    const name = Buffer.from(source.bytes.subarray(start, end))
      .toString('latin1')
      .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
      .replace(/[\x80-\xff]/g, '?');
    const values: string[] = [];
    for (let i = 0; i < list.count; i++) {
      const { bytes } = list.sources[i];
      values.push(Buffer.from(bytes.subarray(list.starts[i], list.ends[i])).toString('utf8'));
    }
    this.#span.attributes.push([prefix.name + name, values]);
  }

  link(u32: Uint32Array, at: number, flags: number): void {
    const traceId = hexWords(u32, at, 4);
    this.#span.links.push({ traceId, spanId: hexWords(u32, at + 4, 2), flags });
  }

  end(status: StatusCode, droppedAttributes: number): void {
    this.#span.status = status;
    this.#span.droppedAttributes = droppedAttributes;
  }
}

function emptySpan(): SpanObject {
  return {
    traceId: '',
    spanId: '',
    parentSpanId: '',
    traceState: '',
    name: '',
    kind: 2,
    flags: 0,
    startNs: 0n,
    endNs: 0n,
    attributes: [],
    links: [],
    status: 0,
    droppedAttributes: 0,
  };
}
