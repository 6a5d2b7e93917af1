import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { choosePorts, startBackend } from './backends.ts';
import { buildLoadTools, type LoadTools } from './build.ts';
import { stopAll } from './children.ts';
import { Load, type LoadPlan } from './loadgen.ts';
import { readTruth } from './truth.ts';

const CPUS = '0-1';
let folder = '';
let tools: LoadTools;
let ports: number[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spantap-load-'));
  tools = buildLoadTools();
  ports = await choosePorts(3);
});

after(async () => {
  await stopAll();
  rmSync(folder, { recursive: true });
});

async function serve(scenario: 'plain' | 'retry', log?: string) {
  const [main = 0, failing = 0, auth = 0] = ports;
  return startBackend({
    binary: tools.backend,
    cpus: CPUS,
    upstreams: { main: [main], failing, auth },
    scenario,
    delayMs: 0,
    exponentialMs: 1,
    sizeBytes: 3000,
    secondsMax: 60,
    ...(log ? { log } : {}),
  });
}

function start(plan: Partial<LoadPlan>): Promise<Load> {
  const port = ports[0] ?? 0;
  return Load.start({
    binary: tools.loadgen,
    cpus: CPUS,
    port,
    connections: 8,
    secondsMax: 30,
    ...plan,
  });
}

test('both ends write the same tokens, ports and ordinals', async () => {
  for (const token of ['header', 'query'] as const) {
    const logs = {
      client: join(folder, `client ${token}`),
      server: join(folder, `server ${token}`),
    };
    const backend = await serve('plain', logs.server);
    const load = await start({ requests: 400, token, log: logs.client });
    assert.deepEqual(await load.end, {
      event: 'end',
      sent: 400,
      answered: 400,
      failed: 0,
      reconnects: 0,
      unanswered: 0,
    });
    await load.child.exited;
    await backend.stop();
    const client = new Map(readTruth(logs.client).map((truth) => [truth.token, truth]));
    const server = readTruth(logs.server);
    assert.equal(client.size, 400);
    assert.equal(server.length, 400);
    for (const truth of server) {
      const sent = client.get(truth.token);
      assert.ok(sent, 'the token is known');
      assert.equal(truth.clientPort, sent.clientPort);
      assert.equal(truth.serverPort, sent.serverPort);
      assert.equal(truth.ordinal, sent.ordinal);
      assert.ok(truth.timeNs >= sent.timeNs && truth.timeNs <= sent.timeNs + sent.durationNs);
    }
  }
});

test('marks cut one run into intervals that add up', async () => {
  const backend = await serve('plain');
  const load = await start({});
  load.watch('backend', backend.pid);
  const marks = [await load.mark('a'), await load.mark('b'), await load.mark('c')];
  const end = await load.stop();
  const last = marks.at(-1);
  assert.deepEqual(
    marks.map((mark) => mark.label),
    ['a', 'b', 'c'],
  );
  assert.equal(marks[1]?.fromNs, marks[0]?.toNs);
  assert.equal(last?.fromNs, marks[1]?.toNs);
  assert.ok(marks.reduce((sum, mark) => sum + mark.count, 0) <= end.answered);
  assert.ok('backend' in (last?.cpuNs ?? {}));
  await backend.stop();
});

test('a fixed rate is kept, a pause sends nothing, and resuming goes on', async () => {
  const backend = await serve('plain');
  const load = await start({ rate: 1000, connections: 32 });
  await load.mark('settle');
  const paced = await nextInterval(load, 300);
  const seconds = (paced.toNs - paced.fromNs) / 1e9;
  assert.ok(paced.count / seconds > 700 && paced.count / seconds < 1300, `${paced.count}`);
  load.pause();
  await nextInterval(load, 50);
  assert.equal((await nextInterval(load, 50)).count, 0);
  load.resume();
  assert.ok((await nextInterval(load, 100)).count > 0);
  await load.stop();
  await backend.stop();
});

/** Interval lengths are what is measured here, so time has to pass. */
async function nextInterval(load: Load, ms: number) {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return load.mark('next');
}
