/**
 * Programs that trace themselves are recognised by sending OTLP over HTTP (`POST .../v1/traces`).
 * A proxy or collector that receives such requests sends other programs' spans on, so it does not
 * count.
 */
import type { Exchange } from '../protocol/types.ts';
import { requestLineBytes } from './headers.ts';

const TRACES = Buffer.from('/v1/traces HTTP/1.', 'latin1');

/** A finished request that delivered spans. */
export function isTraceExport(exchange: Exchange<unknown>): boolean {
  if (exchange.role !== 'client' || exchange.method !== 'POST') return false;
  return exchange.status >= 200 && exchange.status < 300 && isForTraces(exchange.request.bytes);
}

export function isTraceRelay(exchange: Exchange<unknown>): boolean {
  return exchange.method === 'POST' && isForTraces(exchange.request.bytes);
}

function isForTraces(head: Buffer): boolean {
  const start = requestLineBytes(head) - TRACES.length - 1;
  return start > 0 && head.compare(TRACES, 0, TRACES.length, start, start + TRACES.length) === 0;
}
