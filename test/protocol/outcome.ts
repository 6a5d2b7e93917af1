/** Plays events through the HTTP/1 stage and keeps what it reports. */
import assert from 'node:assert/strict';
import type { CloseEvent, Connection, DataEvent } from '../../src/capture/types.ts';
import {
  type BodyLimits,
  bodyLimitsOf,
  type CapturedBody,
} from '../../src/handoff/captured-body.ts';
import { targetOf } from '../../src/handoff/head.ts';
import { Http1Stage } from '../../src/protocol/http1/stage.ts';
import type { Exchange, ExchangeSink } from '../../src/protocol/types.ts';
import { PendingBodies } from '../../src/store/pending-bodies.ts';
import { type CounterName, Counters } from '../../src/telemetry/counters.ts';
import type { Wire } from './wire.ts';

const BODIES = { memoryBytesMax: 16 * 1024 * 1024, diskBytesMax: 0, filesMax: 0 };

/** What is kept of a body that is small. */
export function keptOf(body: CapturedBody | null): Buffer | null {
  if (body === null) return null;
  const bytes = Buffer.alloc(body.keptBytes);
  body.copyTo(bytes, 0);
  return bytes;
}

/** Checks the order of calls while it records them. */
export class Outcome implements ExchangeSink {
  readonly counters = new Counters();
  readonly bodies = new PendingBodies(BODIES, this.counters);
  readonly begun: Exchange[] = [];
  readonly ended: Exchange[] = [];
  readonly ignored: Connection[] = [];
  lostExchanges = 0;

  request(exchange: Exchange): void {
    assert.equal(exchange.end, null);
    assert.equal(this.begun.includes(exchange), false, 'a request is told once');
    this.begun.push(exchange);
  }

  response(exchange: Exchange): void {
    assert.ok(this.begun.includes(exchange), 'the request is told first');
    assert.notEqual(exchange.response, null);
    assert.equal(exchange.end, null);
  }

  end(exchange: Exchange): void {
    assert.ok(this.begun.includes(exchange), 'the request is told first');
    assert.equal(this.ended.includes(exchange), false, 'an end is told once');
    assert.notEqual(exchange.end, null);
    this.ended.push(exchange);
  }

  lost(_connection: Connection, exchanges: number): void {
    this.lostExchanges += exchanges;
  }

  count(name: CounterName): number {
    return this.counters.get(name);
  }

  /** Every exchange that was on the connection, whatever became of it. */
  get accounted(): number {
    return (
      this.ended.length +
      this.count('lost.exchanges') +
      this.count('dropped.unpaired') +
      this.count('dropped.pipelined') +
      this.count('dropped.headless') +
      this.count('dropped.invalid')
    );
  }

  /** One line per exchange, in the order in which they ended. */
  get lines(): string[] {
    return this.ended.map(describeExchange);
  }
}

/** "ordinal method target status end", then what is not zero. */
export function describeExchange(exchange: Exchange): string {
  const words: (string | number)[] = [
    exchange.ordinal,
    exchange.method,
    targetOf(exchange.request.bytes),
    exchange.status,
    exchange.end ?? 'open',
  ];
  if (exchange.requestBodyBytes > 0) words.push(`request=${exchange.requestBodyBytes}`);
  if (exchange.responseBodyBytes > 0) words.push(`response=${exchange.responseBodyBytes}`);
  if (exchange.interimResponses > 0) words.push(`interim=${exchange.interimResponses}`);
  if (exchange.isRequestTruncated) words.push('request-truncated');
  if (exchange.isResponseTruncated) words.push('response-truncated');
  if (exchange.isRequestSizeInexact) words.push('request-size-inexact');
  if (exchange.isResponseSizeInexact) words.push('response-size-inexact');
  if (exchange.hasLoss) words.push('loss');
  return words.join(' ');
}

/** One buffer for all payloads, overwritten after each event as the capture stage does. */
const BATCH = Buffer.alloc(1 << 20);

/** `close`: undefined leaves the connection open. */
export function play(
  wire: Wire,
  events: readonly DataEvent[],
  close: CloseEvent | undefined,
  bodyBytesMax: number | BodyLimits = 0,
): Outcome {
  const outcome = new Outcome();
  const { counters } = outcome;
  const stage = new Http1Stage(outcome, {
    counters,
    bodies: outcome.bodies,
    bodyLimits: typeof bodyBytesMax === 'number' ? bodyLimitsOf(bodyBytesMax) : bodyBytesMax,
    onTunnel: (connection) => outcome.ignored.push(connection),
  });
  const connection: Connection = { ...wire.connection, protocol: null };
  stage.open(connection, 0);
  for (const event of events) stage.data(connection, inBatch(event));
  if (close !== undefined) stage.close(connection, close);
  assert.equal(outcome.lostExchanges, counters.get('lost.exchanges'));
  return outcome;
}

/** Plays all that the wire recorded, then its close. */
export function playAll(wire: Wire, bodyBytesMax = 0): Outcome {
  return play(wire, wire.events, wire.close(), bodyBytesMax);
}

/** The event with its payload somewhere in the shared batch, between bytes of others. */
function inBatch(event: DataEvent): DataEvent {
  const start = 104;
  BATCH.fill(0x0a);
  const shownBytes = Math.max(event.copiedBytes, event.tailBytes);
  BATCH.set(event.bytes.subarray(event.payloadStart, event.payloadStart + shownBytes), start);
  return { ...event, bytes: BATCH, payloadStart: start, payloadEnd: start + event.copiedBytes };
}
