/**
 * encode: what does a span cost on its way to OTLP bytes? The same spans of 20 attributes through
 * our writer (from the columns of a batch, rules of the semantic conventions included), through
 * the stock serializer and through protobufjs (both from objects that are ready), interleaved in
 * rounds in one process.
 */
import { readFileSync } from 'node:fs';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { WallClock } from '../../src/export/clock.ts';
import { ProtobufRequest } from '../../src/export/otlp/protobuf-request.ts';
import { Resources } from '../../src/export/otlp/resource.ts';
import { type SpanObject, SpanObjects } from '../../src/export/otlp/span-object.ts';
import { toRows } from '../../src/export/rows.ts';
import { SpanDescriber, type SpanOptions } from '../../src/export/span.ts';
import { FLAG, U32_COLUMNS } from '../../src/handoff/layout.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { decidedOf } from '../export/decided.ts';
import { Request } from '../export/decoder.ts';
import { toReadableSpan } from '../export/readable-span.ts';
import { type Row, toBatch } from '../export/rows.ts';
import { machine, versions } from './machine.ts';
import { Flags, type FlagTable } from './options.ts';
import { progress } from './scene.ts';
import { median, quantile, round } from './statistics.ts';

export const FLAGS: FlagTable = {
  spans: 'spans of one request (512)',
  rounds: 'measured rounds of each encoder (40)',
  'round-ms': 'least time of one round (100)',
  processes: 'observed processes that the spans are of (2)',
};

const OPTIONS: SpanOptions = { hasHeaders: true, attributeBytesMax: 2_048, attributesMax: 128 };
const WARM_UP_ROUNDS = 10;

interface Encoder {
  readonly name: 'ours' | 'stock' | 'protobufjs';
  /** Encodes all spans once; returns the bytes. */
  encode(): Uint8Array;
}

export async function run(args: readonly string[]): Promise<Record<string, unknown>> {
  const flags = new Flags('encode', FLAGS, args);
  const spans = flags.number('spans', 512);
  const processes = flags.number('processes', 2);
  const rounds = flags.number('rounds', 40);
  const roundMs = flags.number('round-ms', 100);
  const { objects, encoders } = createEncoders(toBatch(spanRows(spans, processes)), processes);
  const sizes = encoders.map(({ name, encode }) => [name, Math.round(encode().length / spans)]);
  const measured = measure(encoders, spans, rounds, roundMs);
  return {
    usPerSpan: round(median(measured.ours)),
    stockUsPerSpan: round(median(measured.stock)),
    protobufjsUsPerSpan: round(median(measured.protobufjs)),
    ratioToStock: round(median(measured.stock) / median(measured.ours)),
    attributes: objects[0]?.attributes.length,
    bytesPerSpan: Object.fromEntries(sizes),
    spread: Object.fromEntries(encoders.map(({ name }) => [name, spread(measured[name])])),
    options: flags.used,
    versions: { ...versions(), ...encoderVersions() },
    machine: machine(),
  };
}

/** Pairs of an ingress and its egress, 20 attributes each, as nginx with a pool makes them. */
function spanRows(count: number, processes: number): Row[] {
  return Array.from({ length: count }, (_, index): Row => {
    const hex = (index + 1).toString(16).padStart(16, '0');
    const isClient = index % 2 === 1;
    const headers: (readonly [string, string])[] = [
      ['Host', isClient ? 'backend.internal:9001' : 'shop.example.com:8080'],
      ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0'],
      ['Accept', '*/*'],
      ['X-Request-Id', hex + hex],
    ];
    return {
      client: isClient,
      method: isClient ? 'POST' : 'GET',
      target: `/api/v2/orders/${1_000_000 + index}/items?limit=50&page=${index}`,
      headers,
      responseHead: 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n',
      status: isClient ? 502 : 200,
      tier: isClient ? 'exact.state' : 'traceparent',
      confidence: 0.999,
      hop: (index >> 1) + 1,
      process: (index >> 1) % processes,
      traceId: hex + hex,
      spanId: hex,
      parentSpanId: hex,
      flags: isClient ? FLAG.subrequest : FLAG.parentIsRemote,
      resendCount: isClient ? 1 : 0,
      local: ['192.168.10.20', isClient ? 40_000 + index : 8_080],
      remote: [isClient ? '192.168.10.30' : '203.0.113.77', isClient ? 9_001 : 51_000],
      startNs: 1e12 + index * 1e6,
      endNs: 1e12 + index * 1e6 + 5e5,
      requestBodyBytes: 1_234,
      responseBodyBytes: 56_789,
    };
  });
}

function createEncoders(
  batch: ReturnType<typeof toBatch>,
  processes: number,
): { objects: SpanObject[]; encoders: Encoder[] } {
  const counters = new Counters();
  const describer = new SpanDescriber(OPTIONS, new WallClock(), counters);
  const infos = Array.from({ length: processes }, (_, index) => ({
    attributes: {
      'service.name': 'nginx',
      'process.pid': 1_000 + index,
      'process.executable.name': 'nginx',
      'process.executable.path': '/usr/sbin/nginx',
      'host.id': '0123456789abcdef0123456789abcdef',
      'host.name': 'edge-1',
    },
  }));
  const infoOf = (index: number) => infos[index] ?? { attributes: {} };
  const decided = decidedOf(batch.count);
  const rows = toRows(batch, decided);
  const request = new ProtobufRequest(
    new Resources(infoOf, counters),
    OPTIONS.attributeBytesMax,
    counters,
  );
  const sink = new SpanObjects(OPTIONS.attributeBytesMax, counters);
  const objects = Array.from({ length: batch.count }, (_, index) => {
    describer.describe(rows, index, sink);
    return sink.span;
  });
  const readable = objects.map((span, index) =>
    toReadableSpan(span, infoOf(batch.u32[index * U32_COLUMNS + 1] ?? 0)),
  );
  const stock = () => ProtobufTraceSerializer.serializeRequest(readable) ?? new Uint8Array(0);
  const message = Request.decode(stock());
  return {
    objects,
    encoders: [
      {
        name: 'ours',
        encode: () => {
          const fresh = toRows(batch, decided);
          for (let index = 0; index < batch.count; index++) request.add(fresh, index, describer);
          return request.seal();
        },
      },
      { name: 'stock', encode: stock },
      { name: 'protobufjs', encode: () => Request.encode(message).finish() },
    ],
  };
}

function measure(
  encoders: readonly Encoder[],
  spans: number,
  rounds: number,
  roundMs: number,
): Record<Encoder['name'], number[]> {
  const figures: Record<Encoder['name'], number[]> = { ours: [], stock: [], protobufjs: [] };
  for (let done = -WARM_UP_ROUNDS; done < rounds; done++) {
    for (const { name, encode } of encoders) {
      const usPerSpan = timeRound(encode, spans, roundMs);
      if (done >= 0) figures[name].push(usPerSpan);
    }
    if (done % 10 === 0) progress(`round ${done} of ${rounds}`);
  }
  return figures;
}

/** CPU time of this process, garbage collection included. */
function timeRound(encode: () => Uint8Array, spans: number, roundMs: number): number {
  const begin = process.cpuUsage();
  const startMs = performance.now();
  let count = 0;
  do {
    encode();
    count += spans;
  } while (performance.now() - startMs < roundMs);
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / count;
}

function encoderVersions(): Record<string, string> {
  const versionOf = (name: string): string => {
    const path = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
    return JSON.parse(readFileSync(path, 'utf8')).version;
  };
  return {
    'otlp-transformer': versionOf('@opentelemetry/otlp-transformer'),
    protobufjs: versionOf('protobufjs'),
  };
}

function spread(values: readonly number[]): Record<string, number> {
  return { q1: round(quantile(values, 0.25)), q3: round(quantile(values, 0.75)) };
}
