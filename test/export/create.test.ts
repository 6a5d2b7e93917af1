import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import type { ExporterKind } from '../../src/export/choose.ts';
import { ALL_HEADERS, createExporter } from '../../src/export/create.ts';
import { Resources } from '../../src/export/otlp/resource.ts';
import { readExportSettings } from '../../src/export/settings.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { kept } from './decided.ts';
import { withEnvironment } from './environment.ts';
import { HttpReceiver } from './receiver.ts';
import { toBatch } from './rows.ts';
import { fixedClock } from './stage.ts';

function create(kinds: ExporterKind[], env: Record<string, string> = {}) {
  const counters = new Counters();
  const out = new PassThrough();
  const exporter = createExporter(
    { kinds, protocol: 'http/protobuf', reason: '' },
    {
      headers: ALL_HEADERS,
      settings: readExportSettings({}),
      resourceOf: () => ({ attributes: { 'service.name': 'nginx' } }),
      clock: fixedClock(),
      counters,
      log: createLog({ level: 'silent', encoding: 'console' }),
      out,
      env,
    },
  );
  return { exporter, counters, text: () => String(out.read() ?? '') };
}

describe('the exporter that was chosen', () => {
  test('is none: spans are counted as dropped', async () => {
    const { exporter, counters } = create([]);
    exporter.add(...kept(toBatch([{}, {}])));
    await exporter.flush(0);
    await exporter.close(0);
    assert.equal(counters.get('dropped.export_none'), 2);
  });

  test('is the console: trees, without colours where there is no terminal', async () => {
    const { exporter, counters, text } = create(['console']);
    exporter.add(...kept(toBatch([{}])));
    await exporter.close(0);
    assert.match(text(), /^trace 0af76519… 1 span/);
    assert.equal(counters.get('export.spans'), 1);
  });

  test('goes where the given variables say, and leaves those of the process as they were', async (t) => {
    const receiver = new HttpReceiver();
    t.after(() => receiver.close());
    const port = await receiver.listen();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=a',
    };
    await withEnvironment({ OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=b' }, async () => {
      const { exporter, counters } = create(['otlp'], env);
      exporter.add(...kept(toBatch([{}])));
      await exporter.close(5_000);
      assert.equal(counters.get('export.spans'), 1);
      assert.equal(receiver.received[0]?.headers['x-tenant'], 'a');
      assert.equal(process.env.OTEL_EXPORTER_OTLP_HEADERS, 'x-tenant=b');
      assert.equal(process.env.OTEL_EXPORTER_OTLP_ENDPOINT, undefined);
    });
  });

  test('is a collector and the console: both get all, and a span counts once', async (t) => {
    const receiver = new HttpReceiver();
    t.after(() => receiver.close());
    const port = await receiver.listen();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
    await withEnvironment(env, async () => {
      const { exporter, counters, text } = create(['otlp', 'console'], env);
      exporter.add(...kept(toBatch([{}])));
      await exporter.flush(5_000);
      await exporter.close(5_000);
      assert.match(text(), /^trace/);
      assert.equal(receiver.received.length, 1);
      assert.equal(counters.get('export.spans'), 1);
    });
  });
});

test('what a file says in the words of the variables reaches the collector, the process has none', async (t) => {
  const receiver = new HttpReceiver();
  t.after(() => receiver.close());
  const port = await receiver.listen();
  const env = {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/mine`,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=from-a-file',
  };
  await withEnvironment({}, async () => {
    const { exporter } = create(['otlp'], env);
    exporter.add(...kept(toBatch([{}])));
    await exporter.flush(5_000);
    await exporter.close(0);
  });
  const [request] = receiver.received;
  assert.equal(request?.path, '/mine');
  assert.equal(request.headers.authorization, 'from-a-file');
});

describe('resources', () => {
  test('are encoded once, and anew when discovery says something else', () => {
    let info = { attributes: { 'service.name': 'a' } };
    const resources = new Resources(() => info, new Counters());
    const first = resources.get(0);
    assert.equal(resources.get(0), first);
    info = { attributes: { 'service.name': 'b' } };
    assert.notDeepEqual(resources.get(0).bytes, first.bytes);
  });

  test('of more processes than the limit are forgotten, and counted', () => {
    const counters = new Counters();
    const resources = new Resources(
      (index) => ({ attributes: { 'process.pid': index } }),
      counters,
      3,
    );
    for (let index = 0; index < 5; index++) resources.get(index);
    assert.equal(counters.get('export.resources_forgotten'), 2);
    assert.ok(resources.get(0).bytes.length > 0);
  });
});
