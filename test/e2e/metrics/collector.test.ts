/** HTTP metrics of a real proxy as a real collector gets them, half of the spans sampled. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask } from '../harness/http-client.ts';
import { type OtlpSpan, serviceOf } from '../harness/otlp-span.ts';
import { freePorts } from '../harness/ports.ts';
import { Scene } from '../harness/scene.ts';
import { type Histogram, histogramsOfLine } from './otlp-metrics.ts';

const REQUESTS = 40;
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

for (const transport of ['grpc', 'http/protobuf', 'http/json'] as const) {
  describe(`HTTP metrics over ${transport}`, () => {
    const scene = new Scene();
    let spans: OtlpSpan[];
    let histograms: Histogram[];
    let startedNs: bigint;

    before(async () => {
      const ports = await freePorts('front', 'api');
      await scene.backend('api', ports.api);
      const proxyPass = `proxy_pass http://127.0.0.1:${ports.api}; proxy_set_header Host api.example:81;`;
      await scene.nginx(
        ports.front,
        `server { listen 127.0.0.1:${ports.front} reuseport; location / { ${proxyPass} } }`,
        2,
      );
      startedNs = BigInt(Date.now()) * 1_000_000n;
      const sampler = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' };
      await scene.watch({ transport, env: sampler });
      for (let i = 0; i < REQUESTS; i++) {
        await ask(ports.front, `/orders/${i}`, { method: 'POST', body: 'x'.repeat(200) });
      }
      // The last values leave at the end, behind the spans.
      await scene.stopAgent();
      histograms = await scene.collector.awaitLines('metrics of the backend', (lines) => {
        const found = lines.flatMap(histogramsOfLine);
        return found.some(({ resource }) => resource['service.name'] === 'api') ? found : undefined;
      });
      spans = scene.collector.spans();
    });
    after(() => scene.close());

    const find = (service: string, name: string) => {
      const found = histograms.filter(
        (each) => each.resource['service.name'] === service && each.name === name,
      );
      assert.equal(found.length, 1, `${found.length} series ${name} of ${service}`);
      return found[0] as Histogram;
    };

    test('every request is counted, those without a span too, workers as one service', () => {
      assert.ok(spans.length > 0 && spans.length < 3 * REQUESTS, `${spans.length} spans`);
      assert.equal(find('nginx', 'http.server.request.duration').count, REQUESTS);
      assert.equal(find('nginx', 'http.client.request.duration').count, REQUESTS);
      assert.equal(find('api', 'http.server.request.duration').count, REQUESTS);
    });

    test('attributes, unit and boundaries are those of the conventions', () => {
      const server = find('nginx', 'http.server.request.duration');
      assert.deepEqual(server.attributes, {
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'network.protocol.version': '1.1',
        'url.scheme': 'http',
      });
      assert.equal(server.unit, 's');
      assert.deepEqual(server.bounds, SECONDS);
      assert.equal(server.scope, 'spantap');
      assert.deepEqual(find('nginx', 'http.client.request.duration').attributes, {
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'network.protocol.version': '1.0',
        'server.address': 'api.example',
        'server.port': 81,
      });
    });

    test('sums are those of what was sent', () => {
      const size = find('nginx', 'http.server.request.body.size');
      assert.equal(size.unit, 'By');
      assert.equal(size.sum, 200 * REQUESTS);
    });

    test('the proxy has time of its own, less than all of it; the backend is no proxy', () => {
      const own = find('nginx', 'spantap.proxy.own.duration');
      const whole = find('nginx', 'http.server.request.duration');
      assert.equal(own.count, REQUESTS);
      assert.ok(own.sum > 0 && own.sum < whole.sum, `${own.sum} of ${whole.sum}`);
      assert.ok(
        !histograms.some(
          ({ name, resource }) => name === own.name && resource['service.name'] === 'api',
        ),
      );
    });

    test('the resource is that of the spans, less what is true of one process', () => {
      const { resource } = find('nginx', 'http.server.request.duration');
      const span = spans.find((each) => serviceOf(each) === 'nginx');
      assert.equal(resource['service.instance.id'], span?.resource['service.instance.id']);
      assert.equal(resource['host.name'], span?.resource['host.name']);
      assert.equal(resource['process.pid'], undefined);
    });

    test('points are cumulative, from the first exchange on', () => {
      for (const { temporality, startNs, timeNs } of histograms) {
        assert.equal(temporality, 2);
        assert.ok(startNs > startedNs && startNs < timeNs, `${startNs} of ${timeNs}`);
      }
    });

    test('exemplars are measurements of exported spans', () => {
      const withExemplars = histograms.filter(({ exemplars }) => exemplars.length > 0);
      const names = new Set(withExemplars.map(({ name }) => name));
      assert.ok(names.has('http.server.request.duration'), [...names].join());
      for (const { exemplars, resource, name } of withExemplars) {
        for (const { traceId, spanId, value } of exemplars) {
          const span = spans.find((each) => each.spanId === spanId && each.traceId === traceId);
          assert.ok(span, `no span ${spanId} for the exemplar of ${name}`);
          assert.equal(serviceOf(span), resource['service.name']);
          if (!name.endsWith('request.duration')) continue;
          assert.ok(Math.abs(value - Number(span.endNs - span.startNs) / 1e9) < 1e-6);
        }
      }
    });
  });
}
