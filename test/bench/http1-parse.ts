/**
 * Nanoseconds per request and response through the HTTP/1 stage: heads of 433 and 293 bytes as in
 * the method of the capture measurements, CPU time of the process, no network. `node test/bench/http1-parse.ts`.
 */
import type { Connection, DataEvent } from '../../src/capture/types.ts';
import { Http1Stage } from '../../src/protocol/http1/stage.ts';
import type { ExchangeSink } from '../../src/protocol/types.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { Wire } from '../protocol/wire.ts';

const REQUEST_BYTES = 433;
const RESPONSE_BYTES = 293;
const CONNECTIONS = 64;
const PAIRS = 400_000;
const ROUNDS = 7;

function padded(lines: readonly string[], lenBytes: number): string {
  const text = `${lines.join('\r\n')}\r\nX-Pad: `;
  return `${text}${'p'.repeat(lenBytes - text.length - 4)}\r\n\r\n`;
}

const request = padded(
  [
    'GET /api/v1/orders/42?expand=items HTTP/1.1',
    'Host: shop.example.com',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    'Accept: application/json, text/plain, */*',
    'Accept-Language: en-US,en;q=0.5',
    'Accept-Encoding: gzip, deflate, br',
    'X-Request-Id: 8f14e45fceea167a5a36dedd4bea2543',
    'X-Forwarded-For: 203.0.113.7',
    'Connection: keep-alive',
  ],
  REQUEST_BYTES,
);
const response = padded(
  [
    'HTTP/1.1 200 OK',
    'Server: nginx',
    'Date: Sat, 21 Nov 2026 10:00:00 GMT',
    'Content-Type: application/json',
    'Content-Length: 0',
    'Connection: keep-alive',
    'Cache-Control: no-store',
    'X-Request-Id: 8f14e45fceea167a5a36dedd4bea2543',
  ],
  RESPONSE_BYTES,
);

/** Keeps the last exchanges alive, as linking does. */
class Ring implements ExchangeSink {
  readonly #kept: unknown[] = new Array(1024).fill(null);
  ended = 0;

  request(): void {}
  response(): void {}
  end(exchange: unknown): void {
    this.#kept[this.ended++ & 1023] = exchange;
  }
  lost(): void {}
}

function connections(stage: Http1Stage): Connection[] {
  return Array.from({ length: CONNECTIONS }, (_, index) => {
    const role = index % 2 === 0 ? 'server' : 'client';
    const connection: Connection = { ...new Wire({ role }).connection, id: index };
    stage.open(connection, 0);
    return connection;
  });
}

/** One event object, as decode has it: reused, its payload somewhere in a batch of 1 MiB. */
function eventIn(batch: Uint8Array): DataEvent {
  const [event] = new Wire().read('').events;
  return { ...event, bytes: batch };
}

function run(pairs: number): number {
  const sink = new Ring();
  const stage = new Http1Stage(sink, { counters: new Counters() });
  const open = connections(stage);
  const batch = new Uint8Array(1 << 20);
  const text = Buffer.from(batch.buffer);
  const event = eventIn(batch);
  const stride = 1024;
  for (let at = 0; at + stride <= batch.length; at += stride) {
    text.write(request, at, 'latin1');
    text.write(response, at + 512, 'latin1');
  }
  const started = process.cpuUsage();
  for (let pair = 0; pair < pairs; pair++) {
    const connection = open[pair % CONNECTIONS];
    const turn = 2 * Math.floor(pair / CONNECTIONS) + 1;
    const at = (pair * stride) % batch.length;
    send(stage, connection, event, connection.role === 'client', turn, at, REQUEST_BYTES);
    send(
      stage,
      connection,
      event,
      connection.role === 'server',
      turn + 1,
      at + 512,
      RESPONSE_BYTES,
    );
  }
  const { user, system } = process.cpuUsage(started);
  const elapsed = (user + system) * 1000;
  if (sink.ended !== pairs) throw new Error(`${sink.ended} of ${pairs} exchanges ended`);
  return elapsed / pairs;
}

function send(
  stage: Http1Stage,
  connection: Connection,
  event: DataEvent,
  isWrite: boolean,
  turn: number,
  at: number,
  lenBytes: number,
): void {
  event.timeNs = turn * 1000;
  event.isWrite = isWrite;
  event.position = ((turn - 1) >> 1) * lenBytes;
  event.lenBytes = lenBytes;
  event.copiedBytes = lenBytes;
  event.turn = turn;
  event.flags = 1 << 5;
  event.payloadStart = at;
  event.payloadEnd = at + lenBytes;
  stage.data(connection, event);
}

run(PAIRS / 4);
const rounds = Array.from({ length: ROUNDS }, () => run(PAIRS)).sort((a, b) => a - b);
const median = rounds[ROUNDS >> 1];
console.log(
  JSON.stringify({
    nsPerPair: Math.round(median),
    nsPerPairLeast: Math.round(rounds[0]),
    requestBytes: REQUEST_BYTES,
    responseBytes: RESPONSE_BYTES,
    pairs: PAIRS,
    node: process.version,
  }),
);
