/** What one line of a trace tree needs to know; made from the described (redacted) span. */
import {
  F64,
  F64_COLUMNS,
  FLAG,
  TIERS,
  type Tier,
  U32,
  U32_COLUMNS,
} from '../../handoff/layout.ts';
import { hasLoss, isTruncated } from '../marks.ts';
import type { SpanObject } from '../otlp/span-object.ts';
import type { Rows } from '../rows.ts';

export interface ConsoleSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly isClient: boolean;
  readonly service: string;
  readonly method: string;
  /** Path and redacted query, without control characters. */
  readonly path: string;
  /** 0: no response. */
  readonly status: number;
  readonly errorType: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** Share of the time that is not its egress; -1 unknown. */
  readonly ownNs: number;
  readonly local: string;
  readonly remote: string;
  readonly localPort: number;
  readonly tier: Tier;
  readonly resendCount: number;
  readonly isLocalHop: boolean;
  /** Further words: subrequest, unlinked, truncated, lost. */
  readonly marks: readonly string[];
}

export function toConsoleSpan(
  rows: Rows,
  index: number,
  span: SpanObject,
  service: string,
): ConsoleSpan {
  const { u32, f64 } = rows;
  const u = index * U32_COLUMNS;
  const attributes = new Map(span.attributes);
  const text = (name: string): string => {
    const value = attributes.get(name);
    return value === undefined ? '' : String(value);
  };
  const flags = u32[u + U32.flags];
  const tier = TIERS[u32[u + U32.tier]] ?? 'none';
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    isClient: (flags & FLAG.client) !== 0,
    service: printable(service),
    method: printable(text('http.request.method_original') || text('http.request.method')),
    path: printable(pathOf(text)),
    status: u32[u + U32.status],
    errorType: text('error.type'),
    startNs: span.startNs,
    endNs: span.endNs,
    ownNs: f64[index * F64_COLUMNS + F64.ownNs],
    local: endpoint(text('network.local.address'), u32[u + U32.localPort]),
    remote: endpoint(text('network.peer.address'), u32[u + U32.remotePort]),
    localPort: u32[u + U32.localPort],
    tier,
    resendCount: u32[u + U32.resendCount],
    isLocalHop: (flags & FLAG.localHop) !== 0 || tier === 'local',
    marks: marksOf(u32, u, flags),
  };
}

function pathOf(text: (name: string) => string): string {
  const full = text('url.full');
  if (full === '') {
    const query = text('url.query');
    return query === '' ? text('url.path') : `${text('url.path')}?${query}`;
  }
  const path = full.slice(full.indexOf('://') + 3).search(/[/?]/);
  return path < 0 ? full : full.slice(full.indexOf('://') + 3 + path);
}

function endpoint(address: string, port: number): string {
  const host = printable(address.includes(':') ? `[${address}]` : address);
  return port === 0 ? host || 'unix' : `${host}:${port}`;
}

function marksOf(u32: Uint32Array, u: number, flags: number): string[] {
  const marks: string[] = [];
  if ((flags & FLAG.subrequest) !== 0) marks.push('subrequest');
  if ((flags & FLAG.ownRequest) !== 0) marks.push('own request');
  if ((flags & FLAG.unlinked) !== 0) marks.push('unlinked');
  if (isTruncated(u32, u)) marks.push('truncated');
  if (hasLoss(u32, u)) marks.push('lost');
  return marks;
}

/** Bytes of the wire must not steer the terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}
