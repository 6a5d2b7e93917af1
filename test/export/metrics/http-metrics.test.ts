/** Which exchanges are counted where, by the semantic conventions and within which bounds. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FLAG } from '../../../src/handoff/layout.ts';
import { fixedClock, OFFSET_NS } from '../stage.ts';
import { attributesOf, createStage, findMetric, KEPT, metricsOf, pointsOf, SHOP } from './stage.ts';

const SERVER_DURATION = 'http.server.request.duration';
const CLIENT_DURATION = 'http.client.request.duration';
const OWN = 'spantap.proxy.own.duration';

describe('an ingress exchange', () => {
  test('is counted under method, scheme, version and status, and never under its path', () => {
    const rows = [{ target: '/a?secret=1' }, { target: '/b' }];
    const [point, ...others] = pointsOf(metricsOf(rows), SERVER_DURATION);
    assert.deepEqual(others, []);
    assert.deepEqual(point?.attributes, {
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'network.protocol.version': '1.1',
      'http.response.status_code': 200,
    });
    assert.equal(point.count, 2);
  });

  test('lies in the bucket of its duration, bounds included', () => {
    const rows = [4_999_999, 5_000_000, 5_000_001, 60e9].map((ns) => ({
      startNs: 1e9,
      endNs: 1e9 + ns,
    }));
    const [point] = pointsOf(metricsOf(rows), SERVER_DURATION);
    const expected = [2, 1, ...Array(12).fill(0), 1];
    assert.deepEqual(point?.bucketCounts, expected);
    assert.ok(Math.abs((point?.sum ?? 0) - 60.015) < 1e-9);
  });

  test('has the boundaries and the unit that the conventions advise', () => {
    const metric = findMetric(metricsOf([{}]), SERVER_DURATION);
    assert.equal(metric?.unit, 's');
    assert.ok(metric?.kind === 'histogram');
    const bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
    assert.deepEqual(metric.bounds, bounds);
  });

  for (const [what, row, expected] of [
    ['an unknown method as _OTHER', { method: 'BREW' }, { 'http.request.method': '_OTHER' }],
    ['HTTP/1.0', { version: '1.0' }, { 'network.protocol.version': '1.0' }],
    [
      'the scheme that was forwarded',
      { headers: [['X-Forwarded-Proto', 'https']] },
      { 'url.scheme': 'https' },
    ],
    [
      'the scheme of the connection when the forwarded one is no word we know',
      { headers: [['X-Forwarded-Proto', 'gopher']], flags: FLAG.tls },
      { 'url.scheme': 'https' },
    ],
    ['a failure from 500 on', { status: 503 }, { 'error.type': '503' }],
    ['no failure below 500', { status: 404 }, { 'error.type': undefined }],
    [
      'a connection that died',
      { status: 0, end: 'reset' },
      { 'error.type': 'connection_reset', 'http.response.status_code': undefined },
    ],
  ] as const) {
    test(`says ${what}`, () => {
      const [attributes = {}] = attributesOf([row], SERVER_DURATION);
      for (const [key, value] of Object.entries(expected)) assert.equal(attributes[key], value);
    });
  }

  test('counts the bytes of its bodies, and of a response only when there was one', () => {
    const collected = metricsOf([
      { requestBodyBytes: 0, responseBodyBytes: 2_049 },
      { requestBodyBytes: 10, responseBodyBytes: 0, status: 0, end: 'closed' },
    ]);
    const sizes = pointsOf(collected, 'http.server.request.body.size');
    assert.deepEqual(
      sizes.map(({ count, sum }) => [count, sum]),
      [
        [1, 0],
        [1, 10],
      ],
    );
    const [response, ...none] = pointsOf(collected, 'http.server.response.body.size');
    assert.deepEqual(none, []);
    assert.deepEqual(response?.bucketCounts, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert.equal(findMetric(collected, 'http.server.response.body.size')?.unit, 'By');
  });
});

describe('an egress exchange', () => {
  test('is counted under the server that it names, without a scheme', () => {
    const row = {
      client: true,
      method: 'POST',
      status: 404,
      headers: [['Host', 'api.example:8080']],
    } as const;
    assert.deepEqual(attributesOf([row], CLIENT_DURATION), [
      {
        'http.request.method': 'POST',
        'server.address': 'api.example',
        'server.port': 8080,
        'network.protocol.version': '1.1',
        'http.response.status_code': 404,
        'error.type': '404',
      },
    ]);
  });

  for (const [what, row, address, port] of [
    ['the port of the scheme', { headers: [['Host', 'a.example']] }, 'a.example', 80],
    ['that of TLS', { headers: [['Host', 'a.example']], flags: FLAG.tls }, 'a.example', 443],
    ['the target before Host', { target: 'http://b.example:81/x' }, 'b.example', 81],
    ['the peer without Host', { headers: [], remote: ['10.0.0.7', 99] }, '10.0.0.7', 99],
    ['an IPv6 literal', { headers: [['Host', '[::1]:82']] }, '::1', 82],
    [
      'a Unix socket',
      { headers: [], family: 1, remote: ['/run/app.sock', 0] },
      '/run/app.sock',
      undefined,
    ],
    ['bytes that are no UTF-8', { headers: [['Host', 'caf\xe9']] }, 'café', 80],
  ] as const) {
    test(`has the address of ${what}`, () => {
      const [attributes] = attributesOf([{ client: true, ...row }], CLIENT_DURATION);
      assert.equal(attributes?.['server.address'], address);
      assert.equal(attributes?.['server.port'], port);
    });
  }

  test('of two servers makes two series', () => {
    const rows = ['a.example', 'b.example', 'a.example:81', 'a.example'].map((host) => ({
      client: true,
      headers: [['Host', host]] as const,
    }));
    const points = pointsOf(metricsOf(rows), CLIENT_DURATION);
    assert.deepEqual(
      points.map(({ attributes, count }) => [attributes['server.address'], count]).sort(),
      [
        ['a.example', 1],
        ['a.example', 2],
        ['b.example', 1],
      ],
    );
  });
});

describe('own time', () => {
  test('is counted for hops with a request upstream', () => {
    const rows = [
      { hop: 7, ownNs: 60_000 },
      { hop: 7, client: true },
    ];
    const [point] = pointsOf(metricsOf(rows), OWN);
    assert.equal(point?.count, 1);
    assert.equal(point?.sum, 60e-6);
    assert.deepEqual(point?.bucketCounts.slice(0, 3), [0, 1, 0]);
    assert.equal(findMetric(metricsOf(rows), OWN)?.unit, 's');
  });

  for (const [what, rows] of [
    [
      'unknown',
      [
        { hop: 7, ownNs: -1 },
        { hop: 7, client: true },
      ],
    ],
    ['that of an answer without a request upstream', [{ hop: 7, ownNs: 60_000 }]],
    [
      'beside the egress of another hop',
      [
        { hop: 7, ownNs: 6 },
        { hop: 8, client: true },
      ],
    ],
    ['of no hop', [{ ownNs: 6 }, { client: true }]],
  ] as const) {
    test(`is not counted when it is ${what}`, () => {
      assert.deepEqual(pointsOf(metricsOf(rows), OWN), []);
    });
  }
});

describe('what is counted', () => {
  test('is decided row by row, before sampling', () => {
    const stage = createStage();
    const rows = [{ status: 200 }, { status: 201 }];
    stage.add(rows, { isCounted: (row?: number) => row === 1, isKept: () => false });
    const [point, ...others] = pointsOf(stage.metrics.collect(), SERVER_DURATION);
    assert.deepEqual(others, []);
    assert.equal(point?.attributes['http.response.status_code'], 201);
  });

  test('leaves out exchanges whose end was not seen, and says so', () => {
    const stage = createStage();
    stage.add([{ end: 'lost' }, { end: 'detached' }, {}]);
    const [point] = pointsOf(stage.metrics.collect(), SERVER_DURATION);
    assert.equal(point?.count, 1);
    assert.equal(stage.counters.get('metrics.unmeasured'), 2);
  });

  test('is nothing where nothing was seen', () => {
    assert.deepEqual(createStage().metrics.collect(), []);
  });

  test('starts when its series was first counted', () => {
    const clock = fixedClock();
    const stage = createStage({ clock });
    const before = clock.unixNowNs();
    stage.add([{}]);
    clock.measure();
    stage.add([{}]);
    const [point] = pointsOf(stage.metrics.collect(), SERVER_DURATION);
    assert.equal(point?.startUnixNs, before);
    assert.equal(point.count, 2);
  });
});

describe('exemplars', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

  test('name the last kept span of each bucket', () => {
    const stage = createStage();
    stage.add([{ traceId: TRACE, spanId: '00f067aa0ba902b7' }], KEPT);
    stage.add([{ traceId: TRACE, spanId: '00f067aa0ba902b8', endNs: 1_003_000_000 }], KEPT);
    stage.add([{ traceId: TRACE, spanId: '00f067aa0ba902b9' }]);
    const [point] = pointsOf(stage.metrics.collect(), SERVER_DURATION);
    assert.deepEqual(
      point?.exemplars.map(({ bucket, traceId, spanId, value }) => [
        bucket,
        traceId,
        spanId,
        value,
      ]),
      [[0, TRACE, '00f067aa0ba902b8', 0.003]],
    );
    const [exemplar] = point?.exemplars ?? [];
    const error = Number((exemplar?.timeUnixNs ?? 0n) - OFFSET_NS - 1_003_000_000n);
    assert.ok(Math.abs(error) <= 1_000_000, `${error} ns off`);
  });

  test('stand on own time too, and nowhere else', () => {
    const collected = createStage();
    const rows = [
      { hop: 1, ownNs: 1e6 },
      { hop: 1, client: true },
    ];
    collected.add(rows, KEPT);
    const found = collected.metrics
      .collect()
      .flatMap(({ metrics }) => metrics)
      .flatMap((metric) =>
        metric.kind === 'histogram' && metric.points.some(({ exemplars }) => exemplars.length > 0)
          ? [metric.name]
          : [],
      );
    assert.deepEqual(found, [SERVER_DURATION, OWN, CLIENT_DURATION]);
  });
});

describe('services', () => {
  const worker = (pid: number, instance: string) => ({
    attributes: {
      'service.name': 'nginx',
      'service.instance.id': instance,
      'process.pid': pid,
      'process.executable.name': 'nginx',
      'host.name': 'h',
    },
  });

  test('count their workers together, under a resource that holds for all', () => {
    const workers = [worker(1, 'x'), worker(2, 'x'), worker(3, 'y')];
    const stage = createStage({ resourceOf: (index) => workers[index] ?? worker(0, '') });
    stage.add([{ process: 0 }, { process: 1 }, { process: 2 }]);
    const collected = stage.metrics.collect();
    assert.deepEqual(
      collected.map(({ resource }) => resource),
      ['x', 'y'].map((id) => ({
        'service.name': 'nginx',
        'service.instance.id': id,
        'process.executable.name': 'nginx',
        'host.name': 'h',
      })),
    );
    assert.deepEqual(
      pointsOf(collected, SERVER_DURATION).map(({ count }) => count),
      [2, 1],
    );
  });

  test('change with what a process is called', () => {
    let current = worker(1, 'x');
    const stage = createStage({ resourceOf: () => current });
    stage.add([{}]);
    current = worker(1, 'y');
    stage.add([{}]);
    assert.equal(stage.metrics.collect().length, 2);
  });

  test('beyond the limit, the one longest without an exchange is forgotten', () => {
    const stage = createStage({
      resourceOf: (index) => worker(index, `i${index}`),
      limits: { servicesMax: 2, seriesMax: 10, allSeriesMax: 10 },
    });
    for (const process of [0, 1, 0, 2]) stage.add([{ process }]);
    const ids = stage.metrics.collect().map(({ resource }) => resource['service.instance.id']);
    assert.deepEqual(ids, ['i0', 'i2']);
    assert.equal(stage.counters.get('metrics.services_forgotten'), 1);
    stage.add([{ process: 1 }]);
    const again = pointsOf(stage.metrics.collect(), SERVER_DURATION);
    assert.deepEqual(
      again.map(({ count }) => count),
      [1, 1],
    );
  });
});

describe('attribute sets beyond the limit', () => {
  const limits = { servicesMax: 10, seriesMax: 3, allSeriesMax: 5 };

  test('are counted as one, with otel.metric.overflow, on either side', () => {
    const stage = createStage({ limits });
    const hosts = ['a', 'b', 'c', 'd', 'e'];
    stage.add(hosts.map((host) => ({ client: true, headers: [['Host', host]] as const })));
    stage.add([{}, { client: true, headers: [['Host', 'a']] }]);
    const clients = pointsOf(stage.metrics.collect(), CLIENT_DURATION);
    const overflow = clients.find(({ attributes }) => attributes['otel.metric.overflow'] === true);
    assert.equal(clients.length, 4);
    assert.equal(overflow?.count, 2);
    assert.deepEqual(attributesOfAll(stage, SERVER_DURATION), [{ 'otel.metric.overflow': true }]);
    assert.equal(stage.counters.get('metrics.overflow'), 3);
  });

  test('of all services together too, and free again with a forgotten service', () => {
    const named = (index: number) => ({
      attributes: { ...SHOP, 'service.instance.id': `${index}` },
    });
    const stage = createStage({ limits: { ...limits, servicesMax: 2 }, resourceOf: named });
    const statuses = [200, 201, 202];
    for (const process of [0, 1]) stage.add(statuses.map((status) => ({ process, status })));
    assert.equal(stage.counters.get('metrics.overflow'), 1);
    stage.add(statuses.map((status) => ({ process: 2, status })));
    assert.equal(stage.counters.get('metrics.overflow'), 1);
  });

  test('are those of a server name that is too long', () => {
    const stage = createStage();
    stage.add([{ client: true, headers: [['Host', 'x'.repeat(256)]] }]);
    assert.deepEqual(attributesOfAll(stage, CLIENT_DURATION), [{ 'otel.metric.overflow': true }]);
    assert.equal(stage.counters.get('metrics.overflow'), 1);
  });

  function attributesOfAll(stage: ReturnType<typeof createStage>, name: string) {
    return pointsOf(stage.metrics.collect(), name).map(({ attributes }) => attributes);
  }
});
