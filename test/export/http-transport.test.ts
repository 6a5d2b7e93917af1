import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { HttpTransport } from '../../src/export/transport/http.ts';
import { withEnvironment } from './environment.ts';
import { type Answer, HttpReceiver, partialSuccess } from './receiver.ts';

const PROTOBUF = 'application/x-protobuf';
const BODY = Buffer.from('not empty');
const open = new AbortController().signal;

async function setUp(
  t: TestContext,
  answers: Answer[],
  variables: Record<string, string> = {},
  contentType = PROTOBUF,
): Promise<{ receiver: HttpReceiver; transport: HttpTransport }> {
  const receiver = new HttpReceiver();
  receiver.answers = answers;
  const port = await receiver.listen();
  const endpoint = `http://127.0.0.1:${port}`;
  const transport = await withEnvironment(
    { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...variables },
    () => new HttpTransport(contentType),
  );
  t.after(async () => {
    transport.close();
    await receiver.close();
  });
  return { receiver, transport };
}

describe('one POST', () => {
  test('goes to /v1/traces of the endpoint with the configured headers', async (t) => {
    const { receiver, transport } = await setUp(t, [{}], {
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=a%20b,shared=1',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'shared=2',
    });
    assert.deepEqual(await transport.send(BODY, open), {
      kind: 'accepted',
      rejected: 0,
      message: '',
    });
    const [{ path, headers, body } = assert.fail()] = receiver.received;
    assert.equal(path, '/v1/traces');
    assert.equal(headers['content-type'], PROTOBUF);
    assert.equal(headers['x-tenant'], 'a b');
    assert.equal(headers.shared, '2');
    assert.match(String(headers['user-agent']), /^spantap\//);
    assert.deepEqual(body, BODY);
  });

  test('is compressed when asked for', async (t) => {
    const { receiver, transport } = await setUp(t, [{}], {
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    });
    const body = Buffer.alloc(10_000, 'a');
    assert.equal((await transport.send(body, open)).kind, 'accepted');
    assert.equal(receiver.received[0]?.headers['content-encoding'], 'gzip');
    assert.ok(Number(receiver.received[0]?.headers['content-length']) < 1_000);
    assert.deepEqual(receiver.received[0]?.body, body);
  });

  test('says how its body is encoded, and reads the answer so', async (t) => {
    const { receiver, transport } = await setUp(t, [
      { body: '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"old"}}' },
      { body: partialSuccess(3, 'older') },
    ]);
    const json = await transport.send(Buffer.from('{}'), open, 'json');
    assert.deepEqual(json, { kind: 'accepted', rejected: 2, message: 'old' });
    const protobuf = await transport.send(BODY, open, 'protobuf');
    assert.deepEqual(protobuf, { kind: 'accepted', rejected: 3, message: 'older' });
    const types = receiver.received.map(({ headers }) => headers['content-type']);
    assert.deepEqual(types, ['application/json', PROTOBUF]);
  });

  test('keeps its connection for the next one', async (t) => {
    const { receiver, transport } = await setUp(t, [{}]);
    await transport.send(BODY, open);
    await transport.send(BODY, open);
    assert.equal(receiver.received[1]?.headers.connection, 'keep-alive');
  });
});

describe('what the collector answers', () => {
  const judge = async (t: TestContext, answer: Answer, contentType = PROTOBUF) => {
    const { transport, receiver } = await setUp(t, [answer], {}, contentType);
    const result = await transport.send(BODY, open);
    assert.equal(receiver.received.length, 1, 'sent once');
    return result;
  };

  for (const status of [429, 502, 503, 504]) {
    test(`${status} may be sent again`, async (t) => {
      assert.deepEqual(await judge(t, { status }), {
        kind: 'retry',
        reason: `HTTP ${status}`,
        afterMs: undefined,
      });
    });
  }

  for (const status of [301, 400, 401, 404, 413, 500, 501]) {
    test(`${status} is refused`, async (t) => {
      const result = await judge(t, { status, body: 'because' });
      assert.deepEqual(result, { kind: 'refused', reason: `HTTP ${status}: because` });
    });
  }

  test('Retry-After in seconds and as a date is passed on', async (t) => {
    const seconds = await judge(t, { status: 503, headers: { 'Retry-After': '7' } });
    assert.deepEqual(seconds, { kind: 'retry', reason: 'HTTP 503', afterMs: 7_000 });
    const soon = new Date(Date.now() + 60_000).toUTCString();
    const date = await judge(t, { status: 429, headers: { 'Retry-After': soon } });
    assert.ok(date.kind === 'retry' && date.afterMs !== undefined);
    assert.ok(date.afterMs > 50_000 && date.afterMs <= 60_000, String(date.afterMs));
  });

  test('partial success says how many were rejected, in protobuf and in JSON', async (t) => {
    const expected = { kind: 'accepted', rejected: 3, message: 'too old' };
    assert.deepEqual(await judge(t, { body: partialSuccess(3, 'too old') }), expected);
    const body = JSON.stringify({
      partialSuccess: { rejectedSpans: '3', errorMessage: 'too old' },
    });
    assert.deepEqual(await judge(t, { body }, 'application/json'), expected);
  });

  test('an answer that is not protobuf is still a yes', async (t) => {
    const result = await judge(t, { body: 'OK\n' });
    assert.equal(result.kind, 'accepted');
  });

  test('an endless answer is refused at the limit', async (t) => {
    const result = await judge(t, { body: Buffer.alloc(4 * 1024 * 1024 + 1) });
    assert.deepEqual(result, {
      kind: 'refused',
      reason: 'HTTP 200 with an answer beyond the limit',
    });
  });

  test('a connection that is cut may be tried again', async (t) => {
    const result = await judge(t, { isCut: true });
    assert.equal(result.kind, 'retry');
  });

  test('silence ends with the timeout', async (t) => {
    const { transport } = await setUp(t, [{ isSilent: true }], {
      OTEL_EXPORTER_OTLP_TIMEOUT: '50',
    });
    assert.deepEqual(await transport.send(BODY, open), {
      kind: 'retry',
      reason: 'no answer within 50 ms',
      afterMs: undefined,
    });
  });

  test('an answer that comes early counts when the body was sent whole', async (t) => {
    const body = Buffer.alloc(16 * 1024 * 1024, 1);
    const whole = Promise.withResolvers<void>();
    let receivedBytes = 0;
    let isSpoiled = false;
    const server = createServer((socket) => {
      socket.once('data', () => {
        socket.pause();
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        setTimeout(() => socket.resume(), 20);
      });
      socket.on('data', (bytes) => {
        receivedBytes += bytes.length;
        isSpoiled ||= bytes.includes(2);
        if (receivedBytes > body.length) whole.resolve();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const transport = await withEnvironment(
      { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
      () => new HttpTransport(PROTOBUF),
    );
    t.after(() => {
      transport.close();
      server.close();
    });
    const result = await transport.send(body, open);
    body.fill(2);
    await whole.promise;
    assert.equal(result.kind, 'accepted');
    assert.ok(!isSpoiled, 'read after the answer');
  });

  test('nobody there may be tried again', async () => {
    const receiver = new HttpReceiver();
    const port = await receiver.listen();
    await receiver.close();
    const transport = await withEnvironment(
      { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
      () => new HttpTransport(PROTOBUF),
    );
    const result = await transport.send(BODY, open);
    assert.ok(result.kind === 'retry' && result.reason.includes('ECONNREFUSED'));
  });
});
