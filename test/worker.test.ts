/** The capture worker on a made-up kernel side: what it does in which order. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { eventDirection, eventRole } from '../src/capture/layout.gen.ts';
import { limits } from '../src/config/limits.ts';
import type {
  ConnectionReport,
  FromWorker,
  OwnConnection,
  ToWorker,
  TrafficSettings,
} from '../src/handoff/messages.ts';
import { allTraffic } from '../src/handoff/traffic.ts';
import type { Kernel } from '../src/native/types.ts';
import { Counters } from '../src/telemetry/counters.ts';
import { CaptureWorker, type WorkerOptions } from '../src/worker.ts';
import { dataRecord, openRecord } from './capture/records.ts';

const LOCALHOST = [127, 0, 0, 1];
const NETNS = 9;
const AGENT_PORT = 40_000;
const COLLECTOR_PORT = 4318;
/** Records that lay in the ring for a second: the machine is loaded. */
const NOW_NS = Number(process.hrtime.bigint()) - 1e9;

/** Of a full batch (handoff/batch-writer.ts). */
const BATCH_ROWS = 512;

type Transport = 'TCP' | 'Unix';

const OWN: Readonly<Record<Transport, OwnConnection>> = {
  TCP: {
    id: 1,
    socketInode: 0,
    netnsInode: NETNS,
    local: { address: '127.0.0.1', port: AGENT_PORT },
    remote: { address: '127.0.0.1', port: COLLECTOR_PORT },
  },
  Unix: {
    id: 1,
    socketInode: 77,
    netnsInode: NETNS,
    local: { address: '', port: 0 },
    remote: { address: 'unix', port: 0 },
  },
};

/** The end of the collector (TCP) or of a container runtime (Unix). */
const OTHER_END = {
  TCP: { family: 2, localPort: COLLECTOR_PORT, remotePort: AGENT_PORT },
  Unix: { family: 1, peerInode: 77 },
} as const;

/** One request and its answer, as who is at the other end of OWN reads and writes them. */
function serverRecords(transport: Transport): Buffer {
  const base = { tgid: 10, tid: 10, connectionId: 1 };
  const open = openRecord(
    {
      ...base,
      ...OTHER_END[transport],
      timeNs: NOW_NS,
      netnsInode: NETNS,
      role: eventRole.ROLE_SERVER,
      startSeen: 1,
    },
    { comm: 'collector', local: LOCALHOST, remote: LOCALHOST },
  );
  const { DIRECTION_READ, DIRECTION_WRITE } = eventDirection;
  const request = 'POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n';
  const response = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
  return Buffer.concat([
    open,
    dataRecord({ ...base, timeNs: NOW_NS + 1, direction: DIRECTION_READ, turn: 1 }, request),
    dataRecord({ ...base, timeNs: NOW_NS + 2, direction: DIRECTION_WRITE, turn: 2 }, response),
  ]);
}

/** A kernel side whose ring has `records` in it, once. */
function kernelWith(records: Buffer, onDrain: () => void): Kernel {
  let isEmpty = false;
  return {
    drain: (batch: Uint8Array) => {
      if (isEmpty) return 0;
      isEmpty = true;
      onDrain();
      batch.set(records);
      return records.length;
    },
    counters: () => new Float64Array(16),
    setWalk: () => undefined,
    offerWalk: () => undefined,
    readWalk: () => ({ agreed: 0, disagreed: 0, taken: 0 }),
    walkAlone: () => undefined,
    sweep: () => 0,
    setPolicy: () => undefined,
    clearPolicy: () => undefined,
    setTraffic: () => undefined,
    hook: 'socket',
    socketRefusal: undefined,
    ringBytes: 1 << 20,
    followCloses: () => undefined,
    followSplices: () => undefined,
    stop: () => new Uint8Array(0),
    endLate: () => 0,
    ignoreConnection: () => undefined,
    forgetConnection: () => true,
    attachUprobe: () => 0,
    detach: () => undefined,
    close: () => undefined,
  };
}

interface Outcome {
  readonly counters: Counters;
  readonly exchanges: number;
  readonly ownPeers: readonly number[];
  readonly reports: readonly ConnectionReport[];
}

/** Runs a worker until it has taken all records; returns what it handed over. */
async function runWorker(
  isOwnConnectionTold: 'never' | 'before the start' | 'just before the bytes',
  transport: Transport = 'TCP',
  more: Partial<WorkerOptions> = {},
): Promise<Outcome> {
  const { port1, port2 } = new MessageChannel();
  const tell = (message: ToWorker) => port2.postMessage(message);
  const ownPeers: number[] = [];
  let exchanges = 0;
  const reports: ConnectionReport[] = [];
  let counters = new Counters();
  port2.on('message', (message: FromWorker) => {
    if (message.kind === 'batch') exchanges += message.batch.count;
    if (message.kind === 'own-peer') ownPeers.push(message.tgid);
    if (message.kind === 'connections') reports.push(...message.reports);
    if (message.kind === 'counters') counters = new Counters(message.values);
  });
  const kernel = kernelWith(serverRecords(transport), () => {
    if (isOwnConnectionTold === 'just before the bytes')
      tell({ kind: 'own-opened', connection: OWN[transport] });
  });
  const own = isOwnConnectionTold === 'before the start' ? [OWN[transport]] : [];
  const options = { ...optionsWith(own), ...more };
  const ended = once(port2, 'close');
  new CaptureWorker(options, port1, kernel).start();
  tell({ kind: 'stop' });
  await ended;
  return { counters, exchanges, ownPeers, reports };
}

function optionsWith(ownConnections: readonly OwnConnection[]): WorkerOptions {
  return {
    kernel: {
      watchAll: true,
      ringBytes: 0,
      ringBytesMin: 0,
      connectionsMax: 0,
      headBytesMax: 0,
    },
    pipeline: { ownTgid: process.pid },
    traffic: allTraffic(0),
    plans: [],
    ownConnections,
  };
}

test('changed traffic settings reach the kernel side, and it is told that they hold', async () => {
  const { port1, port2 } = new MessageChannel();
  const got: TrafficSettings[] = [];
  const told = Promise.withResolvers<readonly TrafficSettings[]>();
  port2.on('message', (message: FromWorker) => {
    if (message.kind === 'traffic-set') told.resolve([...got]);
  });
  const setTraffic = (settings: TrafficSettings) => void got.push(settings);
  const kernel = { ...kernelWith(Buffer.alloc(0), () => undefined), setTraffic };
  const settings = { ...allTraffic(5), reportsConnections: true };
  const ended = once(port2, 'close');
  new CaptureWorker(optionsWith([]), port1, kernel).start();
  const changed: ToWorker = { kind: 'traffic', settings };
  port2.postMessage(changed);
  assert.deepEqual(await told.promise, [settings]);
  port2.postMessage({ kind: 'stop' });
  await ended;
});

test('a hook that is not the wanted one is told at the start', async () => {
  const { port1, port2 } = new MessageChannel();
  const told: string[] = [];
  port2.on('message', (message: FromWorker) => {
    if (message.kind === 'unavailable') told.push(`${message.what}: ${message.why}`);
  });
  const kernel = kernelWith(Buffer.alloc(0), () => undefined);
  const refused: Kernel = { ...kernel, hook: 'syscall', socketRefusal: 'too old' };
  const ended = once(port2, 'close');
  new CaptureWorker(optionsWith([]), port1, refused).start();
  port2.postMessage({ kind: 'stop' });
  await ended;
  assert.equal(told.length, 1);
  assert.match(told[0], /^capture in sockets.*: too old$/);
});

test('what a collector serves is a span when nobody said whose it is', async () => {
  const { exchanges } = await runWorker('never');
  assert.equal(exchanges, 1);
});

for (const when of ['before the start', 'just before the bytes'] as const) {
  for (const transport of ['TCP', 'Unix'] as const) {
    test(`no span on a ${transport} connection of the agent that was told ${when}`, async () => {
      const { exchanges, counters } = await runWorker(when, transport);
      assert.equal(exchanges, 0);
      assert.equal(counters.get('link.own_traffic'), 1);
    });
  }
}

test('who serves the agent over TCP is told, so that it is left out; over Unix sockets not', async () => {
  assert.deepEqual((await runWorker('before the start', 'TCP')).ownPeers, [10]);
  assert.deepEqual((await runWorker('before the start', 'Unix')).ownPeers, []);
});

const ON = { traffic: { ...allTraffic(0), reportsConnections: true } };

test('connections are reported when that is asked for, at the latest at the stop', async () => {
  const { reports, counters } = await runWorker('never', 'TCP', ON);
  const last = reports.at(-1);
  assert(last);
  const { comm, role, localPort, speaks, isFinal } = last;
  const expected = ['collector', 'server', COLLECTOR_PORT, 'http1', false];
  assert.deepEqual([comm, role, localPort, speaks, isFinal], expected);
  assert.equal(counters.get('capture.reports'), reports.length);
});

test('and not when it is not, nor what a collector serves the agent', async () => {
  assert.deepEqual((await runWorker('never')).reports, []);
  for (const transport of ['TCP', 'Unix'] as const) {
    assert.deepEqual((await runWorker('before the start', transport, ON)).reports, []);
    assert.deepEqual((await runWorker('just before the bytes', transport, ON)).reports, []);
  }
});

/** So many exchanges on one connection, in pieces that fit into one drain. */
function* longConnection(exchanges: number): Generator<Buffer> {
  const base = { tgid: 10, tid: 10, connectionId: 1 };
  const start = { ...base, timeNs: NOW_NS, role: eventRole.ROLE_SERVER, startSeen: 1 };
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  const response = 'HTTP/1.1 204 No Content\r\n\r\n';
  let pieces = [openRecord(start, { comm: 'server', local: LOCALHOST, remote: LOCALHOST })];
  for (let n = 0; n < exchanges; n++) {
    const timeNs = NOW_NS + 2 * n;
    const turn = 2 * n + 1;
    const read = { direction: eventDirection.DIRECTION_READ, position: n * request.length };
    const written = { direction: eventDirection.DIRECTION_WRITE, position: n * response.length };
    pieces.push(dataRecord({ ...base, ...read, timeNs, turn }, request));
    const later = { timeNs: timeNs + 1, turn: turn + 1 };
    pieces.push(dataRecord({ ...base, ...written, ...later }, response));
    if (pieces.length < 1000 && n < exchanges - 1) continue;
    yield Buffer.concat(pieces);
    pieces = [];
  }
}

test('batches beyond the limit of those under way are dropped and counted', async () => {
  const { port1, port2 } = new MessageChannel();
  const count = (limits.handoffBatchesMax + 3) * BATCH_ROWS;
  const pieces = longConnection(count);
  const drain = (batch: Uint8Array): number => {
    const { value } = pieces.next();
    if (!value) return 0;
    batch.set(value);
    return value.length;
  };
  let exchanges = 0;
  let batches = 0;
  const dropped = Promise.withResolvers<number>();
  port2.on('message', (message: FromWorker) => {
    if (message.kind === 'batch') {
      exchanges += message.batch.count;
      batches += 1;
    }
    if (message.kind !== 'counters') return;
    const soFar = new Counters(message.values).get('dropped.handoff');
    if (exchanges + soFar === count) dropped.resolve(soFar);
  });
  const ended = once(port2, 'close');
  const kernel = { ...kernelWith(Buffer.alloc(0), () => undefined), drain };
  new CaptureWorker(optionsWith([]), port1, kernel).start();
  // More when time was up before a batch was full.
  assert.ok((await dropped.promise) >= 3 * BATCH_ROWS);
  assert.equal(batches, limits.handoffBatchesMax);
  port2.postMessage({ kind: 'stop' });
  await ended;
});
