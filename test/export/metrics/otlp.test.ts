/** Requests in both encodings, beside the stock serializers where those can say the same. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ValueType } from '@opentelemetry/api';
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type ResourceMetrics as StockMetrics,
} from '@opentelemetry/sdk-metrics';
import { VERSION } from '../../../src/config/version.ts';
import { encodeJson } from '../../../src/export/metrics/otlp/json.ts';
import { encodeProtobuf } from '../../../src/export/metrics/otlp/protobuf.ts';
import { countPoints, type Snapshot, split } from '../../../src/export/metrics/otlp/snapshot.ts';
import { decodeMetrics } from './otlp-schema.ts';
import {
  counter,
  counterPoint,
  EXEMPLAR,
  histogram,
  histogramPoint,
  START_NS,
  service,
  TIME_NS,
} from './snapshots.ts';

const CUMULATIVE = { counter: 'cumulative', histogram: 'cumulative' } as const;

function snapshot(...resources: Snapshot['resources']): Snapshot {
  return { timeUnixNs: TIME_NS, temporalities: CUMULATIVE, resources };
}

/** Seconds and nanoseconds. */
function toHrTime(ns: bigint): [number, number] {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
}

/** The same as `service('nginx', histogram(histogramPoint()), counter(counterPoint()))`. */
function stock(): StockMetrics {
  const point = { startTime: toHrTime(START_NS), endTime: toHrTime(TIME_NS) };
  const { attributes } = histogramPoint();
  const buckets = { boundaries: [0.5, 1], counts: [1, 0, 2] };
  const aggregationTemporality = AggregationTemporality.CUMULATIVE;
  return {
    resource: resourceFromAttributes({ 'service.name': 'nginx', 'process.pid': 7 }),
    scopeMetrics: [
      {
        scope: { name: 'spantap', version: VERSION },
        metrics: [
          {
            descriptor: {
              name: 'd',
              description: 'Duration.',
              unit: 's',
              valueType: ValueType.DOUBLE,
            },
            aggregationTemporality,
            dataPointType: DataPointType.HISTOGRAM,
            dataPoints: [
              {
                ...point,
                attributes: { ...attributes } as never,
                value: { buckets, sum: 3.5, count: 3 },
              },
            ],
          },
          {
            descriptor: {
              name: 'spantap.c',
              description: 'Things.',
              unit: '',
              valueType: ValueType.INT,
            },
            aggregationTemporality,
            dataPointType: DataPointType.SUM,
            isMonotonic: true,
            dataPoints: [{ ...point, attributes: {}, value: 7 }],
          },
        ],
      },
    ],
  };
}

const same = service('nginx', histogram(histogramPoint()), counter(counterPoint()));

describe('protobuf', () => {
  test('says what the stock serializer says', () => {
    const ours = decodeMetrics(encodeProtobuf(snapshot(same)));
    const theirs = decodeMetrics(
      ProtobufMetricsSerializer.serializeRequest(stock()) ?? Buffer.of(),
    );
    assert.deepEqual(ours, theirs);
  });

  test('has exemplars with their ids', () => {
    const point = histogramPoint({ exemplars: [EXEMPLAR] });
    const decoded = JSON.stringify(
      decodeMetrics(encodeProtobuf(snapshot(service('nginx', histogram(point))))),
    );
    const traceId = Buffer.from(EXEMPLAR.traceId, 'hex').toString('base64');
    const spanId = Buffer.from(EXEMPLAR.spanId, 'hex').toString('base64');
    const expected = { timeUnixNano: String(EXEMPLAR.timeUnixNs), asDouble: 1.25, spanId, traceId };
    assert.ok(decoded.includes(`"exemplars":[${JSON.stringify(expected)}]`), decoded);
  });

  test('has a resource for each service, and fractions as doubles', () => {
    const decoded = decodeMetrics(
      encodeProtobuf(
        snapshot(service('a', counter(counterPoint({ value: 0.5 }))), service('b', counter())),
      ),
    ) as { resourceMetrics: { resource: unknown }[] };
    assert.equal(decoded.resourceMetrics.length, 2);
    assert.match(JSON.stringify(decoded), /"asDouble":0.5/);
  });

  test('tells the temporality of each kind', () => {
    const temporalities = { counter: 'cumulative', histogram: 'delta' } as const;
    const decoded = JSON.stringify(
      decodeMetrics(encodeProtobuf({ ...snapshot(same), temporalities })),
    );
    const found = [...decoded.matchAll(/"aggregationTemporality":(\d)/g)].map(([, code]) => code);
    assert.deepEqual(found, ['1', '2']);
  });
});

describe('JSON', () => {
  test('says what the stock serializer says', () => {
    const ours = JSON.parse(encodeJson(snapshot(same)).toString());
    const theirs = JSON.parse(
      Buffer.from(JsonMetricsSerializer.serializeRequest(stock()) ?? Buffer.of()).toString(),
    );
    assert.deepEqual(normal(ours), normal(theirs));
  });

  test('has ids in hex', () => {
    const point = histogramPoint({ exemplars: [EXEMPLAR] });
    const text = encodeJson(snapshot(service('nginx', histogram(point)))).toString();
    const { timeUnixNs, value, spanId, traceId } = EXEMPLAR;
    const expected = { timeUnixNano: String(timeUnixNs), asDouble: value, spanId, traceId };
    assert.ok(text.includes(`"exemplars":[${JSON.stringify(expected)}]`), text);
  });

  /** Numbers may be strings, and what is empty may be left out. */
  function normal(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(normal);
    if (typeof value !== 'object' || value === null) return String(value);
    const entries = Object.entries(value)
      .filter(([, each]) => !(Array.isArray(each) && each.length === 0) && each !== undefined)
      .filter(([key]) => key !== 'droppedAttributesCount')
      .map(([key, each]) => [key, normal(each)]);
    return Object.fromEntries(entries);
  }
});

describe('a request', () => {
  test('has a bounded number of points; the others go into the next one, in order', () => {
    const values = [1, 2, 3, 4, 5].map((value) => counterPoint({ value }));
    const resources = [service('a', counter(...values), histogram(histogramPoint())), same];
    const requests = split(resources, 2);
    assert.deepEqual(requests.map(countPoints), [2, 2, 2, 2]);
    const names = requests.map((request) =>
      request.map(({ resource }) => resource['service.name']),
    );
    assert.deepEqual(names, [['a'], ['a'], ['a'], ['nginx']]);
    const told = requests
      .flat()
      .flatMap(({ metrics }) => metrics)
      .flatMap((metric) => (metric.kind === 'counter' ? metric.points : []))
      .map(({ value }) => value);
    assert.deepEqual(told, [1, 2, 3, 4, 5, 7]);
  });

  test('is not made for nothing', () => assert.deepEqual(split([], 2), []));
});
