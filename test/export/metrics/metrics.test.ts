/** All parts together: over OTLP to a receiver, and from the endpoint. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { Metrics, type MetricsParts } from '../../../src/export/metrics/metrics.ts';
import type { Wanted } from '../../../src/export/metrics/readers.ts';
import { AgentError } from '../../../src/telemetry/agent-error.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { HttpReceiver } from '../receiver.ts';
import { toBatch } from '../rows.ts';
import { fixedClock } from '../stage.ts';
import { decodeMetrics } from './otlp-schema.ts';
import { KEPT, SHOP } from './stage.ts';

const NOWHERE = { endpoint: '127.0.0.1:0', enabled: false };
const ANYWHERE = { endpoint: '127.0.0.1:0', enabled: true };

interface Scene {
  readonly counters: Counters;
  readonly lines: string[];
  readonly printed: string[];
  start(wanted: Partial<Wanted>, parts?: Partial<MetricsParts>): Promise<Metrics>;
}

function createScene(t: TestContext): Scene {
  const counters = new Counters();
  const lines: string[] = [];
  const printed: string[] = [];
  const say = (line: string) => lines.push(line);
  const shop = { attributes: { ...SHOP, 'process.pid': 7 } };
  const start = async (wanted: Partial<Wanted>, parts: Partial<MetricsParts> = {}) => {
    const metrics = await Metrics.start(
      { env: {}, telemetry: NOWHERE, isEndpointAsked: true, ...wanted },
      {
        version: '9.9.9',
        counters,
        allCounters: () => counters,
        clock: fixedClock(),
        resourceOf: () => shop,
        isReady: () => true,
        log: { debug: say, info: say, warn: say, error: say },
        out: { write: (text) => printed.push(text) },
        ...parts,
      },
    );
    t.after(() => metrics.stop());
    return metrics;
  };
  return { counters, lines, printed, start };
}

/** Takes every request, and answers with `body`. */
async function receive(
  t: TestContext,
  body = '',
): Promise<{ receiver: HttpReceiver; url: string }> {
  const receiver = new HttpReceiver();
  receiver.answers = [{ body }];
  const port = await receiver.listen();
  t.after(() => receiver.close());
  return { receiver, url: `http://127.0.0.1:${port}` };
}

const ROWS = toBatch([{ status: 200 }, { client: true }]);

describe('over OTLP', () => {
  interface Decoded {
    readonly resourceMetrics: {
      readonly resource: { readonly attributes: readonly { key: string; value: object }[] };
      readonly scopeMetrics: readonly { readonly metrics: readonly { name: string }[] }[];
    }[];
  }

  for (const [protocol, type, decode] of [
    ['http/json', 'application/json', (body: Buffer) => JSON.parse(body.toString())],
    ['http/protobuf', 'application/x-protobuf', decodeMetrics],
  ] as const) {
    test(`${protocol}: agent and services are resources of one request`, async (t) => {
      const { receiver, url } = await receive(t, protocol === 'http/json' ? '{}' : '');
      const { start, counters } = createScene(t);
      counters.add('dropped.export_queue', 17);
      const env = {
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      };
      const metrics = await start({ env });
      metrics.http?.add(ROWS, KEPT);
      await metrics.stop();
      const [request, ...others] = receiver.received;
      assert.deepEqual(others, []);
      assert.deepEqual([request?.path, request?.headers['content-type']], ['/v1/metrics', type]);
      const [agent, shop] = (decode(request?.body ?? Buffer.of()) as Decoded).resourceMetrics;
      const attributes = Object.fromEntries(
        agent?.resource.attributes.map(({ key, value }) => [key, Object.values(value)[0]]) ?? [],
      );
      assert.equal(attributes['service.name'], 'spantap');
      assert.equal(attributes['service.version'], '9.9.9');
      assert.equal(attributes['deployment.environment.name'], 'test');
      const own = agent?.scopeMetrics[0]?.metrics ?? [];
      const dropped = own.find(({ name }) => name === 'spantap.dropped.export_queue');
      assert.match(JSON.stringify(dropped), /"asInt":"17"/);
      assert.deepEqual(
        shop?.scopeMetrics[0]?.metrics.map(({ name }) => name),
        ['server', 'client'].flatMap((side) =>
          ['request.duration', 'request.body.size', 'response.body.size'].map(
            (name) => `http.${side}.${name}`,
          ),
        ),
      );
    });
  }

  test('points that the receiver rejects are counted', async (t) => {
    const partial = { partialSuccess: { rejectedDataPoints: '3', errorMessage: 'too old' } };
    const { receiver, url } = await receive(t, JSON.stringify(partial));
    const { start, counters } = createScene(t);
    const env = {
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${url}/mine`,
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json',
    };
    await (await start({ env })).stop();
    assert.equal(receiver.received[0]?.path, '/mine');
    assert.equal(counters.get('metrics.rejected_points'), 3);
  });

  test('the variables of the process are as before', async (t) => {
    const { start } = createScene(t);
    const before = { ...process.env };
    await start({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_X: 'y' } });
    assert.deepEqual({ ...process.env }, before);
  });

  test('an unknown protocol is an error', async (t) => {
    const { start } = createScene(t);
    const env = { OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'avian' };
    await assert.rejects(start({ env }), AgentError);
  });
});

test('on the console the text format is printed', async (t) => {
  const { start, printed } = createScene(t);
  const metrics = await start({ env: { OTEL_METRICS_EXPORTER: 'console' } });
  metrics.http?.add(ROWS, KEPT);
  await metrics.stop();
  assert.match(printed.join(''), /^http_server_request_duration_seconds_count{.*} 1$/m);
});

describe('the endpoint', () => {
  const get = (metrics: Metrics, path: string, accept = '*/*') =>
    fetch(`http://127.0.0.1:${metrics.port}${path}`, { headers: { accept } });

  test('serves metrics in the format that is wanted', async (t) => {
    const { start } = createScene(t);
    const metrics = await start({ telemetry: ANYWHERE });
    metrics.http?.add(ROWS, KEPT);
    const text = await get(metrics, '/metrics');
    assert.match(text.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    assert.ok(!(await text.text()).includes(' # {'));
    const open = await get(metrics, '/metrics', 'application/openmetrics-text');
    assert.match(open.headers.get('content-type') ?? '', /^application\/openmetrics-text/);
    assert.match(await open.text(), / # {trace_id="[0-9a-f]{32}",span_id="[0-9a-f]{16}"} 0\.002 /);
  });

  test('is ready when capture runs, and healthy before', async (t) => {
    const { start } = createScene(t);
    let runs = false;
    const metrics = await start({ telemetry: ANYWHERE }, { isReady: () => runs });
    assert.equal((await get(metrics, '/healthz')).status, 200);
    assert.equal((await get(metrics, '/readyz')).status, 503);
    runs = true;
    assert.equal((await get(metrics, '/readyz')).status, 200);
  });

  test('that is taken is an error when it was asked for, else a warning', async (t) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    t.after(() => other.close());
    const { port } = other.address() as { port: number };
    const telemetry = { endpoint: `127.0.0.1:${port}`, enabled: true };
    const { start, lines } = createScene(t);
    await assert.rejects(start({ telemetry, isEndpointAsked: true }), AgentError);
    const env = { OTEL_METRICS_EXPORTER: 'prometheus' };
    await assert.rejects(start({ telemetry, isEndpointAsked: false, env }), AgentError);
    const metrics = await start({ telemetry, isEndpointAsked: false });
    assert.equal(metrics.port, undefined);
    assert.equal(metrics.http, undefined);
    assert.match(lines.join('\n'), /another program listens there; going on without/);
  });

  test('is where the variables for Prometheus say', async (t) => {
    const { start, lines } = createScene(t);
    const env = { OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_PORT: '0' };
    const metrics = await start({ env });
    assert.ok(metrics.port !== undefined);
    assert.match(lines.join('\n'), /served on localhost:0/);
  });
});

describe('other settings', () => {
  test('move the endpoint and keep what was counted', async (t) => {
    const { start } = createScene(t);
    const metrics = await start({});
    const wanted = { env: {}, isEndpointAsked: true };
    await metrics.reconfigure({ ...wanted, telemetry: ANYWHERE });
    metrics.http?.add(ROWS, KEPT);
    const first = metrics.port;
    await metrics.reconfigure({ ...wanted, telemetry: ANYWHERE });
    assert.equal(metrics.port, first);
    await metrics.reconfigure({
      ...wanted,
      telemetry: { ...ANYWHERE, endpoint: 'localhost:0' },
    });
    assert.notEqual(metrics.port, first);
    const text = await (await fetch(`http://localhost:${metrics.port}/metrics`)).text();
    assert.match(text, /^http_server_request_duration_seconds_count{.*} 1$/m);
  });

  test('that are wrong change nothing', async (t) => {
    const { start } = createScene(t);
    const metrics = await start({ telemetry: ANYWHERE });
    const { port } = metrics;
    const env = { OTEL_METRICS_EXPORTER: 'nonsense' };
    const wanted = { env, telemetry: ANYWHERE, isEndpointAsked: true };
    await assert.rejects(metrics.reconfigure(wanted), AgentError);
    assert.equal(metrics.port, port);
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
  });
});

test('nothing is counted when nobody reads it', async (t) => {
  const { start } = createScene(t);
  const metrics = await start({});
  assert.equal(metrics.http, undefined);
  assert.equal(metrics.port, undefined);
});
