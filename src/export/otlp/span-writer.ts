/**
 * OTLP Span messages, written by hand in one pass (opentelemetry-proto 1.x, trace.proto). Lengths
 * are known before a value is written, except that of the span, whose two bytes are filled in at
 * its end. Keys and constant attributes are copied as words, values straight from the head bytes.
 *
 * Room for a whole span is made at `begin`; inside nothing checks the bounds, and word copies may
 * write up to three bytes too far, which the next field overwrites.
 */
import { lowerCase } from '../../handoff/ascii.ts';
import { U32 } from '../../handoff/layout.ts';
import type { Counters } from '../../telemetry/counters.ts';
import { type Block, KEY_BYTES_MAX, type Key, type Prefix } from '../attributes.ts';
import { type ByteSource, cutUtf8, toUtf8 } from '../bytes.ts';
import type { SpanSink, SpanStart, StatusCode, TextList } from '../types.ts';

/** ScopeSpans.spans = 2, with two bytes for the length. */
const SPANS_TAG = (2 << 3) | 2;
const START_BYTES = 3;
const ATTRIBUTES_TAG = (9 << 3) | 2;
const STRING_TAG = (1 << 3) | 2;
const VALUE_TAG = (2 << 3) | 2;
const ARRAY_TAG = (5 << 3) | 2;

/** What a span without headers and tracestate can take: some 28 attributes, a few long. */
const SPAN_BYTES = 4_096;
const TEXTS_MAX = 12;
const SHORT_BYTES = 0x7f - KEY_BYTES_MAX - 3;
const HIGH_BITS = 0x80808080;

export class SpanWriter implements SpanSink {
  readonly #counters: Counters;
  readonly #bytesMax: number;
  /** Strings so short that, with their key, every length around them fits into one byte. */
  readonly #shortMax: number;
  buffer: Uint8Array;
  pos = 0;
  #view: DataView;
  #start = 0;

  constructor(attributeBytesMax: number, counters: Counters, capacityBytes = 256 * 1024) {
    this.#bytesMax = attributeBytesMax;
    this.#shortMax = Math.min(attributeBytesMax, SHORT_BYTES);
    this.#counters = counters;
    this.buffer = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.buffer.buffer);
  }

  begin(start: SpanStart): void {
    const { u32, row } = start;
    this.#ensure(this.#boundOf(start));
    this.#start = this.pos;
    const view = this.#view;
    const buffer = this.buffer;
    let pos = this.pos;
    buffer[pos] = SPANS_TAG;
    pos += START_BYTES;
    buffer[pos] = (1 << 3) | 2;
    buffer[pos + 1] = 16;
    for (let i = 0; i < 4; i++) view.setUint32(pos + 2 + 4 * i, u32[row + U32.traceId + i]);
    buffer[pos + 18] = (2 << 3) | 2;
    buffer[pos + 19] = 8;
    view.setUint32(pos + 20, u32[row + U32.spanId]);
    view.setUint32(pos + 24, u32[row + U32.spanId + 1]);
    pos += 28;
    const parentHigh = u32[row + U32.parentSpanId];
    const parentLow = u32[row + U32.parentSpanId + 1];
    if ((parentHigh | parentLow) !== 0) {
      buffer[pos] = (4 << 3) | 2;
      buffer[pos + 1] = 8;
      view.setUint32(pos + 2, parentHigh);
      view.setUint32(pos + 6, parentLow);
      pos += 10;
    }
    this.pos = pos;
    if (start.traceState !== '') this.#writeTraceState(start.traceState);
    this.#copyWords(start.name.words, start.name.lenBytes);
    this.#writeTimes(start);
  }

  block(block: Block): void {
    this.#copyWords(block.words, block.lenBytes);
  }

  text(key: Key, source: ByteSource, start: number, end: number): void {
    const lenBytes = end - start;
    const pos = this.pos;
    if (lenBytes <= this.#shortMax) {
      const buffer = this.buffer;
      buffer[pos] = ATTRIBUTES_TAG;
      buffer[pos + 1] = key.lenBytes + lenBytes + 3;
      this.pos = pos + 2;
      this.#copyWords(key.words, key.lenBytes);
      const at = this.pos;
      buffer[at] = lenBytes + 2;
      buffer[at + 1] = STRING_TAG;
      buffer[at + 2] = lenBytes;
      this.pos = at + 3 + lenBytes;
      if (this.#copyAscii(source, start, end, at + 3)) return;
    } else if (lenBytes <= this.#bytesMax) {
      this.#startString(key, lenBytes);
      const at = this.pos;
      this.pos = at + lenBytes;
      if (this.#copyAscii(source, start, end, at)) return;
    }
    this.pos = pos;
    this.#writeUtf8(key, source, start, end);
  }

  integer(key: Key, value: number): void {
    const valueBytes = 1 + varintBytes(value);
    const pos = this.pos;
    const buffer = this.buffer;
    buffer[pos] = ATTRIBUTES_TAG;
    buffer[pos + 1] = key.lenBytes + 1 + valueBytes;
    this.pos = pos + 2;
    this.#copyWords(key.words, key.lenBytes);
    buffer[this.pos] = valueBytes;
    buffer[this.pos + 1] = 3 << 3;
    this.pos += 2;
    this.#writeVarint(value);
  }

  double(key: Key, value: number): void {
    const buffer = this.buffer;
    buffer[this.pos] = ATTRIBUTES_TAG;
    buffer[this.pos + 1] = key.lenBytes + 10;
    this.pos += 2;
    this.#copyWords(key.words, key.lenBytes);
    buffer[this.pos] = 9;
    buffer[this.pos + 1] = (4 << 3) | 1;
    this.#view.setFloat64(this.pos + 2, value, true);
    this.pos += 10;
  }

  list(prefix: Prefix, source: ByteSource, start: number, end: number, list: TextList): void {
    let itemsBytes = 0;
    for (let i = 0; i < list.count; i++) {
      itemsBytes += nestedBytes(nestedBytes(list.ends[i] - list.starts[i]));
    }
    const nameBytes = prefix.bytes.length + (end - start);
    const valueBytes = nestedBytes(itemsBytes);
    this.#ensure(nameBytes + valueBytes + 256);
    this.#writeHeader(ATTRIBUTES_TAG, nestedBytes(nameBytes) + nestedBytes(valueBytes));
    this.#writeHeader(STRING_TAG, nameBytes);
    this.#writeName(prefix, source.bytes, start, end);
    this.#writeHeader(VALUE_TAG, valueBytes);
    this.#writeHeader(ARRAY_TAG, itemsBytes);
    for (let i = 0; i < list.count; i++) {
      const lenBytes = list.ends[i] - list.starts[i];
      this.#writeHeader(STRING_TAG, nestedBytes(lenBytes));
      this.#writeHeader(STRING_TAG, lenBytes);
      const at = this.pos;
      this.pos += lenBytes;
      this.#copyAscii(list.sources[i], list.starts[i], list.ends[i], at);
    }
  }

  /** Span.links = 13: trace_id = 1, span_id = 2, flags = 6. */
  link(u32: Uint32Array, at: number, flags: number): void {
    const view = this.#view;
    const buffer = this.buffer;
    const pos = this.pos;
    buffer[pos] = (13 << 3) | 2;
    buffer[pos + 1] = 33;
    buffer[pos + 2] = (1 << 3) | 2;
    buffer[pos + 3] = 16;
    for (let i = 0; i < 4; i++) view.setUint32(pos + 4 + 4 * i, u32[at + i]);
    buffer[pos + 20] = (2 << 3) | 2;
    buffer[pos + 21] = 8;
    view.setUint32(pos + 22, u32[at + 4]);
    view.setUint32(pos + 26, u32[at + 5]);
    buffer[pos + 30] = (6 << 3) | 5;
    view.setUint32(pos + 31, flags, true);
    this.pos = pos + 35;
  }

  /** Span.dropped_attributes_count = 10, status = 15 { code = 3 }; then the span's own length. */
  end(status: StatusCode, droppedAttributes: number): void {
    const buffer = this.buffer;
    if (droppedAttributes > 0) {
      buffer[this.pos++] = 10 << 3;
      this.#writeVarint(droppedAttributes);
    }
    const pos = this.pos;
    buffer[pos] = (15 << 3) | 2;
    buffer[pos + 1] = 2;
    buffer[pos + 2] = 3 << 3;
    buffer[pos + 3] = status;
    this.pos = pos + 4;
    this.#finishLength(this.pos - this.#start - START_BYTES);
  }

  /** Spans are never shorter than 128 bytes; beyond 16383 the length needs a third byte. */
  #finishLength(lenBytes: number): void {
    const buffer = this.buffer;
    const at = this.#start + 1;
    if (lenBytes > 0x3fff) {
      this.#ensure(8);
      this.buffer.copyWithin(at + 3, at + 2, this.pos);
      this.pos++;
      this.buffer[at] = (lenBytes & 0x7f) | 0x80;
      this.buffer[at + 1] = ((lenBytes >> 7) & 0x7f) | 0x80;
      this.buffer[at + 2] = lenBytes >> 14;
      return;
    }
    buffer[at] = (lenBytes & 0x7f) | 0x80;
    buffer[at + 1] = lenBytes >> 7;
  }

  /** Span.trace_state = 3; short and rare. */
  #writeTraceState(traceState: string): void {
    this.#writeHeader((3 << 3) | 2, traceState.length);
    for (let i = 0; i < traceState.length; i++) this.buffer[this.pos++] = traceState.charCodeAt(i);
  }

  /** start_time_unix_nano = 7, end_time_unix_nano = 8 and flags = 16, all fixed width. */
  #writeTimes(start: SpanStart): void {
    const view = this.#view;
    const buffer = this.buffer;
    const pos = this.pos;
    buffer[pos] = (7 << 3) | 1;
    view.setUint32(pos + 1, start.startLow, true);
    view.setUint32(pos + 5, start.startHigh, true);
    buffer[pos + 9] = (8 << 3) | 1;
    view.setUint32(pos + 10, start.endLow, true);
    view.setUint32(pos + 14, start.endHigh, true);
    buffer[pos + 18] = 0x85; // (16 << 3) | 5 takes two bytes
    buffer[pos + 19] = 0x01;
    view.setUint32(pos + 20, start.flags, true);
    this.pos = pos + 24;
  }

  #startString(key: Key, lenBytes: number): void {
    const valueBytes = nestedBytes(lenBytes);
    this.#writeHeader(ATTRIBUTES_TAG, key.lenBytes - 1 + nestedBytes(valueBytes));
    this.#copyWords(key.words, key.lenBytes);
    this.#writeVarint(valueBytes);
    this.#writeHeader(STRING_TAG, lenBytes);
  }

  /** Not ASCII, or too long. */
  #writeUtf8(key: Key, source: ByteSource, start: number, end: number): void {
    const text = toUtf8(source.bytes, start, end);
    if (text.length > this.#bytesMax) this.#counters.add('truncated.attributes');
    const kept = cutUtf8(text, this.#bytesMax);
    this.#startString(key, kept.length);
    this.buffer.set(kept, this.pos);
    this.pos += kept.length;
  }

  #writeName(prefix: Prefix, bytes: Uint8Array, start: number, end: number): void {
    const buffer = this.buffer;
    let pos = this.pos;
    for (let i = 0; i < prefix.bytes.length; i++) buffer[pos++] = prefix.bytes[i];
    for (let i = start; i < end; i++) {
      const byte = lowerCase(bytes[i]);
      buffer[pos++] = byte < 0x80 ? byte : 0x3f;
    }
    this.pos = pos;
  }

  #copyWords(words: Uint32Array, lenBytes: number): void {
    const view = this.#view;
    let pos = this.pos;
    this.pos = pos + lenBytes;
    for (let i = 0; i < words.length; i++, pos += 4) view.setUint32(pos, words[i], true);
  }

  /** Copies to `pos`; false when some byte is not ASCII (everything was copied all the same). */
  #copyAscii(source: ByteSource, start: number, end: number, pos: number): boolean {
    const from = source.view;
    const view = this.#view;
    const lastWord = end - 4;
    let seen = 0;
    let to = pos;
    let at = start;
    for (; at <= lastWord; at += 4, to += 4) {
      const word = from.getUint32(at, true);
      seen |= word;
      view.setUint32(to, word, true);
    }
    for (; at < end; at++, to++) {
      const byte = source.bytes[at];
      seen |= byte;
      this.buffer[to] = byte;
    }
    return (seen & HIGH_BITS) === 0;
  }

  #writeHeader(tag: number, lenBytes: number): void {
    this.buffer[this.pos++] = tag;
    this.#writeVarint(lenBytes);
  }

  #writeVarint(value: number): void {
    const buffer = this.buffer;
    let pos = this.pos;
    let rest = value;
    while (rest > 0x7fffffff) {
      buffer[pos++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      buffer[pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[pos++] = rest;
    this.pos = pos;
  }

  /** Heads can become attributes (url, host, agent); Latin-1 doubles in UTF-8, limits bound each. */
  #boundOf(start: SpanStart): number {
    const { u32, row } = start;
    const headBytes = u32[row + U32.requestHeadBytes];
    const addressBytes = u32[row + U32.localAddressBytes] + 2 * u32[row + U32.remoteAddressBytes];
    const textsBytes = Math.min(TEXTS_MAX * this.#bytesMax, 4 * headBytes + 2 * addressBytes);
    return SPAN_BYTES + start.traceState.length + textsBytes;
  }

  #ensure(more: number): void {
    const needed = this.pos + more;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.buffer.length));
    grown.set(this.buffer);
    this.buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Size of a length-delimited field with a one-byte tag. */
function nestedBytes(lenBytes: number): number {
  return 1 + varintBytes(lenBytes) + lenBytes;
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  let bytes = 4;
  for (let rest = value / 0x10000000; rest >= 1; rest /= 128) bytes++;
  return bytes;
}
