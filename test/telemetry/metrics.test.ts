import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, test } from 'node:test';
import { Counters } from '../../src/telemetry/counters.ts';
import { startMetrics, wantsMetrics } from '../../src/telemetry/metrics.ts';
import { withEnvironment } from '../export/environment.ts';

describe('own metrics are wanted', () => {
  for (const [env, expected] of [
    [{}, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }, true],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://localhost:4318/v1/metrics' }, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://localhost:4318/v1/traces' }, false],
    [{ OTEL_METRICS_EXPORTER: 'prometheus' }, true],
    [
      { OTEL_METRICS_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' },
      false,
    ],
  ] as const) {
    test(`${JSON.stringify(env)}: ${expected}`, () => assert.equal(wantsMetrics(env), expected));
  }
});

test('nothing is started when nobody wants them', async () => {
  assert.equal(await startMetrics({}, '1', () => new Counters()), undefined);
});

test('every counter arrives at the endpoint as a metric of the service spantap', async (t) => {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString());
      response.end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const counters = new Counters();
  counters.add('dropped.export_queue', 17);
  const variables = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  };
  await withEnvironment(variables, async () => {
    const metrics = await startMetrics(process.env, '9.9.9', () => counters);
    await metrics?.stop();
  });
  assert.equal(bodies.length, 1);
  const [{ resource, scopeMetrics }] = JSON.parse(bodies[0] ?? '').resourceMetrics;
  const attributes = Object.fromEntries(
    resource.attributes.map((each: { key: string; value: object }) => [each.key, each.value]),
  );
  assert.deepEqual(attributes['service.name'], { stringValue: 'spantap' });
  assert.deepEqual(attributes['service.version'], { stringValue: '9.9.9' });
  const metric = scopeMetrics[0].metrics.find(
    (each: { name: string }) => each.name === 'spantap.dropped.export_queue',
  );
  assert.equal(metric.sum.isMonotonic, true);
  assert.equal(Number(metric.sum.dataPoints[0].asInt ?? metric.sum.dataPoints[0].asDouble), 17);
});
