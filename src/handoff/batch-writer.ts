/**
 * Fills an ExchangeBatch row by row. One call copies everything that a later stage may read, so
 * the exchange can be forgotten afterwards. Nothing is allocated per row: columns grow by doubling,
 * and addresses are written once per batch.
 */
import type { Endpoint } from '../capture/types.ts';
import type { Exchange, MessageHead } from '../protocol/types.ts';
import type { CapturedBody } from './captured-body.ts';
import { KNOWN_HEADERS } from './known-headers.ts';
import type { ExchangeBatch } from './layout.ts';
import { ENDS, F64, F64_COLUMNS, FAMILY, FLAG, U32, U32_COLUMNS } from './layout.ts';

/** What the link stage knows of an exchange. Id words are big endian, as signed 32-bit integers. */
export interface SpanRow {
  readonly process: number;
  /** See U32.peerProcess. */
  readonly peerProcess: number;
  /** FLAG bits that linking decided; the writer adds those of the exchange. */
  readonly flags: number;
  /** Index into TIERS. */
  readonly tier: number;
  readonly confidencePpm: number;
  readonly resendCount: number;
  readonly hop: number;
  readonly traceFlags: number;
  readonly trace0: number;
  readonly trace1: number;
  readonly trace2: number;
  readonly trace3: number;
  readonly span0: number;
  readonly span1: number;
  readonly parent0: number;
  readonly parent1: number;
  readonly link: SpanLink | null;
  readonly ownNs: number;
}

/** Context of a span in another trace: four words of trace id, two of span id. */
export interface SpanLink {
  readonly trace0: number;
  readonly trace1: number;
  readonly trace2: number;
  readonly trace3: number;
  readonly span0: number;
  readonly span1: number;
}

const END_INDEX = new Map(ENDS.map((end, index) => [end, index]));
const ROWS_START = 64;
/** Buffers kept for reuse: as many as are usually under way. */
const SPARE_MAX = 8;
const BYTES_START = 64 * 1024;
/** After so many bytes, heads and bodies, a batch should leave: what is more is one hop's. */
const BYTES_FULL = 1024 * 1024;
/** Rows after which a batch should leave. */
const ROWS_FULL = 512;
/** Buffers that one large hop has grown beyond this are not filled again. */
const SPARE_BYTES_MAX = 4 * BYTES_FULL;
const KNOWN_WORDS = 2 * KNOWN_HEADERS.length;

interface BodyColumns {
  readonly slice: number;
  readonly held: number;
  readonly digest: number;
}

const REQUEST_BODY: BodyColumns = {
  slice: U32.requestBodyOffset,
  held: U32.requestBodyHeld,
  digest: U32.requestBodyDigestOffset,
};
const RESPONSE_BODY: BodyColumns = {
  slice: U32.responseBodyOffset,
  held: U32.responseBodyHeld,
  digest: U32.responseBodyDigestOffset,
};

export class BatchWriter {
  #count = 0;
  #rows = ROWS_START;
  readonly #spare: ExchangeBatch[] = [];
  #f64 = new Float64Array(ROWS_START * F64_COLUMNS);
  #u32 = new Uint32Array(ROWS_START * U32_COLUMNS);
  #bytes = new Uint8Array(BYTES_START);
  #used = 0;
  /** Address text -> its offset in this batch; at most one entry per row and end. */
  readonly #addresses = new Map<string, number>();
  readonly #encoder = new TextEncoder();
  /** Bytes of the address that was written or found last. */
  #addressBytes = 0;

  /** Whether what was written should leave before more is. */
  get isFull(): boolean {
    return this.#count >= ROWS_FULL || this.#used >= BYTES_FULL;
  }

  /** Copies one exchange. Rows of a hop are added one after the other, ingress first. */
  add(exchange: Exchange<unknown>, row: SpanRow): void {
    if (this.#count === this.#rows) this.#growRows();
    this.#writeNumbers(exchange, row, this.#count * F64_COLUMNS);
    const u32 = this.#count * U32_COLUMNS;
    // The buffer may have been used before, and not every column is written for every row.
    this.#u32.fill(0, u32, u32 + U32_COLUMNS);
    this.#writeDecision(exchange, row, u32);
    this.#writeIds(row, u32);
    this.#writeConnection(exchange, u32);
    this.#writeMessages(exchange, u32);
    this.#count++;
  }

  /** The rows so far, in buffers that now belong to the caller; null when there are none. */
  take(): ExchangeBatch | null {
    if (this.#count === 0) return null;
    const batch = {
      count: this.#count,
      f64: this.#f64,
      u32: this.#u32,
      bytes: this.#bytes,
    };
    const spare = this.#spare.pop();
    const isLarge = spare !== undefined && spare.f64.length === this.#f64.length;
    this.#f64 = isLarge ? spare.f64 : new Float64Array(this.#rows * F64_COLUMNS);
    this.#u32 = isLarge ? spare.u32 : new Uint32Array(this.#rows * U32_COLUMNS);
    this.#bytes = spare?.bytes ?? new Uint8Array(nextSize(this.#used));
    this.#count = 0;
    this.#used = 0;
    this.#addresses.clear();
    return batch;
  }

  /**
   * Buffers of a batch that was read: filled again instead of new ones, whose release would have
   * the garbage collector run over everything about twice a second.
   */
  reuse(batch: ExchangeBatch): void {
    const isUsual = batch.bytes.length <= SPARE_BYTES_MAX;
    if (isUsual && this.#spare.length < SPARE_MAX) this.#spare.push(batch);
  }

  #writeNumbers(exchange: Exchange<unknown>, row: SpanRow, at: number): void {
    const f64 = this.#f64;
    f64[at + F64.requestStartNs] = exchange.requestStartNs;
    f64[at + F64.requestHeadNs] = exchange.requestHeadNs;
    f64[at + F64.requestEndNs] = exchange.requestEndNs;
    f64[at + F64.responseStartNs] = exchange.responseStartNs;
    f64[at + F64.endNs] = exchange.endNs;
    f64[at + F64.requestBodyBytes] = exchange.requestBodyBytes;
    f64[at + F64.responseBodyBytes] = exchange.responseBodyBytes;
    f64[at + F64.ownNs] = row.ownNs;
    f64[at + F64.connectionId] = exchange.connection.id;
  }

  #writeDecision(exchange: Exchange<unknown>, row: SpanRow, at: number): void {
    const u32 = this.#u32;
    u32[at + U32.flags] = row.flags | exchangeFlags(exchange);
    u32[at + U32.process] = row.process;
    u32[at + U32.peerProcess] = row.peerProcess;
    u32[at + U32.status] = exchange.status;
    u32[at + U32.ordinal] = exchange.ordinal;
    u32[at + U32.tier] = row.tier;
    u32[at + U32.confidence] = row.confidencePpm;
    u32[at + U32.resendCount] = row.resendCount;
    u32[at + U32.hop] = row.hop;
    u32[at + U32.end] = exchange.end === null ? 0 : (END_INDEX.get(exchange.end) ?? 0);
    u32[at + U32.interimResponses] = exchange.interimResponses;
  }

  #writeIds(row: SpanRow, at: number): void {
    const u32 = this.#u32;
    u32[at + U32.traceFlags] = row.traceFlags;
    u32[at + U32.traceId] = row.trace0;
    u32[at + U32.traceId + 1] = row.trace1;
    u32[at + U32.traceId + 2] = row.trace2;
    u32[at + U32.traceId + 3] = row.trace3;
    u32[at + U32.spanId] = row.span0;
    u32[at + U32.spanId + 1] = row.span1;
    u32[at + U32.parentSpanId] = row.parent0;
    u32[at + U32.parentSpanId + 1] = row.parent1;
    const link = row.link;
    if (link === null) return;
    u32[at + U32.linkTraceId] = link.trace0;
    u32[at + U32.linkTraceId + 1] = link.trace1;
    u32[at + U32.linkTraceId + 2] = link.trace2;
    u32[at + U32.linkTraceId + 3] = link.trace3;
    u32[at + U32.linkSpanId] = link.span0;
    u32[at + U32.linkSpanId + 1] = link.span1;
  }

  #writeConnection(exchange: Exchange<unknown>, at: number): void {
    const { connection } = exchange;
    const u32 = this.#u32;
    u32[at + U32.family] = FAMILY[connection.family];
    u32[at + U32.localPort] = connection.local.port;
    u32[at + U32.remotePort] = connection.remote.port;
    u32[at + U32.localAddressOffset] = this.#address(connection.local);
    u32[at + U32.localAddressBytes] = this.#addressBytes;
    u32[at + U32.remoteAddressOffset] = this.#address(connection.remote);
    u32[at + U32.remoteAddressBytes] = this.#addressBytes;
  }

  #writeMessages(exchange: Exchange<unknown>, at: number): void {
    const { request, response, requestBody, responseBody } = exchange;
    this.#head(request, at + U32.requestHeadOffset);
    this.#known(request, at + U32.known);
    if (response !== null) this.#head(response, at + U32.responseHeadOffset);
    if (requestBody !== null) this.#body(requestBody, at, REQUEST_BODY);
    if (responseBody !== null) this.#body(responseBody, at, RESPONSE_BODY);
  }

  /** Small bodies are copied; of others the number crosses. Either way the exchange's is over. */
  #body(body: CapturedBody, row: number, columns: BodyColumns): void {
    const { keptBytes, digest } = body;
    if (digest !== null) this.#u32[row + columns.digest] = this.#append(digest);
    this.#u32[row + columns.slice + 1] = keptBytes;
    if (body.isInline) {
      if (this.#used + keptBytes > this.#bytes.length) this.#growBytes(keptBytes);
      body.copyTo(this.#bytes, this.#used);
      this.#u32[row + columns.slice] = this.#used;
      this.#used += keptBytes;
      body.discard();
    } else this.#u32[row + columns.held] = body.hold();
  }

  /** Appends a head and writes its offset and length into two columns. */
  #head({ store, start, lenBytes }: MessageHead, column: number): void {
    if (this.#used + lenBytes > this.#bytes.length) this.#growBytes(lenBytes);
    store.copy(this.#bytes, this.#used, start, start + lenBytes);
    this.#u32[column] = this.#used;
    this.#u32[column + 1] = lenBytes;
    this.#used += lenBytes;
  }

  /** Offset of the bytes; never 0, because an address comes first. */
  #append(source: Uint8Array): number {
    const start = this.#used;
    if (start + source.length > this.#bytes.length) this.#growBytes(source.length);
    this.#bytes.set(source, start);
    this.#used += source.length;
    return start;
  }

  /** The protocol stage says -1 for an absent header; here 0,0 does, which no value can have. */
  #known(head: MessageHead, column: number): void {
    const u32 = this.#u32;
    for (let word = 0; word < KNOWN_WORDS; word++) {
      u32[column + word] = Math.max(head.known[word], 0);
    }
  }

  /** Offset of the address text; `#addressBytes` is its length. */
  #address(endpoint: Endpoint): number {
    const { address } = endpoint;
    const found = this.#addresses.get(address);
    if (found !== undefined) {
      this.#addressBytes = this.#bytes[found];
      return found + 1;
    }
    // A length byte before the text spares a second map; sun_path has at most 108 bytes.
    if (this.#used + 256 > this.#bytes.length) this.#growBytes(256);
    const start = this.#used;
    const target = this.#bytes.subarray(start + 1, start + 256);
    this.#addressBytes = this.#encoder.encodeInto(address, target).written;
    this.#bytes[start] = this.#addressBytes;
    this.#used += this.#addressBytes + 1;
    this.#addresses.set(address, start);
    return start + 1;
  }

  #growRows(): void {
    this.#rows *= 2;
    const f64 = new Float64Array(this.#rows * F64_COLUMNS);
    const u32 = new Uint32Array(this.#rows * U32_COLUMNS);
    f64.set(this.#f64);
    u32.set(this.#u32);
    this.#f64 = f64;
    this.#u32 = u32;
  }

  #growBytes(more: number): void {
    const bytes = new Uint8Array(nextSize(this.#used + more));
    bytes.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = bytes;
  }
}

function exchangeFlags(exchange: Exchange<unknown>): number {
  return (
    (exchange.role === 'client' ? FLAG.client : 0) |
    (exchange.isRequestTruncated ? FLAG.requestTruncated : 0) |
    (exchange.isResponseTruncated ? FLAG.responseTruncated : 0) |
    (exchange.isRequestSizeInexact ? FLAG.requestSizeInexact : 0) |
    (exchange.isResponseSizeInexact ? FLAG.responseSizeInexact : 0) |
    (exchange.hasLoss ? FLAG.loss : 0)
  );
}

function nextSize(used: number): number {
  let size = BYTES_START;
  while (size < used) size *= 2;
  return size;
}
