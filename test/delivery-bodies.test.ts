/** Bodies that did not cross with their batch, from the worker's hands into a store. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BatchLine } from '../src/batch-line.ts';
import { Delivery } from '../src/delivery.ts';
import { WallClock } from '../src/export/clock.ts';
import type { Decided } from '../src/export/rows.ts';
import { BatchWriter } from '../src/handoff/batch-writer.ts';
import { HeldBodies } from '../src/handoff/held-bodies.ts';
import type { ExchangeBatch } from '../src/handoff/layout.ts';
import { viewOf } from '../src/process-views.ts';
import { PendingBodies } from '../src/store/pending-bodies.ts';
import { StandardOutput } from '../src/store/standard-output.ts';
import { Counters } from '../src/telemetry/counters.ts';
import { GRAMMARS, loadRight } from './config/file/load.ts';
import { spanRow } from './handoff/rows.ts';
import { answer, connection, exchange, process } from './link/builders.ts';

const nothing = () => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-delivery-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Exported {
  readonly rows: number;
  readonly references: number;
}

/** What the capture worker holds, and the main thread as the agent wires it. */
async function setUp(t: TestContext, folder: string, level: string) {
  const counters = new Counters();
  const bounds = { memoryBytesMax: 16 * 1024 * 1024, diskBytesMax: 0, filesMax: 0 };
  const keeper = new PendingBodies(bounds, counters);
  const bodies: HeldBodies = new HeldBodies(async ({ kind, number }) => {
    if (kind !== 'read-body') return;
    bodies.receive({ kind: 'body', number, bytes: await keeper.read(number) });
  });
  const config = loadRight(
    `version: 2
stacks: {s: {plugins: [{type: http_capture, config: {level: ${level}, format: json}}]}}
tap: {http: {stack: s}}
services:
  object_stores: [{type: file, directory: ${folder}}]
`,
    { grammars: GRAMMARS },
  );
  const context = {
    counters,
    log: SILENT,
    clock: new WallClock(),
    resourceOf: () => ({ attributes: {} }),
    viewOf: () => viewOf({ attributes: {} }),
    processOf: () => viewOf({ attributes: {} }),
    output: new StandardOutput({ bytesMax: 1024 * 1024, log: SILENT }),
  };
  const env = { OTEL_TRACES_EXPORTER: 'none' };
  const delivery = await Delivery.open({ config, env, context });
  const exported: Exported[] = [];
  t.mock.method(
    delivery.outlets.exporter.exporter,
    'add',
    (batch: ExchangeBatch, { references }: Decided) =>
      exported.push({ rows: batch.count, references: references.filter(Boolean).length }),
  );
  const line = new BatchLine({
    read: (batch) => delivery.add(batch, bodies),
    done: (batch) => keeper.discardOf(batch),
  });
  return { counters, keeper, delivery, exported, line };
}

function batchWith(keeper: PendingBodies, ...bodies: readonly Buffer[]): ExchangeBatch {
  const writer = new BatchWriter();
  const socket = connection({ process: process(9) });
  for (const body of bodies) {
    const made = answer(exchange({ connection: socket, role: 'server' }), 5e6, 200);
    made.responseBodyBytes = body.length;
    made.end = 'complete';
    const kept = keeper.start(body.length, body.length);
    kept.add(body, 0, body.length, 0);
    kept.finish();
    made.responseBody = kept;
    writer.add(made, spanRow({ process: 0 }));
  }
  return writer.take() ?? assert.fail();
}

test('bodies of exchanges that are decided full are read and stored, row by row', async (t) => {
  const folder = folderOf(t);
  const { keeper, delivery, exported, line } = await setUp(t, folder, 'full');
  const all = [10, 3_000_000, 200, 2_000_000].map((size) => randomBytes(size));
  line.add(batchWith(keeper, ...all));
  line.add(batchWith(keeper, Buffer.from('a batch behind it')));
  assert.deepEqual(exported, [], 'nothing is exported before its references are known');
  await line.settled();
  assert.deepEqual(exported, [
    { rows: 4, references: 4 },
    { rows: 1, references: 1 },
  ]);
  await delivery.close(10_000);
  const stored = globSync('**/sha256/*', { cwd: folder }).map((name) =>
    sha(readFileSync(join(folder, name))),
  );
  const sent = [...all, Buffer.from('a batch behind it')].map(sha);
  assert.deepEqual(stored.sort(), sent.sort());
  assert.deepEqual([keeper.held, keeper.memoryBytes], [0, 0]);
});

test('bodies of other exchanges go when their batch comes back', async (t) => {
  const { keeper, counters, delivery, exported, line } = await setUp(t, folderOf(t), 'details');
  line.add(batchWith(keeper, randomBytes(1_000_000), randomBytes(1_000_000)));
  assert.deepEqual(exported, [{ rows: 2, references: 2 }], 'at once');
  assert.deepEqual([keeper.held, keeper.memoryBytes], [0, 0]);
  assert.equal(counters.get('store.pending_discarded'), 2);
  await delivery.close(10_000);
});
