/**
 * A cursor over an ExchangeBatch: named columns instead of indices, without an object per row.
 *
 *     for (view.open(batch); view.next(); ) use(view.status, view.header(SLOT.host));
 *
 * Ids come as words or hex; hex strings are made only when asked for. Byte ranges are views into
 * the batch and end with it.
 */

import type { ExchangeEnd } from '../protocol/types.ts';
import { hexWords } from './hex.ts';
import type { ExchangeBatch, Tier } from './layout.ts';
import { DIGEST_BYTES, ENDS, F64, F64_COLUMNS, FLAG, TIERS, U32, U32_COLUMNS } from './layout.ts';

const NOTHING: ExchangeBatch = {
  count: 0,
  f64: new Float64Array(0),
  u32: new Uint32Array(0),
  bytes: new Uint8Array(0),
};

const NO_BODIES: ReadonlyMap<number, Buffer> = new Map();
const NO_BYTES = Buffer.alloc(0);

export class ExchangeView {
  /** The open batch and the row the cursor stands on, for readers of raw columns. */
  batch: ExchangeBatch = NOTHING;
  row = -1;
  #buffer: Buffer = Buffer.alloc(0);
  #held = NO_BODIES;
  /** Index of the row's first column. */
  #f64 = 0;
  #u32 = 0;

  /** Stands before the first row of `batch`. `held`: bodies that were read, by their number. */
  open(batch: ExchangeBatch, held: ReadonlyMap<number, Buffer> = NO_BODIES): void {
    this.batch = batch;
    this.#held = held;
    this.#buffer = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.byteLength);
    this.row = -1;
  }

  /** Steps to the next row; false after the last one. */
  next(): boolean {
    if (this.row + 1 >= this.batch.count) return false;
    this.seek(this.row + 1);
    return true;
  }

  seek(row: number): void {
    this.row = row;
    this.#f64 = row * F64_COLUMNS;
    this.#u32 = row * U32_COLUMNS;
  }

  /** One word of the row by its U32 column. */
  word(column: number): number {
    return this.batch.u32[this.#u32 + column];
  }

  /** One number of the row by its F64 column. */
  number(column: number): number {
    return this.batch.f64[this.#f64 + column];
  }

  get requestStartNs(): number {
    return this.number(F64.requestStartNs);
  }
  get requestHeadNs(): number {
    return this.number(F64.requestHeadNs);
  }
  /** 0: the request was never complete. */
  get requestEndNs(): number {
    return this.number(F64.requestEndNs);
  }
  /** 0: no response was seen. */
  get responseStartNs(): number {
    return this.number(F64.responseStartNs);
  }
  get endNs(): number {
    return this.number(F64.endNs);
  }
  get requestBodyBytes(): number {
    return this.number(F64.requestBodyBytes);
  }
  get responseBodyBytes(): number {
    return this.number(F64.responseBodyBytes);
  }
  /** Ingress: time not covered by its egress; -1 unknown, and for egress. */
  get ownNs(): number {
    return this.number(F64.ownNs);
  }
  get connectionId(): number {
    return this.number(F64.connectionId);
  }

  get flags(): number {
    return this.word(U32.flags);
  }
  get isClient(): boolean {
    return (this.flags & FLAG.client) !== 0;
  }
  get process(): number {
    return this.word(U32.process);
  }
  /** Egress: index of the process at the other end, on this host; -1 unknown. */
  get peerProcess(): number {
    return this.word(U32.peerProcess) - 1;
  }
  /** 0: no final response was seen. */
  get status(): number {
    return this.word(U32.status);
  }
  /** From 1; 0 unknown. */
  get ordinal(): number {
    return this.word(U32.ordinal);
  }
  get tier(): Tier {
    return TIERS[this.word(U32.tier)];
  }
  /** 0..1. */
  get confidence(): number {
    return this.word(U32.confidence) / 1e6;
  }
  get resendCount(): number {
    return this.word(U32.resendCount);
  }
  get hop(): number {
    return this.word(U32.hop);
  }
  get end(): ExchangeEnd {
    return ENDS[this.word(U32.end)];
  }
  get interimResponses(): number {
    return this.word(U32.interimResponses);
  }
  get traceFlags(): number {
    return this.word(U32.traceFlags);
  }

  /** 32 lower-case hex digits. */
  get traceId(): string {
    return this.#hex(U32.traceId, 4);
  }
  /** 16 lower-case hex digits. */
  get spanId(): string {
    return this.#hex(U32.spanId, 2);
  }
  /** 16 lower-case hex digits; empty for a root. */
  get parentSpanId(): string {
    return this.hasParent ? this.#hex(U32.parentSpanId, 2) : '';
  }
  get hasParent(): boolean {
    return (this.word(U32.parentSpanId) | this.word(U32.parentSpanId + 1)) !== 0;
  }
  get hasLink(): boolean {
    return (this.word(U32.linkSpanId) | this.word(U32.linkSpanId + 1)) !== 0;
  }
  get linkTraceId(): string {
    return this.hasLink ? this.#hex(U32.linkTraceId, 4) : '';
  }
  get linkSpanId(): string {
    return this.hasLink ? this.#hex(U32.linkSpanId, 2) : '';
  }

  /** 4, 6 or 1 (Unix). */
  get family(): number {
    return this.word(U32.family);
  }
  get localPort(): number {
    return this.word(U32.localPort);
  }
  get remotePort(): number {
    return this.word(U32.remotePort);
  }
  get localAddress(): string {
    return this.#text(U32.localAddressOffset);
  }
  get remoteAddress(): string {
    return this.#text(U32.remoteAddressOffset);
  }

  /** Start line to the empty line. */
  get requestHead(): Buffer {
    return this.#slice(U32.requestHeadOffset);
  }
  /** Empty when no response was seen. */
  get responseHead(): Buffer {
    return this.#slice(U32.responseHeadOffset);
  }
  /** What was kept of the body, its beginning; empty when that is nothing, or held and not read. */
  get requestBody(): Buffer {
    return this.#body(U32.requestBodyHeld, U32.requestBodyOffset);
  }
  get responseBody(): Buffer {
    return this.#body(U32.responseBodyHeld, U32.responseBodyOffset);
  }
  /** Bytes of the body that are kept, here or held; `requestBodyBytes` is its whole length. */
  get requestBodyKeptBytes(): number {
    return this.word(U32.requestBodyKeptBytes);
  }
  get responseBodyKeptBytes(): number {
    return this.word(U32.responseBodyKeptBytes);
  }
  /** Number of a body that did not cross, see HeldBodies; 0 for all others. */
  get requestBodyHeld(): number {
    return this.word(U32.requestBodyHeld);
  }
  get responseBodyHeld(): number {
    return this.word(U32.responseBodyHeld);
  }
  /** SHA-256 of the whole body, where all of it was seen and it is not here whole; else empty. */
  get requestBodyDigest(): Buffer {
    return this.#digest(U32.requestBodyDigestOffset);
  }
  get responseBodyDigest(): Buffer {
    return this.#digest(U32.responseBodyDigestOffset);
  }

  /** Where a known request header's value starts in `batch.bytes`; -1 when it is absent. */
  headerStart(slot: number): number {
    const start = this.word(U32.known + 2 * slot);
    return start === 0 ? -1 : this.word(U32.requestHeadOffset) + start;
  }

  /** End of the value; only meaningful when it is present. */
  headerEnd(slot: number): number {
    return this.word(U32.requestHeadOffset) + this.word(U32.known + 2 * slot + 1);
  }

  /** Value of a known request header, bytes as latin1; undefined when it is absent. */
  header(slot: number): string | undefined {
    const start = this.headerStart(slot);
    return start < 0 ? undefined : this.#buffer.toString('latin1', start, this.headerEnd(slot));
  }

  #hex(column: number, words: number): string {
    return hexWords(this.batch.u32, this.#u32 + column, words);
  }

  #text(column: number): string {
    const start = this.word(column);
    return this.#buffer.toString('utf8', start, start + this.word(column + 1));
  }

  #body(heldColumn: number, column: number): Buffer {
    const number = this.word(heldColumn);
    return number === 0 ? this.#slice(column) : (this.#held.get(number) ?? NO_BYTES);
  }

  #digest(column: number): Buffer {
    const start = this.word(column);
    return this.#buffer.subarray(start, start === 0 ? 0 : start + DIGEST_BYTES);
  }

  #slice(column: number): Buffer {
    const start = this.word(column);
    return this.#buffer.subarray(start, start + this.word(column + 1));
  }
}
