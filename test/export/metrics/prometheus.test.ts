/**
 * Text for Prometheus: names and labels of the compatibility specification, line by line. That
 * Prometheus reads it is tested with its own parser (test/e2e/metrics).
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { VERSION } from '../../../src/config/version.ts';
import { toLabels } from '../../../src/export/metrics/prometheus/labels.ts';
import { familyOf, sanitize } from '../../../src/export/metrics/prometheus/names.ts';
import { chooseFormat } from '../../../src/export/metrics/prometheus/negotiation.ts';
import { type Format, toFloat, write } from '../../../src/export/metrics/prometheus/writer.ts';
import type { MetricData, ResourceMetrics } from '../../../src/export/metrics/types.ts';
import { counter, counterPoint, EXEMPLAR, histogramPoint, service } from './snapshots.ts';

const SCOPE = `otel_scope_name="spantap",otel_scope_version="${VERSION}"`;

function duration(...points: ReturnType<typeof histogramPoint>[]): MetricData {
  const name = 'http.server.request.duration';
  const description = 'Of "requests".';
  return { kind: 'histogram', name, description, unit: 's', bounds: [0.5, 1], points };
}

function linesOf(resources: readonly ResourceMetrics[], format: Format = 'text'): string[] {
  const text = [...write(resources, format)].join('');
  assert.ok(text === '' || text.endsWith('\n'));
  return text.split('\n').slice(0, -1);
}

const NGINX = {
  resource: {
    'service.namespace': 'shop',
    'service.name': 'nginx',
    'service.instance.id': 'i-1',
    'host.name': 'h',
  },
  metrics: [duration(histogramPoint({ exemplars: [EXEMPLAR] }))],
};

describe('the text format', () => {
  test('has a family with cumulative buckets, job and instance of the service', () => {
    const labels = `http_request_method="GET",http_response_status_code="200",job="shop/nginx",instance="i-1",${SCOPE}`;
    assert.deepEqual(linesOf([NGINX]), [
      '# TYPE target_info gauge',
      '# HELP target_info Target metadata',
      'target_info{host_name="h",job="shop/nginx",instance="i-1"} 1',
      '# TYPE http_server_request_duration_seconds histogram',
      '# HELP http_server_request_duration_seconds Of "requests".',
      `http_server_request_duration_seconds_bucket{${labels},le="0.5"} 1`,
      `http_server_request_duration_seconds_bucket{${labels},le="1.0"} 1`,
      `http_server_request_duration_seconds_bucket{${labels},le="+Inf"} 3`,
      `http_server_request_duration_seconds_sum{${labels}} 3.5`,
      `http_server_request_duration_seconds_count{${labels}} 3`,
    ]);
  });

  test('ends the names of counters, their titles too, with _total', () => {
    const lines = linesOf([service('spantap', counter(counterPoint()))]);
    assert.deepEqual(lines.slice(3), [
      '# TYPE spantap_c_total counter',
      '# HELP spantap_c_total Things.',
      `spantap_c_total{job="spantap",instance="",${SCOPE}} 7`,
    ]);
  });

  test('is nothing for nothing', () => assert.deepEqual(linesOf([]), []));
});

describe('OpenMetrics', () => {
  const lines = linesOf([NGINX, service('spantap', counter(counterPoint()))], 'openmetrics');

  test('has exemplars on the buckets they lie in', () => {
    const [one, two, infinite] = lines.filter((line) => line.includes('_bucket{'));
    assert.ok(!one?.includes('#') && !two?.includes('#'));
    assert.match(
      infinite ?? '',
      /le="\+Inf"} 3 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736",span_id="00f067aa0ba902b7"} 1\.25 1763740800\.000$/,
    );
  });

  test('names counters without _total in titles only, tells units and ends with EOF', () => {
    assert.ok(lines.includes('# TYPE spantap_c counter'));
    assert.ok(lines.some((line) => line.startsWith('spantap_c_total{')));
    assert.ok(lines.includes('# UNIT http_server_request_duration_seconds seconds'));
    assert.ok(lines.includes('# HELP http_server_request_duration_seconds Of \\"requests\\".'));
    assert.ok(lines.includes('# TYPE target info'));
    assert.equal(lines.at(-1), '# EOF');
  });
});

test('families of several services stand together, each once', () => {
  const other = { ...NGINX, resource: { 'service.name': 'haproxy', 'service.instance.id': 'i-2' } };
  const lines = linesOf([NGINX, other]);
  const types = lines.filter((line) => line.startsWith('# TYPE'));
  assert.equal(types.length, new Set(types).size);
  const counts = lines.flatMap((line) => /_count{.*job="([^"]*)"/.exec(line)?.[1] ?? []);
  assert.deepEqual(counts, ['shop/nginx', 'haproxy']);
  assert.equal(lines.filter((line) => line.startsWith('target_info{')).length, 2);
});

test('a long exposition comes in pieces', () => {
  const points = Array.from({ length: 2_000 }, (_, i) => histogramPoint({ attributes: { i } }));
  const pieces = [...write([service('a', duration(...points))], 'text')];
  assert.ok(pieces.length > 5);
  assert.ok(pieces.every((piece) => piece.length < 128 * 1024));
});

describe('names', () => {
  for (const [name, unit, expected] of [
    ['http.server.request.duration', 's', 'http_server_request_duration_seconds'],
    ['http.server.request.body.size', 'By', 'http_server_request_body_size_bytes'],
    ['spantap.store.bytes', 'By', 'spantap_store_bytes'],
    ['spantap.link.hops', '', 'spantap_link_hops'],
    ['a..b--c', '', 'a_b_c'],
    ['2xx', '', '_2xx'],
  ] as const) {
    test(`${name} in ${unit || 'nothing'} is ${expected}`, () => {
      assert.equal(familyOf({ name, unit }).name, expected);
    });
  }

  test('hold what Prometheus allows only', () => {
    assert.match(sanitize('ä.ö:x y'), /^[a-zA-Z_][a-zA-Z0-9_]*$/);
  });
});

describe('labels', () => {
  for (const [what, attributes, expected] of [
    ['escape quotes, backslashes and line feeds', { a: '"\\\n' }, 'a="\\"\\\\\\n"'],
    [
      'write numbers, truth and lists',
      { a: 1, b: true, c: ['x', 'y'] },
      'a="1",b="true",c="[\\"x\\",\\"y\\"]"',
    ],
    ['join values of names that become the same', { 'a.b': '1', a_b: '2' }, 'a_b="1;2"'],
    ['leave job and instance to the service', { job: 'x' }, 'job_="x"'],
  ] as const) {
    test(what, () => assert.equal(toLabels(attributes), expected));
  }
});

describe('bounds', () => {
  for (const [value, expected] of [
    [0, '0.0'],
    [1, '1.0'],
    [0.005, '0.005'],
    [0.0001, '0.0001'],
    [0.00005, '5e-05'],
    [131_072, '131072.0'],
    [2_097_152, '2.097152e+06'],
  ] as const) {
    test(`${value} is ${expected}, as Prometheus writes it`, () => {
      assert.equal(toFloat(value), expected);
    });
  }
});

describe('the format', () => {
  const PROMETHEUS_3 =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  for (const [accept, expected] of [
    [undefined, 'text'],
    ['*/*', 'text'],
    ['text/html,*/*;q=0.8', 'text'],
    [PROMETHEUS_3, 'openmetrics'],
    ['application/openmetrics-text; version=1.0.0', 'openmetrics'],
    ['application/openmetrics-text;version=9.0.0,text/plain', 'text'],
    ['application/openmetrics-text;q=0.1,text/plain;q=0.9', 'text'],
    ['application/openmetrics-text;q=0', 'text'],
    ['application/openmetrics-text;q=nonsense', 'text'],
  ] as const) {
    test(`for Accept: ${accept?.slice(0, 50)} is ${expected}`, () => {
      assert.equal(chooseFormat(accept), expected);
    });
  }
});
