/** What the pipeline tells the main thread, on records as the kernel writes them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventProcessAction, eventRole } from '../src/capture/layout.gen.ts';
import { BatchWriter } from '../src/handoff/batch-writer.ts';
import type { Appearance } from '../src/handoff/messages.ts';
import { Pipeline, type PipelineOptions } from '../src/pipeline.ts';
import { Counters } from '../src/telemetry/counters.ts';
import { openRecord, processRecord } from './capture/records.ts';
import { spanRow } from './handoff/rows.ts';
import { connection, exchange, process } from './link/builders.ts';

const TGID = 10;
const START_NS = 7;
const { PROCESS_EXEC, PROCESS_EXIT } = eventProcessAction;

/** A pipeline and what it said about processes: `exec curl`, `socket curl`. */
function pipeline(overrides: Partial<PipelineOptions> = {}) {
  const said: string[] = [];
  const nothing = () => undefined;
  const made = new Pipeline({
    counters: new Counters(),
    ownTgid: 1,
    bodyBytesMax: 0,
    onBatch: nothing,
    onProcess: nothing,
    onAppeared: ({ by, comm, tgid, startNs }: Appearance) => {
      assert.deepEqual([tgid, startNs], [TGID, START_NS]);
      said.push(`${by} ${comm}`);
    },
    onExited: () => said.push('exit'),
    onOwnPeer: nothing,
    onLog: nothing,
    ignoreConnection: nothing,
    forgetConnection: () => false,
    ...overrides,
  });
  return { pipeline: made, said };
}

const became = (action: number, comm: string) =>
  processRecord({ timeNs: 1, tgid: TGID, startNs: START_NS, action }, comm);

function connected(connectionId: number, comm: string): Buffer {
  const role = eventRole.ROLE_CLIENT;
  const fields = { timeNs: 2, tgid: TGID, processStartNs: START_NS, connectionId, role };
  return openRecord({ ...fields, family: 2 }, { comm });
}

test('a process is told at exec, and once more with its first connection', () => {
  const { pipeline: all, said } = pipeline();
  all.consume(became(PROCESS_EXEC, 'sh'));
  all.consume(became(PROCESS_EXEC, 'curl'));
  assert.deepEqual(said, ['exec sh', 'exec curl']);
  all.consume(connected(1, 'curl'));
  all.consume(connected(2, 'curl'));
  all.consume(became(PROCESS_EXIT, 'curl'));
  assert.deepEqual(said.slice(2), ['socket curl', 'exit']);
});

test('another program in the same process is told with its own first connection', () => {
  const { pipeline: all, said } = pipeline();
  all.consume(connected(1, 'sh'));
  all.consume(became(PROCESS_EXEC, 'curl'));
  all.consume(connected(2, 'curl'));
  assert.deepEqual(said, ['socket sh', 'exec curl', 'socket curl']);
});

test('a process that has a plan is told with its first connection, too', () => {
  const { pipeline: all, said } = pipeline();
  all.setFamily(TGID, 'nginx', false);
  all.consume(connected(1, 'nginx'));
  assert.deepEqual(said, ['socket nginx']);
});

test('bodies of a batch that nobody takes go with it', () => {
  const { pipeline: all } = pipeline({ bodies: { memoryBytesMax: 1024 * 1024 } });
  const body = all.bodies.start(100_000, 100_000);
  body.add(Buffer.alloc(100_000), 0, 100_000, 0);
  const made = exchange({ connection: connection({ process: process(TGID) }), role: 'server' });
  made.responseBody = body;
  const writer = new BatchWriter();
  writer.add(made, spanRow({}));
  assert.equal(all.bodies.held, 1);
  all.reuse(writer.take() ?? assert.fail());
  assert.deepEqual([all.bodies.held, all.bodies.memoryBytes], [0, 0]);
});
