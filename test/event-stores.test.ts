/** The event stores of a configuration: which one gets what, and how they end. */
import assert from 'node:assert/strict';
import { copyFileSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { EventStoreConfig } from '../src/config/file/types.ts';
import { limits } from '../src/config/limits.ts';
import { EventStores } from '../src/event-stores.ts';
import { StandardOutput } from '../src/store/standard-output.ts';
import { AgentError } from '../src/telemetry/agent-error.ts';
import { Counters } from '../src/telemetry/counters.ts';
import { createCertificates } from './export/certificates.ts';
import { decodeLogs, plain, plainValue } from './export/logs/decoder.ts';
import { HttpReceiver } from './export/receiver.ts';
import { eventOf } from './store/events/events.ts';
import { until } from './store/fake-store.ts';
import { Lines } from './store/options.ts';
import { temporaryFolder } from './store/temporary.ts';

const MIB = 1024 * 1024;
const DEADLINE_MS = 10_000;

async function openStores(t: TestContext, configs: (folder: string) => EventStoreConfig[]) {
  const folder = temporaryFolder(t);
  const printed = join(folder, 'stdout');
  const log = new Lines();
  const counters = new Counters();
  const output = new StandardOutput({ bytesMax: MIB, log, fd: openSync(printed, 'w') });
  const context = { counters, log, env: {}, output, spanProtocol: 'http/protobuf' } as const;
  const stores = await EventStores.open(configs(folder), context);
  return { stores, counters, folder, context, log, stdout: () => readFileSync(printed, 'utf8') };
}

const fileStore = (folder: string, id?: string): EventStoreConfig => ({
  type: 'file',
  id,
  path: join(folder, 'events.jsonl'),
  maxBytes: MIB,
  maxBackups: 1,
});

test('the first store is the default, others are chosen by id', async (t) => {
  const { stores, counters, folder, stdout } = await openStores(t, (folder) => [
    { type: 'stdout', id: undefined },
    fileStore(folder, 'audit'),
  ]);
  stores.add(eventOf('a'));
  stores.add(eventOf('b'), 'audit');
  assert.equal(stores.find('nobody'), undefined);
  assert.equal(stores.wantsConnections, true);
  await stores.close(DEADLINE_MS);
  assert.equal(stdout(), '{"type":"connection","item":{"name":"a"}}\n');
  assert.match(readFileSync(join(folder, 'events.jsonl'), 'utf8'), /"name":"b"/);
  assert.equal(counters.get('events.stored'), 2);
});

test('logs carry the name and the environment of the store', async (t) => {
  const receiver = new HttpReceiver();
  const port = await receiver.listen();
  t.after(() => receiver.close());
  const { stores } = await openStores(t, () => [
    {
      type: 'otel',
      id: 'logs',
      endpoint: `http://127.0.0.1:${port}`,
      protocol: undefined,
      headers: undefined,
      serviceName: 'edge-tap',
      environment: 'production',
      tls: undefined,
    },
  ]);
  stores.add(eventOf('a'));
  await stores.flush(DEADLINE_MS);
  await stores.close(DEADLINE_MS);
  const [logs] = decodeLogs(receiver.received[0]?.body ?? Buffer.alloc(0)).resourceLogs;
  assert(logs);
  const resource = plain(logs.resource.attributes);
  assert.equal(resource['service.name'], 'edge-tap');
  assert.equal(resource['deployment.environment.name'], 'production');
  const [record] = logs.scopeLogs[0]?.logRecords ?? [];
  assert.equal(record && plainValue(record.body), 'a');
});

test('what standard output is too slow for is counted', async (t) => {
  const { stores, counters } = await openStores(t, () => [{ type: 'stdout', id: undefined }]);
  const half = 'x'.repeat(0.6 * MIB);
  for (let n = 0; n < 3; n++) stores.add(eventOf(half));
  await stores.flush(DEADLINE_MS);
  assert.deepEqual([counters.get('events.stored'), counters.get('dropped.events_stdout')], [1, 2]);
});

test("what a disk that fails leaves no room for is counted as the disk's", async (t) => {
  const { stores, counters, folder, log } = await openStores(t, (folder) => [
    fileStore(join(folder, 'events')),
  ]);
  t.after(() => stores.close(0));
  rmSync(join(folder, 'events'), { recursive: true });
  writeFileSync(join(folder, 'events'), 'no folder');
  stores.add(eventOf('a'));
  await until('the failure is told', () => log.lines.some((line) => line.startsWith('warn')));
  const events = Math.ceil(limits.eventQueueBytesMax / MIB) + 1;
  for (let n = 0; n < events; n++) stores.add(eventOf('x'.repeat(MIB)));
  assert.ok(counters.get('dropped.events_disk') > 0);
  assert.equal(counters.get('dropped.events_queue'), 0);
});

test('without a store, or with a disabled one, nobody wants events', async (t) => {
  const none = await openStores(t, () => []);
  assert.equal(none.stores.wantsConnections, false);
  none.stores.add(eventOf('a'));
  const disabled = await openStores(t, () => [{ type: 'disabled', id: undefined }]);
  assert.equal(disabled.stores.wantsConnections, false);
  disabled.stores.add(eventOf('a'));
  await disabled.stores.close(DEADLINE_MS);
  assert.equal(disabled.counters.get('events.stored'), 0);
});

test('a reload keeps the stores that stay as they are, and ends the others', async (t) => {
  const { stores, counters, folder, context } = await openStores(t, (folder) => [
    fileStore(folder, 'kept'),
    { type: 'stdout', id: 'gone' },
  ]);
  const next = await EventStores.open([fileStore(folder, 'kept')], context, stores);
  assert.equal(next.find('kept'), stores.find('kept'));
  stores.add(eventOf('a'), 'kept');
  await stores.close(DEADLINE_MS, next);
  next.add(eventOf('b'));
  await next.close(DEADLINE_MS);
  assert.equal(counters.get('events.stored'), 2);
  assert.equal(counters.get('dropped.events_at_exit'), 0);
});

test('a reload renews a store for logs when the section otel says otherwise', async (t) => {
  const logs = {
    type: 'otel',
    id: 'logs',
    endpoint: undefined,
    protocol: undefined,
    headers: undefined,
    serviceName: 'spantap',
    environment: undefined,
    tls: undefined,
  } as const;
  const { stores, context } = await openStores(t, () => [logs]);
  const same = await EventStores.open([logs], { ...context, env: { PATH: 'x' } }, stores);
  assert.equal(same.find('logs'), stores.find('logs'));
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  const other = await EventStores.open([logs], { ...context, env }, same);
  assert.notEqual(other.find('logs'), stores.find('logs'));
  await same.close(0, other);
  await other.close(0);
});

test('a reload renews a store for logs when a certificate that it names is another one', async (t) => {
  const folder = temporaryFolder(t);
  const certificates = createCertificates();
  t.after(() => certificates.remove());
  const caFile = join(folder, 'ca.pem');
  copyFileSync(certificates.authority, caFile);
  const logs = {
    type: 'otel',
    id: 'logs',
    endpoint: 'https://127.0.0.1:9',
    protocol: undefined,
    headers: undefined,
    serviceName: 'spantap',
    environment: undefined,
    tls: { enabled: true, insecureSkipVerify: false, caFile },
  } as const;
  const { stores, context } = await openStores(t, () => [logs]);
  const same = await EventStores.open([logs], context, stores);
  assert.equal(same.find('logs'), stores.find('logs'));
  copyFileSync(certificates.serverCertificate, caFile);
  const other = await EventStores.open([logs], context, same);
  assert.notEqual(other.find('logs'), stores.find('logs'));
  await same.close(0, other);
  await other.close(0);
});

test('a store that cannot be used ends the start', async (t) => {
  const opening = openStores(t, (folder) => [
    fileStore(folder),
    { ...fileStore(folder, 'bad'), path: '/proc/none/events.jsonl' } as EventStoreConfig,
  ]);
  await assert.rejects(opening, (error) => error instanceof AgentError);
});
