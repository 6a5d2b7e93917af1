import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { GrpcTransport } from '../../src/export/transport/grpc.ts';
import { retryAfterMs, retryInfoMs } from '../../src/export/transport/retry-after.ts';
import { withEnvironment } from './environment.ts';
import { type GrpcAnswer, GrpcReceiver, partialSuccess } from './receiver.ts';

const BODY = Buffer.from([]);
const open = new AbortController().signal;

async function setUp(t: TestContext, answers: GrpcAnswer[], variables = {}) {
  const receiver = new GrpcReceiver();
  receiver.answers = answers;
  const port = await receiver.listen();
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
  const transport = await withEnvironment({ ...endpoint, ...variables }, () => new GrpcTransport());
  t.after(() => {
    transport.close();
    receiver.close();
  });
  return { receiver, transport };
}

/** google.rpc.Status with RetryInfo among other details, encoded by protobufjs. */
function statusDetails(seconds: number, nanos: number): Buffer {
  const root = protobuf.parse(`syntax = "proto3";
    message Any { string type_url = 1; bytes value = 2; }
    message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
    message Duration { int64 seconds = 1; int32 nanos = 2; }
    message RetryInfo { Duration retry_delay = 1; }
  `).root;
  const encode = (type: string, value: object): Uint8Array => {
    const found = root.lookupType(type);
    return found.encode(found.fromObject(value)).finish();
  };
  const details = [
    { type_url: 'type.googleapis.com/google.rpc.DebugInfo', value: Buffer.from('x') },
    {
      type_url: 'type.googleapis.com/google.rpc.RetryInfo',
      value: encode('RetryInfo', { retryDelay: { seconds, nanos } }),
    },
  ].map(({ type_url, value }) => ({ typeUrl: type_url, value }));
  return Buffer.from(encode('Status', { code: 14, message: 'busy', details }));
}

function withDetails(details: Buffer): grpc.Metadata {
  const metadata = new grpc.Metadata();
  metadata.set('grpc-status-details-bin', details);
  return metadata;
}

describe('one call', () => {
  test('carries the bytes and the configured headers', async (t) => {
    const { receiver, transport } = await setUp(t, [{}], {
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue',
    });
    const body = Buffer.from('0a00', 'hex');
    assert.deepEqual(await transport.send(body, open), {
      kind: 'accepted',
      rejected: 0,
      message: '',
    });
    assert.deepEqual(receiver.received[0]?.body, body);
    assert.deepEqual(receiver.received[0]?.metadata.get('x-tenant'), ['blue']);
    assert.match(String(receiver.received[0]?.metadata.get('user-agent')), /spantap\//);
  });

  test('is compressed when asked for, and arrives', async (t) => {
    const { receiver, transport } = await setUp(t, [{}], {
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    });
    const body = Buffer.alloc(100_000, 'a');
    assert.equal((await transport.send(body, open)).kind, 'accepted');
    assert.deepEqual(receiver.received[0]?.body, body);
  });
});

describe('what the collector answers', () => {
  const judge = async (t: TestContext, answer: GrpcAnswer) => {
    const { transport, receiver } = await setUp(t, [answer]);
    const result = await transport.send(BODY, open);
    assert.equal(receiver.received.length, 1, 'sent once');
    return result;
  };

  for (const name of [
    'CANCELLED',
    'DEADLINE_EXCEEDED',
    'ABORTED',
    'OUT_OF_RANGE',
    'UNAVAILABLE',
    'DATA_LOSS',
  ] as const) {
    test(`${name} may be sent again`, async (t) => {
      const result = await judge(t, { code: grpc.status[name] });
      assert.ok(result.kind === 'retry' && result.afterMs === undefined, JSON.stringify(result));
    });
  }

  for (const name of [
    'INVALID_ARGUMENT',
    'UNAUTHENTICATED',
    'UNIMPLEMENTED',
    'INTERNAL',
    'RESOURCE_EXHAUSTED',
  ] as const) {
    test(`${name} is refused`, async (t) => {
      const result = await judge(t, { code: grpc.status[name], details: 'because' });
      assert.ok(result.kind === 'refused' && result.reason.includes('because'));
    });
  }

  for (const name of ['UNAVAILABLE', 'RESOURCE_EXHAUSTED'] as const) {
    test(`${name} with RetryInfo says when`, async (t) => {
      const metadata = withDetails(statusDetails(3, 250_000_000));
      const result = await judge(t, { code: grpc.status[name], metadata });
      assert.ok(result.kind === 'retry');
      assert.equal(result.afterMs, 3_250);
    });
  }

  test('RetryInfo does not make a refusal retryable', async (t) => {
    const metadata = withDetails(statusDetails(1, 0));
    const result = await judge(t, { code: grpc.status.INVALID_ARGUMENT, metadata });
    assert.equal(result.kind, 'refused');
  });

  test('partial success says how many were rejected, request by request', async (t) => {
    const { transport } = await setUp(t, [{ body: partialSuccess(3, 'too old') }, {}]);
    assert.deepEqual(await transport.send(BODY, open), {
      kind: 'accepted',
      rejected: 3,
      message: 'too old',
    });
    assert.deepEqual(await transport.send(BODY, open), {
      kind: 'accepted',
      rejected: 0,
      message: '',
    });
  });

  test('JSON of a run with another protocol is refused, with the reason', async (t) => {
    const { transport, receiver } = await setUp(t, [{}]);
    const result = await transport.send(BODY, open, 'json');
    assert.deepEqual(result, { kind: 'refused', reason: 'gRPC does not carry JSON' });
    assert.equal(receiver.received.length, 0);
    assert.equal((await transport.send(BODY, open, 'protobuf')).kind, 'accepted');
  });

  test('nobody there may be tried again', async () => {
    const receiver = new GrpcReceiver();
    const port = await receiver.listen();
    receiver.close();
    const transport = await withEnvironment(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_EXPORTER_OTLP_TIMEOUT: '5000',
      },
      () => new GrpcTransport(),
    );
    const result = await transport.send(BODY, open);
    assert.equal(result.kind, 'retry');
    transport.close();
  });

  test('an abort is answered at once', async (t) => {
    const { transport } = await setUp(t, [{}]);
    const controller = new AbortController();
    const sent = transport.send(BODY, controller.signal);
    controller.abort();
    assert.equal((await sent).kind, 'retry');
    assert.equal((await transport.send(BODY, controller.signal)).kind, 'retry');
  });
});

describe('RetryInfo', () => {
  test('without a delay means at once', () => {
    assert.equal(retryInfoMs(statusDetails(0, 0)), 0);
  });

  test('that is damaged anywhere never throws', () => {
    const whole = statusDetails(3, 5);
    for (let end = 0; end < whole.length; end++) retryInfoMs(whole.subarray(0, end));
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = 0xff;
      retryInfoMs(damaged);
    }
    assert.equal(retryInfoMs(Buffer.alloc(0)), undefined);
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  for (const [value, expected] of [
    [undefined, undefined],
    ['0', 0],
    ['120', 120_000],
    [' 5 ', 5_000],
    ['Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
    ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['-1', undefined],
  ] as const) {
    test(String(value), () => {
      assert.equal(retryAfterMs(value, now), expected);
    });
  }
});
