/** Batches through rules, redaction, records and export, with a real file store. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, globSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Delivery, type DeliveryInput } from '../src/delivery.ts';
import { viewOf } from '../src/process-views.ts';
import { StandardOutput } from '../src/store/standard-output.ts';
import { Counters } from '../src/telemetry/counters.ts';
import type { Log } from '../src/telemetry/log.ts';
import { GRAMMARS, loadRight } from './config/file/load.ts';
import { type OtlpSpan, spansOfLine } from './e2e/harness/otlp-span.ts';
import { HttpReceiver } from './export/receiver.ts';
import { type Row, toBatch } from './export/rows.ts';
import { fixedClock } from './export/stage.ts';
import { temporaryFolder } from './store/temporary.ts';

/** Where spans arrive: all tests send to it, each closes its exporter before it looks. */
const receiver = new HttpReceiver();
const endpoint = `http://127.0.0.1:${await receiver.listen()}`;
after(() => receiver.close());
// Transports read the environment of the process.
process.env.OTEL_EXPORTER_OTLP_ENDPOINT = endpoint;

const SILENT: Log = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };

function spansOf({ received }: HttpReceiver): OtlpSpan[] {
  return received.flatMap(({ body }) => spansOfLine(body.toString()));
}

function inputOf(yaml: string, sampler: string, counters: Counters): DeliveryInput {
  const resource = { attributes: { 'process.pid': 7, 'process.executable.name': 'p' } };
  return {
    config: loadRight(`version: 2\n${yaml}`, { grammars: GRAMMARS }),
    env: {
      OTEL_TRACES_SAMPLER: sampler,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    },
    context: {
      counters,
      log: SILENT,
      clock: fixedClock(BigInt(Date.UTC(2026, 10, 21)) * 1_000_000n),
      resourceOf: () => resource,
      viewOf: () => viewOf(resource),
      processOf: () => viewOf(resource),
      output: new StandardOutput({ bytesMax: 1024 * 1024, log: SILENT }),
    },
  };
}

const fileStore = (folder: string, more = '') => `
services:
  object_stores: [{ type: file, directory: ${folder}${more} }]`;

const stack = (config: string) => `
stacks: { main: { plugins: [{ type: http_capture, config: ${config} }] } }
tap: { http: { stack: main } }
`;

async function open(yaml: string, before?: Delivery, sampler = 'always_on') {
  const counters = new Counters();
  const delivery = await Delivery.open(inputOf(yaml, sampler, counters), before);
  return { delivery, counters };
}

function objectsIn(folder: string): string[] {
  return globSync('**/*', { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}

function recordsIn(folder: string): Record<string, never>[] {
  const files = objectsIn(folder).filter((file) => file.endsWith('.json'));
  return files.map((file) => JSON.parse(readFileSync(file, 'utf8')));
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: id=s3cret\r\n\r\n';

/** A request with secrets, and what became of it behind the proxy. */
const HOP: readonly Row[] = [
  {
    hop: 1,
    spanId: '1111111111111111',
    method: 'POST',
    target: '/api/pay?sig=s3cret-in',
    headers: [
      ['Host', 'shop.example'],
      ['Authorization', 'Bearer s3cret-in'],
    ],
    requestBody: '{"pin":"s3cret","n":1}',
    requestEndNs: 1_000_100_000,
    responseHead: OK,
    responseBody: '{}',
    ownNs: 300_000,
  },
  {
    hop: 1,
    client: true,
    spanId: '2222222222222222',
    parentSpanId: '1111111111111111',
    method: 'POST',
    target: '/pay?sig=s3cret-out',
    headers: [
      ['Host', 'backend:9000'],
      ['Authorization', 'Bearer s3cret-out'],
      ['X-Forwarded-For', '192.0.2.7'],
    ],
    requestBody: '{"pin":"s3cret","n":1}',
    requestEndNs: 1_000_100_000,
    responseHead: OK,
    responseBody: '{}',
  },
];

async function deliver(t: TestContext, rest: string, sampler?: string) {
  const folder = temporaryFolder(t);
  const { delivery, counters } = await open(fileStore(folder) + rest, undefined, sampler);
  const before = spansOf(receiver).length;
  delivery.add(toBatch(HOP));
  await delivery.close(5_000);
  const spans = spansOf(receiver).slice(before);
  const [ingress = {}, egress = {}] = spans.map(({ attributes }) => attributes);
  return { folder, counters, spans, ingress, egress };
}

describe('a batch', () => {
  test('becomes spans that refer to records and bodies', async (t) => {
    const { ingress, egress, folder } = await deliver(t, stack('{ level: full }'));
    const record = fileURLToPath(String(ingress['spantap.record_ref']));
    assert.match(record, /0af7651916cd43dd8448eb211c80319c-1111111111111111\.json$/);
    assert.equal(JSON.parse(readFileSync(record, 'utf8')).span_id, '1111111111111111');
    const body = readFileSync(fileURLToPath(String(ingress['http.request.body.content_ref'])));
    assert.equal(body.toString(), '{"pin":"s3cret","n":1}');
    const digest = createHash('sha256').update(body).digest('hex');
    assert.equal(ingress['spantap.http.request.body.sha256'], digest);
    assert.equal(egress['http.request.body.content_ref'], ingress['http.request.body.content_ref']);
    assert.equal(objectsIn(folder).length, 4, 'two records, two bodies');
  });

  test('is cleaned by the standard lists before it is stored or exported', async (t) => {
    const { spans, folder } = await deliver(t, stack('{ level: details }'));
    const stored = objectsIn(folder).map((file) => readFileSync(file, 'utf8'));
    assert.equal(stored.length, 2);
    assert.doesNotMatch(stored.join() + spans.map(textOf).join(), /s3cret/);
    assert.equal(spans[0]?.attributes['url.query'], 'sig=REDACTED');
  });

  test('is cleaned by the rules of the file, bodies too', async (t) => {
    const rules =
      'redaction: { rules: [{ type: json, path: $.pin }, { type: header, name: x-forwarded-for, action: drop }] }';
    const { spans, ingress, folder, counters } = await deliver(t, stack('{ level: full }') + rules);
    const stored = objectsIn(folder).map((file) => readFileSync(file, 'utf8'));
    assert.doesNotMatch(stored.join() + spans.map(textOf).join(), /s3cret|192\.0\.2\.7/);
    const [first] = recordsIn(folder) as unknown as { request: { body_info: object } }[];
    const body = '{"pin":"REDACTED","n":1}';
    assert.deepEqual(first?.request.body_info, {
      length: 22,
      stored: body.length,
      redacted: true,
      sha256: createHash('sha256').update(body).digest('hex'),
      ref: ingress['http.request.body.content_ref'],
    });
    assert.equal(counters.get('store.bodies_masked'), 0);
  });

  test('shows a secret header that a rule keeps', async (t) => {
    const rule = 'redaction: { rules: [{ type: header, name: Authorization, action: keep }] }';
    for (const level of ['details', 'summary']) {
      const { ingress } = await deliver(t, stack(`{ level: ${level} }`) + rule);
      const value = ingress['http.request.header.authorization'];
      assert.deepEqual(value, level === 'details' ? ['Bearer s3cret-in'] : undefined);
    }
  });

  test('tells in its records what the proxy changed, without the values', async (t) => {
    const { folder } = await deliver(t, stack('{ level: full }'));
    const [ingress, egress] = recordsIn(folder).map(({ changes }) => changes);
    assert.deepEqual(ingress, {
      own_ms: 0.3,
      request: {
        path: { from: '/api/pay', to: '/pay', prefix_stripped: '/api' },
        query: { from: '?sig=REDACTED', to: '?sig=REDACTED' },
        host: { from: 'shop.example', to: 'backend:9000' },
        headers: {
          added: [['X-Forwarded-For', '192.0.2.7']],
          changed: [{ name: 'Authorization', from: ['REDACTED'], to: ['REDACTED'] }],
        },
      },
      response: {},
    });
    assert.deepEqual(egress, ingress);
  });

  test('has the same in text', async (t) => {
    const { folder } = await deliver(t, stack('{ level: details, format: text }'));
    const [file = ''] = objectsIn(folder).filter((each) => each.endsWith('.txt'));
    const text = readFileSync(file, 'utf8');
    assert.match(text, /^=== HTTP Transaction ===\nSource Process: p \(PID: 7\)\n/);
    assert.match(
      text,
      /\n--- Changed by the Proxy ---\nOwn Time: 0\.3ms\nPath: \/api\/pay → \/pay /,
    );
  });

  test('is stored from level details on, and printed from level summary on', async (t) => {
    const { folder } = await deliver(t, stack('{ level: summary }'));
    assert.deepEqual(objectsIn(folder), []);
    const printed = join(temporaryFolder(t), 'printed');
    const fd = openSync(printed, 'w');
    t.after(() => closeSync(fd));
    const output = new StandardOutput({ bytesMax: 1024 * 1024, log: SILENT, fd });
    const store = 'services: { object_stores: [{ type: stdout }] }\n';
    const input = inputOf(store + stack('{ level: summary }'), 'always_on', new Counters());
    const delivery = await Delivery.open({ ...input, context: { ...input.context, output } });
    delivery.add(toBatch(HOP));
    await delivery.close(5_000);
    await output.close(5_000);
    const text = readFileSync(printed, 'utf8');
    assert.doesNotMatch(text, /s3cret|header|changes/);
    const urls = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).request.url);
    assert.deepEqual(urls, [
      'http://shop.example/api/pay?sig=REDACTED',
      'http://backend:9000/pay?sig=REDACTED',
    ]);
  });

  test('is sampled as a hop; what is always stored is stored all the same', async (t) => {
    const sampled = await deliver(t, stack('{ level: full }'), 'always_off');
    assert.deepEqual([sampled.spans.length, objectsIn(sampled.folder).length], [0, 0]);
    const always = await deliver(t, stack('{ level: full, store: always }'), 'always_off');
    assert.deepEqual([always.spans.length, recordsIn(always.folder).length], [0, 2]);
    assert.doesNotMatch(JSON.stringify(recordsIn(always.folder)), /s3cret/);
  });
});

describe('a new configuration', () => {
  test('takes over the stores that stay as they are', async (t) => {
    const folder = temporaryFolder(t);
    const first = await open(fileStore(folder) + stack('{ level: details }'));
    first.delivery.add(toBatch([{ spanId: '1111111111111111' }]));
    const next = await open(fileStore(folder) + stack('{ level: full }'), first.delivery);
    assert.equal(
      next.delivery.outlets.objects.find(undefined),
      first.delivery.outlets.objects.find(undefined),
    );
    await first.delivery.close(5_000, next.delivery);
    next.delivery.add(toBatch([{ spanId: '2222222222222222' }]));
    await next.delivery.close(5_000);
    assert.deepEqual(
      recordsIn(folder).map(({ level }) => level),
      ['details', 'full'],
    );
  });

  test('ends the stores that are no more, with what they still hold', async (t) => {
    const [old, fresh] = [temporaryFolder(t), temporaryFolder(t)];
    const first = await open(fileStore(old) + stack('{ level: details }'));
    first.delivery.add(toBatch([{}]));
    const next = await open(fileStore(fresh) + stack('{ level: details }'), first.delivery);
    assert.notEqual(
      next.delivery.outlets.objects.find(undefined),
      first.delivery.outlets.objects.find(undefined),
    );
    await first.delivery.close(5_000, next.delivery);
    assert.equal(recordsIn(old).length, 1);
    next.delivery.add(toBatch([{}]));
    await next.delivery.close(5_000);
    assert.equal(recordsIn(fresh).length, 1);
  });

  test('that cannot be opened leaves the one before as it is', async (t) => {
    const folder = temporaryFolder(t);
    const first = await open(fileStore(folder) + stack('{ level: details }'));
    const taken = join(temporaryFolder(t), 'taken');
    const spool = (name: string) => `
services:
  object_stores:
    - { type: file, directory: ${folder} }
    - { type: s3, id: ${name}, bucket: b, endpoint: 127.0.0.1:9, access_key: {type: text, value: a}, secret_key: {type: text, value: b},
        spool: { directory: ${taken} } }`;
    const holder = await open(spool('holder'));
    await assert.rejects(open(spool('second'), first.delivery), /another/);
    first.delivery.add(toBatch([{}]));
    await first.delivery.close(5_000);
    await holder.delivery.close(0);
    assert.equal(recordsIn(folder).length, 1);
  });

  test('of redaction has spans without secrets, whichever came before', async () => {
    const rules = 'redaction: { rules: [{ type: header, name: x-user }] }';
    for (const [one, two] of [
      [rules, ''],
      ['', rules],
    ] as const) {
      const first = await open(one);
      const next = await open(two, first.delivery);
      await first.delivery.close(5_000, next.delivery);
      const before = spansOf(receiver).length;
      next.delivery.add(toBatch([{ target: '/?sig=s3cret' }]));
      await next.delivery.close(5_000);
      const [span] = spansOf(receiver).slice(before);
      assert.equal(span?.attributes['url.query'], 'sig=REDACTED');
    }
  });
});

/** All that a span says. */
function textOf({ name, traceState, attributes }: OtlpSpan): string {
  return JSON.stringify({ name, traceState, attributes });
}
