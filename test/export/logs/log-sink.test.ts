/** Events as OTLP logs: what a record says, the same in both encodings, and what answers mean. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LogSink } from '../../../src/export/logs/log-sink.ts';
import type { SendResult, Transport } from '../../../src/export/types.ts';
import type { StoreEvent } from '../../../src/store/events/types.ts';
import { eventOf, NOON_MS } from '../../store/events/events.ts';
import { decodeLogs, type LogRequest, plain, plainValue } from './decoder.ts';

const RESOURCE = { 'service.name': 'spantap', 'service.version': '1' };
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

class Journal implements Transport {
  readonly target = 'a collector';
  readonly bodies: Uint8Array[] = [];
  answer: SendResult = { kind: 'accepted', rejected: 0, message: '' };
  async send(body: Uint8Array): Promise<SendResult> {
    this.bodies.push(body);
    return this.answer;
  }
  close(): void {}
}

const event: StoreEvent = eventOf('Connection: [ingress via tcp] a → b', {
  timeMs: NOON_MS + 0.25,
  item: {
    meta: { connectionId: '7' },
    part: 3,
    finalized: true,
    source: { address: { ip: '10.0.0.1', port: 80 } },
    tags: { team: ['edge', 'web'] },
    duration: 1.5,
    nothing: undefined,
    bytesSent: 5e9,
  },
  attributes: { 'network.transport': 'tcp', 'process.pid': 12 },
  traceId: TRACE,
  spanId: SPAN,
});

async function requestOf(encoding: 'protobuf' | 'json', events: StoreEvent[]): Promise<LogRequest> {
  const transport = new Journal();
  const sink = new LogSink(transport, encoding, RESOURCE);
  const written = await sink.write(
    events.map((each) => sink.encode(each)),
    new AbortController().signal,
  );
  assert.deepEqual(written, { kind: 'stored', rejected: 0, message: '' });
  const [body = new Uint8Array(0)] = transport.bodies;
  return encoding === 'json' ? JSON.parse(Buffer.from(body).toString()) : decodeLogs(body);
}

for (const encoding of ['protobuf', 'json'] as const) {
  describe(`a log record, ${encoding}`, () => {
    test("has the event's time, text and span, and its keys in one attribute", async () => {
      const request = await requestOf(encoding, [event]);
      const [logs] = request.resourceLogs;
      assert(logs);
      assert.deepEqual(plain(logs.resource.attributes), RESOURCE);
      assert.equal(logs.scopeLogs[0]?.scope.name, 'spantap');
      const [record] = logs.scopeLogs[0]?.logRecords ?? [];
      assert(record);
      assert.equal(record.timeUnixNano, `${NOON_MS}250000`);
      assert.match(record.observedTimeUnixNano, /^\d{19}$/);
      assert.deepEqual([record.severityNumber, record.severityText], [9, 'INFO']);
      assert.equal(record.eventName, 'spantap.connection');
      assert.equal(plainValue(record.body), event.title);
      assert.deepEqual([record.traceId, record.spanId], [TRACE, SPAN]);
      assert.deepEqual(plain(record.attributes), {
        'event.type': 'connection',
        'network.transport': 'tcp',
        'process.pid': 12,
        event: {
          'meta.connectionId': '7',
          part: 3,
          finalized: true,
          'source.address.ip': '10.0.0.1',
          'source.address.port': 80,
          'tags.team': ['edge', 'web'],
          duration: 1.5,
          bytesSent: 5e9,
        },
      });
    });

    test('of a connection belongs to no span', async () => {
      const request = await requestOf(encoding, [eventOf('a')]);
      const [record] = request.resourceLogs[0]?.scopeLogs[0]?.logRecords ?? [];
      assert.deepEqual([record?.traceId, record?.spanId], [undefined, undefined]);
    });

    test('stands with others under one resource, in their order', async () => {
      const request = await requestOf(encoding, [eventOf('a'), eventOf('b')]);
      const records = request.resourceLogs[0]?.scopeLogs[0]?.logRecords ?? [];
      assert.deepEqual(
        records.map(({ body }) => plainValue(body)),
        ['a', 'b'],
      );
    });
  });
}

test('what the collector answers is handed on', async () => {
  const transport = new Journal();
  const sink = new LogSink(transport, 'protobuf', RESOURCE);
  const write = () => sink.write([sink.encode(event)], new AbortController().signal);
  transport.answer = { kind: 'accepted', rejected: 1, message: 'old' };
  assert.deepEqual(await write(), { kind: 'stored', rejected: 1, message: 'old' });
  transport.answer = { kind: 'retry', reason: '503', afterMs: 7 };
  assert.deepEqual(await write(), transport.answer);
  transport.answer = { kind: 'refused', reason: '400' };
  assert.deepEqual(await write(), transport.answer);
});
