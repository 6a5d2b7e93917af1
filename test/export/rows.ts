/** Builds exchange batches from what a test wants to say; the rest gets ordinary values. */
import { KNOWN_HEADERS } from '../../src/handoff/known-headers.ts';
import {
  ENDS,
  type ExchangeBatch,
  F64,
  F64_COLUMNS,
  FLAG,
  TIERS,
  type Tier,
  U32,
  U32_COLUMNS,
} from '../../src/handoff/layout.ts';

export interface Row {
  readonly client?: boolean;
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  /** [name, value] in order; a string is latin1. */
  readonly headers?: readonly (readonly [string, string])[];
  /** Instead of a head made of the parts above. */
  readonly head?: string;
  readonly responseHead?: string;
  readonly status?: number;
  readonly end?: (typeof ENDS)[number];
  readonly flags?: number;
  readonly tier?: Tier;
  readonly confidence?: number;
  readonly resendCount?: number;
  readonly ordinal?: number;
  readonly hop?: number;
  readonly process?: number;
  readonly peerProcess?: number;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly link?: readonly [traceId: string, spanId: string];
  readonly traceFlags?: number;
  readonly family?: 1 | 4 | 6;
  readonly local?: readonly [string, number];
  readonly remote?: readonly [string, number];
  readonly startNs?: number;
  readonly endNs?: number;
  readonly requestEndNs?: number;
  readonly responseStartNs?: number;
  readonly connectionId?: number;
  /** What was kept of it; its whole length unless `requestBodyBytes` says otherwise. */
  readonly requestBody?: string | Buffer;
  readonly responseBody?: string | Buffer;
  readonly requestBodyBytes?: number;
  readonly responseBodyBytes?: number;
  readonly ownNs?: number;
}

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN_ID = 'b7ad6b7169203331';

export function toBatch(rows: readonly Row[]): ExchangeBatch {
  const f64 = new Float64Array(rows.length * F64_COLUMNS);
  const u32 = new Uint32Array(rows.length * U32_COLUMNS);
  const pieces: Buffer[] = [Buffer.from('guard')];
  let used = 5;
  const put = (bytes: Buffer): number => {
    pieces.push(bytes);
    used += bytes.length;
    return used - bytes.length;
  };
  rows.forEach((row, index) => {
    writeNumbers(row, f64, index * F64_COLUMNS);
    writeWords(row, u32, index * U32_COLUMNS, put);
  });
  return { count: rows.length, f64, u32, bytes: Buffer.concat(pieces) };
}

export function requestHead(row: Row): string {
  if (row.head !== undefined) return row.head;
  const headers = row.headers ?? [['Host', 'shop.example']];
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${row.method ?? 'GET'} ${row.target ?? '/'} HTTP/${row.version ?? '1.1'}\r\n${lines}\r\n`;
}

function writeNumbers(row: Row, f64: Float64Array, at: number): void {
  const startNs = row.startNs ?? 1_000_000_000;
  f64[at + F64.requestStartNs] = startNs;
  f64[at + F64.requestHeadNs] = startNs + 1_000;
  f64[at + F64.endNs] = row.endNs ?? startNs + 2_000_000;
  f64[at + F64.requestEndNs] = row.requestEndNs ?? 0;
  f64[at + F64.responseStartNs] = row.responseStartNs ?? 0;
  f64[at + F64.connectionId] = row.connectionId ?? 0;
  f64[at + F64.requestBodyBytes] = row.requestBodyBytes ?? bytesOf(row.requestBody).length;
  f64[at + F64.responseBodyBytes] = row.responseBodyBytes ?? bytesOf(row.responseBody).length;
  f64[at + F64.ownNs] = row.ownNs ?? -1;
}

function writeWords(row: Row, u32: Uint32Array, at: number, put: (bytes: Buffer) => number): void {
  u32[at + U32.flags] = (row.flags ?? 0) | (row.client === true ? FLAG.client : 0);
  u32[at + U32.process] = row.process ?? 0;
  u32[at + U32.peerProcess] = row.peerProcess ?? 0;
  u32[at + U32.status] = row.status ?? 200;
  u32[at + U32.ordinal] = row.ordinal ?? 1;
  u32[at + U32.tier] = TIERS.indexOf(row.tier ?? 'none');
  u32[at + U32.confidence] = Math.round((row.confidence ?? 0) * 1e6);
  u32[at + U32.resendCount] = row.resendCount ?? 0;
  u32[at + U32.hop] = row.hop ?? 0;
  u32[at + U32.end] = ENDS.indexOf(row.end ?? 'complete');
  u32[at + U32.traceFlags] = row.traceFlags ?? 1;
  writeHex(u32, at + U32.traceId, row.traceId ?? TRACE_ID);
  writeHex(u32, at + U32.spanId, row.spanId ?? SPAN_ID);
  writeHex(u32, at + U32.parentSpanId, row.parentSpanId ?? '');
  writeHex(u32, at + U32.linkTraceId, row.link?.[0] ?? '');
  writeHex(u32, at + U32.linkSpanId, row.link?.[1] ?? '');
  u32[at + U32.family] = row.family ?? 4;
  const [localAddress, localPort] = row.local ?? ['127.0.0.1', 8080];
  const [remoteAddress, remotePort] = row.remote ?? ['10.0.0.9', 51234];
  u32[at + U32.localPort] = localPort;
  u32[at + U32.remotePort] = remotePort;
  writeSlice(u32, at + U32.localAddressOffset, Buffer.from(localAddress), put);
  writeSlice(u32, at + U32.remoteAddressOffset, Buffer.from(remoteAddress), put);
  const head = Buffer.from(requestHead(row), 'latin1');
  writeSlice(u32, at + U32.requestHeadOffset, head, put);
  writeSlice(u32, at + U32.responseHeadOffset, Buffer.from(row.responseHead ?? '', 'latin1'), put);
  writeSlice(u32, at + U32.requestBodyOffset, bytesOf(row.requestBody), put);
  writeSlice(u32, at + U32.responseBodyOffset, bytesOf(row.responseBody), put);
  noteKnown(u32, at + U32.known, head.toString('latin1'));
}

function bytesOf(body: string | Buffer = ''): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : body;
}

function writeSlice(
  u32: Uint32Array,
  column: number,
  bytes: Buffer,
  put: (bytes: Buffer) => number,
): void {
  u32[column] = put(bytes);
  u32[column + 1] = bytes.length;
}

function writeHex(u32: Uint32Array, at: number, hex: string): void {
  for (let i = 0; i < hex.length / 8; i++) {
    u32[at + i] = Number.parseInt(hex.slice(8 * i, 8 * i + 8), 16);
  }
}

/** First value of each known header, as the protocol stage notes it. */
function noteKnown(u32: Uint32Array, at: number, head: string): void {
  KNOWN_HEADERS.forEach((name, slot) => {
    const match = new RegExp(`\\r\\n${name}:[ \\t]*([^\\r\\n]*?)[ \\t]*\\r\\n`, 'i').exec(head);
    if (match === null || match[1] === '') return;
    const end = match.index + match[0].trimEnd().length;
    u32[at + 2 * slot] = end - (match[1] ?? '').length;
    u32[at + 2 * slot + 1] = end;
  });
}
