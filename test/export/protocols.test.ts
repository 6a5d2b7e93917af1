/** The whole stage over each protocol into a real receiver: what arrives says the same. */
import assert from 'node:assert/strict';
import { createServer as createTlsServer } from 'node:https';
import { after, before, describe, type TestContext, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { Protocol } from '../../src/export/choose.ts';
import { ALL_HEADERS, createExporter } from '../../src/export/create.ts';
import { JsonRequest } from '../../src/export/otlp/json-request.ts';
import { Resources } from '../../src/export/otlp/resource.ts';
import { SpanObjects } from '../../src/export/otlp/span-object.ts';
import { toRows } from '../../src/export/rows.ts';
import { readExportSettings } from '../../src/export/settings.ts';
import { SpanDescriber } from '../../src/export/span.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type Certificates, createCertificates, read } from './certificates.ts';
import { kept } from './decided.ts';
import { decodeRequest, spansOf } from './decoder.ts';
import { withEnvironment } from './environment.ts';
import { randomRows } from './random-rows.ts';
import { toReadableSpan } from './readable-span.ts';
import { GrpcReceiver, HttpReceiver } from './receiver.ts';
import { toBatch } from './rows.ts';
import { fixedClock, SUMMARY } from './stage.ts';

const RESOURCES = [0, 1, 2].map((index) => ({
  attributes: { 'service.name': `service-${index}`, 'process.pid': index },
}));
const resourceOf = (index: number) => RESOURCES[index] ?? { attributes: {} };
const rows = randomRows(99, 60);
const silent = createLog({ level: 'silent', encoding: 'console' });

/** Sends all rows by the environment of a user; returns the counters. */
async function exportAll(protocol: Protocol, variables: Record<string, string>): Promise<Counters> {
  return withEnvironment(variables, async () => {
    const counters = new Counters();
    const exporter = createExporter(
      { kinds: ['otlp'], protocol, reason: '' },
      {
        headers: ALL_HEADERS,
        settings: readExportSettings({ OTEL_TRACES_SAMPLER: 'always_on' }),
        resourceOf,
        clock: fixedClock(),
        counters,
        log: silent,
        out: process.stderr,
        env: {},
      },
    );
    exporter.add(...kept(toBatch(rows)));
    await exporter.close(10_000);
    return counters;
  });
}

function expectAll(counters: Counters): void {
  assert.equal(counters.get('export.spans'), rows.length);
  assert.equal(counters.total('dropped'), 0);
}

/** Protobuf as it arrived, against JSON as it arrived, by way of the schema. */
const canonical = (json: string) =>
  JSON.parse(json).resourceSpans.flatMap(
    (resource: { resource: object; scopeSpans: { spans: object[] }[] }) =>
      resource.scopeSpans.flatMap((scope) => scope.spans),
  );

describe('OTLP', () => {
  test('over HTTP/protobuf arrives', async (t) => {
    const receiver = new HttpReceiver();
    t.after(() => receiver.close());
    const port = await receiver.listen();
    const counters = await exportAll('http/protobuf', {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    });
    expectAll(counters);
    const [request = assert.fail()] = receiver.requests;
    assert.equal(spansOf(request).length, rows.length);
    assert.equal(request.resourceSpans.length, 3);
    for (const { resource, scopeSpans } of request.resourceSpans) {
      assert.equal(resource.attributes[0]?.key, 'service.name');
      assert.equal(scopeSpans.length, 1);
      assert.equal(scopeSpans[0]?.scope.name, 'spantap');
    }
  });

  test('over gRPC is the same bytes', async (t) => {
    const http = new HttpReceiver();
    const rpc = new GrpcReceiver();
    t.after(async () => {
      rpc.close();
      await http.close();
    });
    const httpPort = await http.listen();
    const rpcPort = await rpc.listen();
    await exportAll('http/protobuf', {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${httpPort}`,
    });
    expectAll(
      await exportAll('grpc', { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${rpcPort}` }),
    );
    assert.deepEqual(rpc.received[0]?.body, http.received[0]?.body);
  });

  test('over HTTP/JSON says what protobuf says', async (t) => {
    const receiver = new HttpReceiver();
    t.after(() => receiver.close());
    const port = await receiver.listen();
    const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
    expectAll(await exportAll('http/json', variables));
    expectAll(await exportAll('http/protobuf', variables));
    const [json, protobuf] = receiver.received;
    assert.equal(json?.headers['content-type'], 'application/json');
    const decoded = spansOf(decodeRequest(protobuf?.body ?? Buffer.alloc(0)));
    const spans = canonical(json?.body.toString() ?? '');
    assert.equal(spans.length, decoded.length);
    decoded.forEach((span, index) => {
      const other = spans[index];
      assert.equal(Buffer.from(span.traceId, 'base64').toString('hex'), other.traceId);
      assert.equal(Buffer.from(span.spanId, 'base64').toString('hex'), other.spanId);
      assert.equal(span.startTimeUnixNano, other.startTimeUnixNano);
      assert.equal(span.endTimeUnixNano, other.endTimeUnixNano);
      assert.deepEqual([span.name, span.kind, span.flags], [other.name, other.kind, other.flags]);
      assert.deepEqual(
        span.attributes.map(({ key }) => key),
        other.attributes.map(({ key }: { key: string }) => key),
      );
    });
  });
});

test('JSON equals what the stock serializer writes', () => {
  const counters = new Counters();
  const describer = new SpanDescriber(SUMMARY, fixedClock(), counters);
  const request = new JsonRequest(new Resources(resourceOf, counters), 2_048, counters);
  const objects = new SpanObjects(2_048, counters);
  const batch = toRows(...kept(toBatch(rows), { level: 'full' }));
  const readable = rows.map((row, index) => {
    request.add(batch, index, describer);
    describer.describe(batch, index, objects);
    return toReadableSpan(objects.span, resourceOf(row.process ?? 0));
  });
  const stock = JSON.parse(
    Buffer.from(JsonTraceSerializer.serializeRequest(readable) ?? []).toString(),
  );
  assert.deepEqual(normalize(JSON.parse(Buffer.from(request.seal()).toString())), normalize(stock));
});

/** Defaults that one side writes and the other leaves out; JSON numbers and strings of integers. */
function normalize(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalize);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(
        ([name, item]) =>
          (item !== 0 || name === 'intValue') && !(Array.isArray(item) && item.length === 0),
      )
      .map(([name, item]) => [name, name === 'intValue' ? Number(item) : normalize(item)]),
  );
}

describe('TLS', () => {
  let certificates: Certificates;
  before(() => {
    certificates = createCertificates();
  });
  after(() => certificates.remove());

  const clientVariables = (): Record<string, string> => ({
    OTEL_EXPORTER_OTLP_CERTIFICATE: certificates.authority,
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: certificates.clientCertificate,
    OTEL_EXPORTER_OTLP_CLIENT_KEY: certificates.clientKey,
  });

  const startHttps = async (t: TestContext): Promise<number> => {
    const receiver = new HttpReceiver(
      createTlsServer({
        ca: read(certificates.authority),
        key: read(certificates.serverKey),
        cert: read(certificates.serverCertificate),
        requestCert: true,
        rejectUnauthorized: true,
      }),
    );
    t.after(() => receiver.close());
    return receiver.listen();
  };

  test('over HTTP proves both ends', async (t) => {
    const port = await startHttps(t);
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${port}` };
    expectAll(await exportAll('http/protobuf', { ...endpoint, ...clientVariables() }));
  });

  test('over gRPC proves both ends', async (t) => {
    const receiver = new GrpcReceiver();
    t.after(() => receiver.close());
    const credentials = grpc.ServerCredentials.createSsl(
      read(certificates.authority),
      [
        {
          private_key: read(certificates.serverKey),
          cert_chain: read(certificates.serverCertificate),
        },
      ],
      true,
    );
    const port = await receiver.listen(credentials);
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${port}` };
    expectAll(await exportAll('grpc', { ...endpoint, ...clientVariables() }));
  });
});

test('gRPC without a scheme is in clear text when INSECURE says so', async (t) => {
  const receiver = new GrpcReceiver();
  t.after(() => receiver.close());
  const port = await receiver.listen();
  const counters = await exportAll('grpc', {
    OTEL_EXPORTER_OTLP_ENDPOINT: `127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_INSECURE: 'true',
  });
  expectAll(counters);
});

test('a signal-specific endpoint and protocol win', async (t) => {
  const receiver = new HttpReceiver();
  t.after(() => receiver.close());
  const port = await receiver.listen();
  await exportAll('http/protobuf', {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/own/path`,
  });
  assert.equal(receiver.received[0]?.path, '/own/path');
});

describe('a collector in trouble', () => {
  test('that comes back gets every span once', async (t) => {
    const receiver = new HttpReceiver();
    t.after(() => receiver.close());
    receiver.answers = [
      { status: 503 },
      { isCut: true },
      { status: 429, headers: { 'Retry-After': '0' } },
      {},
    ];
    const port = await receiver.listen();
    const counters = await exportAll('http/protobuf', {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    });
    expectAll(counters);
    assert.equal(counters.get('export.retries'), 3);
    assert.equal(receiver.received.length, 4);
  });

  test('over gRPC gets every span once', async (t) => {
    const receiver = new GrpcReceiver();
    t.after(() => receiver.close());
    receiver.answers = [{ code: grpc.status.UNAVAILABLE }, { code: grpc.status.ABORTED }, {}];
    const port = await receiver.listen();
    const counters = await exportAll('grpc', {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    });
    expectAll(counters);
    assert.equal(counters.get('export.retries'), 2);
  });
});
