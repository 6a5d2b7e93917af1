import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { chooseExporter, type ExporterChoice } from '../../src/export/choose.ts';
import { AgentError } from '../../src/telemetry/agent-error.ts';

/** `open`: host:port of what listens. */
const choose = (env: Record<string, string>, ...open: string[]): Promise<ExporterChoice> =>
  chooseExporter(env, async (host, port) => open.includes(`${host}:${port}`));

describe('spans go', () => {
  const cases: readonly (readonly [string, Record<string, string>, string[], string[], string])[] =
    [
      ['to the terminal when nothing is there', {}, [], ['console'], 'http/protobuf'],
      ['to a collector on 4318', {}, ['127.0.0.1:4318'], ['otlp'], 'http/protobuf'],
      ['to one on IPv6', {}, ['::1:4318'], ['otlp'], 'http/protobuf'],
      ['to one on 4317 by gRPC', {}, ['127.0.0.1:4317'], ['otlp'], 'grpc'],
      [
        'by HTTP when both listen',
        {},
        ['127.0.0.1:4317', '127.0.0.1:4318'],
        ['otlp'],
        'http/protobuf',
      ],
      [
        'by the protocol that is configured',
        { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
        ['127.0.0.1:4317', '127.0.0.1:4318'],
        ['otlp'],
        'grpc',
      ],
      [
        'to the terminal when only another protocol listens',
        { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
        ['127.0.0.1:4318'],
        ['console'],
        'grpc',
      ],
      [
        'to a configured endpoint, whatever listens',
        { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://far:4318' },
        ['127.0.0.1:4317'],
        ['otlp'],
        'http/protobuf',
      ],
      [
        'by JSON to an endpoint of the traces',
        {
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://far:4318/v1/traces',
          OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
          OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
        },
        [],
        ['otlp'],
        'http/json',
      ],
      [
        'to the terminal when asked',
        { OTEL_TRACES_EXPORTER: 'console', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://far' },
        ['127.0.0.1:4318'],
        ['console'],
        'http/protobuf',
      ],
      [
        'nowhere when asked',
        { OTEL_TRACES_EXPORTER: 'none' },
        ['127.0.0.1:4318'],
        [],
        'http/protobuf',
      ],
      ['to OTLP when asked', { OTEL_TRACES_EXPORTER: 'otlp' }, [], ['otlp'], 'http/protobuf'],
      [
        'to both',
        { OTEL_TRACES_EXPORTER: 'otlp, console' },
        [],
        ['otlp', 'console'],
        'http/protobuf',
      ],
      [
        'as if unset when it is empty',
        { OTEL_TRACES_EXPORTER: ' ' },
        [],
        ['console'],
        'http/protobuf',
      ],
    ];
  for (const [name, env, open, kinds, protocol] of cases) {
    test(name, async () => {
      const choice = await choose(env, ...open);
      assert.deepEqual([choice.kinds, choice.protocol], [kinds, protocol]);
      assert.ok(choice.reason.length > 0);
    });
  }
});

test('the reason shows no credentials of the endpoint', async () => {
  const choice = await choose({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:s3cret@far:4318' });
  assert.equal(choice.reason, 'the endpoint is http://far:4318');
});

for (const env of [
  { OTEL_TRACES_EXPORTER: 'zipkin' },
  { OTEL_EXPORTER_OTLP_PROTOCOL: 'http' },
  { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'GRPC' },
]) {
  test(`${JSON.stringify(env)} is a clear error`, async () => {
    await assert.rejects(choose(env as unknown as Record<string, string>), (error) => {
      assert.ok(error instanceof AgentError);
      assert.equal(error.code, 'config');
      assert.match(error.message, new RegExp(Object.values(env)[0] as string));
      return true;
    });
  });
}

test('whether somebody listens is found out by connecting', async (t) => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { canConnect } = await import('../../src/export/choose.ts');
  assert.equal(await canConnect('127.0.0.1', port), true);
  server.close();
  await once(server, 'close');
  assert.equal(await canConnect('127.0.0.1', port), false);
});
