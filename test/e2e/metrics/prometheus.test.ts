/** What the agent serves, read as Prometheus reads it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { COUNTER_NAMES } from '../../../src/telemetry/counters.ts';
import { MAIN } from '../harness/agent.ts';
import { ask } from '../harness/http-client.ts';
import { freePorts } from '../harness/ports.ts';
import { Program } from '../harness/program.ts';
import { Scene } from '../harness/scene.ts';
import { proxied } from '../harness/span-tree.ts';
import { ACCEPT, find, type Scrape, scrape } from './scrape.ts';

describe('the endpoint of the agent', () => {
  const scene = new Scene();
  let ports: Record<'front' | 'api' | 'own' | 'other', number>;
  let url: string;
  let open: Scrape;
  let text: Scrape;

  before(async () => {
    ports = await freePorts('front', 'api', 'own', 'other');
    url = `http://127.0.0.1:${ports.own}`;
    await scene.backend('api', ports.api);
    const pass = `proxy_pass http://127.0.0.1:${ports.api};`;
    await scene.nginx(
      ports.front,
      `server { listen 127.0.0.1:${ports.front}; location / { ${pass} } }`,
    );
    const file = scene.writeFile(
      'spantap.yaml',
      `{telemetry: {endpoint: "127.0.0.1:${ports.own}"}, otel: {spool: {enabled: false}}}`,
    );
    await scene.watch({ flags: ['--config', file] });
    for (const path of ['/one', '/two']) await ask(ports.front, path);
    for (const path of ['/one', '/two']) {
      await scene.expectTrace(path, proxied('nginx', 'api', `GET ${path}`));
    }
    open = await scrape(`${url}/metrics`, ACCEPT);
    text = await scrape(`${url}/metrics`, 'text/plain');
  });
  after(() => scene.close());

  test('is healthy and ready', async () => {
    for (const path of ['/healthz', '/readyz']) assert.equal((await fetch(url + path)).status, 200);
  });

  for (const [format, which] of [
    ['OpenMetrics', () => open],
    ['the text format', () => text],
  ] as const) {
    test(`${format} has the histograms of each service`, () => {
      const seen = which();
      const name = 'http_server_request_duration_seconds';
      for (const job of ['nginx', 'api']) {
        const [count, ...others] = find(seen, `${name}_count`, job);
        assert.deepEqual(others, []);
        assert.equal(count?.value, 2);
        const buckets = find(seen, `${name}_bucket`, job);
        assert.equal(buckets.length, 15);
        assert.equal(buckets.at(-1)?.labels.le, '+Inf');
        assert.equal(buckets.at(-1)?.value, 2);
      }
      const [client] = find(seen, 'http_client_request_duration_seconds_count', 'nginx');
      assert.equal(client?.labels.server_address, '127.0.0.1');
      const [own] = find(seen, 'spantap_proxy_own_duration_seconds_count', 'nginx');
      assert.equal(own?.value, 2);
      assert.ok(seen.families.some((each) => each.name === name && each.type === 'histogram'));
    });

    test(`${format} has a target_info of each service, and the counters of the agent`, () => {
      const seen = which();
      const [nginx] = find(seen, 'target_info', 'nginx');
      assert.equal(nginx?.labels.process_executable_name, 'nginx');
      const [count] = find(seen, 'http_server_request_duration_seconds_count', 'nginx');
      assert.equal(count?.labels.instance, nginx?.labels.instance);
      const own = seen.samples.filter(({ labels }) => labels.job === 'spantap');
      assert.equal(own.length, COUNTER_NAMES.length + 1);
      assert.equal(find(seen, 'spantap_link_hops_total', 'spantap').length, 1);
    });
  }

  test('exemplars are spans that the collector got', () => {
    const spans = scene.collector.spans();
    const exemplars = find(open, 'http_server_request_duration_seconds_bucket', 'nginx').flatMap(
      ({ exemplar }) => exemplar ?? [],
    );
    assert.ok(exemplars.length > 0);
    for (const { labels, timeMs } of exemplars) {
      const span = spans.find(({ spanId }) => spanId === labels.span_id);
      assert.equal(span?.traceId, labels.trace_id);
      assert.ok(Math.abs(Number((span?.endNs ?? 0n) / 1_000_000n) - timeMs) <= 1);
    }
  });

  test('units are told in OpenMetrics', () => {
    const units = open.families.filter(({ unit }) => unit !== undefined);
    assert.ok(units.some(({ name, unit }) => name.endsWith('_seconds') && unit === 'seconds'));
    assert.ok(units.some(({ name, unit }) => name.endsWith('_bytes') && unit === 'bytes'));
  });

  test('a changed file moves it, and counts what its stacks say: the plugin http_metrics', async () => {
    const name = 'http_server_request_duration_seconds_count';
    const without = '{type: http_capture, config: {level: summary}}';
    const other = `http://127.0.0.1:${ports.other}`;
    scene.writeFile('spantap.yaml', fileOf(ports.other, without));
    await scene.agent.program.line(new RegExp(`served on 127.0.0.1:${ports.other}`));
    await ask(ports.front, '/three');
    await scene.expectTrace('/three', proxied('nginx', 'api', 'GET /three'));
    await assert.rejects(fetch(url));
    const counted = async () => find(await scrape(`${other}/metrics`, ACCEPT), name, 'nginx');
    assert.equal((await counted())[0]?.value, 2);
    scene.writeFile('spantap.yaml', fileOf(ports.other, `${without}, {type: http_metrics}`));
    await scene.agent.program.line(
      /configuration .*spantap\.yaml[\s\S]*configuration .*spantap\.yaml[\s\S]*configuration/,
    );
    await ask(ports.front, '/four');
    await scene.expectTrace('/four', proxied('nginx', 'api', 'GET /four'));
    assert.equal((await counted())[0]?.value, 3);
  });

  function fileOf(port: number, plugins: string): string {
    return [
      `telemetry: {endpoint: "127.0.0.1:${port}"}`,
      'tap: {http: {stack: s}}',
      `stacks: {s: {plugins: [${plugins}]}}`,
      'otel: {spool: {enabled: false}}',
    ].join('\n');
  }
});

test('an endpoint that was asked for and is taken ends the start with what to do', async (t) => {
  const scene = new Scene();
  t.after(() => scene.close());
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  const file = scene.writeFile('spantap.yaml', `telemetry: {endpoint: "127.0.0.1:${port}"}`);
  const agent = new Program('agent', process.execPath, [MAIN, 'run', '--config', file], {
    env: { OTEL_TRACES_EXPORTER: 'none' },
  });
  t.after(() => agent.stop());
  await agent.line(/what to do: set telemetry\.endpoint to a free address/);
  assert.match(agent.output, /another program listens there/);
});
