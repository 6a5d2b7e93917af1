/**
 * What is sent equals, field by field, what the stock serializer makes of the same spans: over
 * many generated spans, decoded with protobufjs and the official schema.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { Level } from '../../src/config/levels.ts';
import { ProtobufRequest } from '../../src/export/otlp/protobuf-request.ts';
import { Resources } from '../../src/export/otlp/resource.ts';
import { SpanObjects } from '../../src/export/otlp/span-object.ts';
import { toRows } from '../../src/export/rows.ts';
import { SpanDescriber, type SpanOptions } from '../../src/export/span.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { kept } from './decided.ts';
import { decodeRequest, spansOf } from './decoder.ts';
import { randomRows } from './random-rows.ts';
import { toReadableSpan } from './readable-span.ts';
import { type Row, toBatch } from './rows.ts';
import { fixedClock, SUMMARY } from './stage.ts';

const SEED = Number(process.env.SPANTAP_TEST_SEED ?? 20_261_121);

const RESOURCES = [0, 1, 2].map((process) => ({
  attributes: {
    'service.name': `service-${process}`,
    'process.pid': 4_000_000 + process,
    'process.executable.path': '/usr/sbin/nginx',
    'host.name': 'hôst',
    'process.command_args': ['nginx', '-g', 'daemon off;'],
  },
}));

function compare(
  options: SpanOptions,
  level: Level,
  seed: number,
  rows = randomRows(seed, 400),
): void {
  const batch = toRows(...kept(toBatch(rows), { level }));
  const counters = new Counters();
  const describer = new SpanDescriber(options, fixedClock(), counters);
  const resourceOf = (index: number) => RESOURCES[index] ?? { attributes: {} };
  const request = new ProtobufRequest(
    new Resources(resourceOf, counters),
    options.attributeBytesMax,
    counters,
  );
  const objects = new SpanObjects(options.attributeBytesMax, counters);
  const readable = rows.map((row, index) => {
    request.add(batch, index, describer);
    describer.describe(batch, index, objects);
    return toReadableSpan(objects.span, resourceOf(row.process ?? 0));
  });
  const stock = ProtobufTraceSerializer.serializeRequest(readable);
  assert.ok(stock !== undefined);
  const sealed = request.seal();
  const ours = decodeRequest(sealed);
  assert.equal(spansOf(ours).length, rows.length);
  assert.deepEqual(ours, decodeRequest(stock), `seed ${seed}`);
}

for (const level of ['summary', 'full'] as const) {
  test(`at level ${level} the encoding equals the stock serializer's (seed ${SEED})`, () => {
    for (let round = 0; round < 5; round++) compare(SUMMARY, level, SEED + round);
  });
}

test('values at and around the attribute limit encode alike', () => {
  compare({ ...SUMMARY, attributeBytesMax: 24 }, 'summary', SEED);
});

test('spans of many sizes, also beyond 16 and 128 KiB, encode alike', () => {
  const rows = Array.from({ length: 60 }, (_, index): Row => {
    const value = 'v'.repeat(index * 40);
    const headers = Array.from({ length: 80 }, (_, i) => [`X-Header-${i}`, value] as const);
    return { headers, target: `/${'p'.repeat(index * 40)}` };
  });
  compare(SUMMARY, 'full', 0, rows);
});

test('a value of every length encodes alike', () => {
  const rows = Array.from(
    { length: 300 },
    (_, index): Row => ({
      target: `/${'p'.repeat(index)}?${'q'.repeat(index)}`,
      headers: [['User-Agent', '\xe9'.repeat(index)]],
    }),
  );
  compare(SUMMARY, 'full', 0, rows);
});
