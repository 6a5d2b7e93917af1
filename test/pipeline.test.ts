/** What the pipeline tells the main thread, on records as the kernel writes them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventProcessAction, eventProtocol, eventRole } from '../src/capture/layout.gen.ts';
import { BatchWriter } from '../src/handoff/batch-writer.ts';
import type { Appearance } from '../src/handoff/messages.ts';
import { allTraffic } from '../src/handoff/traffic.ts';
import { Pipeline, type PipelineOptions } from '../src/pipeline.ts';
import { Counters } from '../src/telemetry/counters.ts';
import { closeRecord, openRecord, processRecord } from './capture/records.ts';
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
    traffic: allTraffic(0),
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

test('connections of every protocol are told; those without HTTP/1 make nothing else', () => {
  const told: string[] = [];
  const counters = new Counters();
  const { pipeline: all, said } = pipeline({
    counters,
    connections: {
      open: ({ id, speaks }) => told.push(`open ${id} ${speaks}`),
      close: ({ id }, { readPosition, writePosition }) =>
        told.push(`close ${id} ${readPosition} ${writePosition}`),
    },
  });
  const fields = { timeNs: 2, tgid: TGID, processStartNs: START_NS, connectionId: 1, family: 2 };
  all.consume(openRecord({ ...fields, protocol: eventProtocol.PROTOCOL_TLS }, { comm: 'curl' }));
  all.consume(closeRecord({ timeNs: 3, connectionId: 1, readPosition: 700, writePosition: 50 }));
  assert.deepEqual(said, []);
  all.consume(connected(2, 'curl'));
  all.consume(closeRecord({ timeNs: 3, connectionId: 2 }));
  assert.deepEqual(said, ['socket curl']);
  assert.deepEqual(told, ['open 1 tls', 'close 1 700 50', 'open 2 http1', 'close 2 0 0']);
  all.finish();
  assert.equal(counters.total('lost') + counters.total('dropped'), 0);
});
