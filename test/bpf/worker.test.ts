/** The capture worker as the agent runs it, on sockets of the test program (driver.c). */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CaptureThread } from '../../src/capture-thread.ts';
import { allTraffic } from '../../src/handoff/traffic.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import type { WorkerOptions } from '../../src/worker.ts';
import { buildDriver, Driver, removeDriver } from './driver.ts';
import { skip } from './harness.ts';

const REQUEST = 'GET\\s/\\sHTTP/1.1\\r\\n\\r\\n';
const ignore = () => undefined;

function optionsFor(tgid: number): WorkerOptions {
  const plan = { executableKey: '', family: 'other', uprobes: [] } as const;
  return {
    kernel: {
      watchAll: false,
      ringBytes: 1 << 20,
      ringBytesMin: 4096,
      connectionsMax: 4096,
      headBytesMax: 16_384,
    },
    pipeline: { ownTgid: process.pid },
    traffic: allTraffic(0),
    plans: [{ kind: 'plan', tgid, watch: 'watch', resource: {}, ...plan }],
    sweepIntervalMs: 100,
  };
}

describe('the capture worker', { skip }, () => {
  let folder: string;
  let program: string;
  before(() => {
    ({ folder, program } = buildDriver());
  });
  after(() => removeDriver(folder));

  test('ends the exchanges of sockets that ended unseen', async () => {
    await using driver = new Driver(program);
    await driver.calls('pair c s abstract spantap-worker', 'again d t');
    const ended = Promise.withResolvers<number>();
    let counters = new Counters();
    const thread = await CaptureThread.start(optionsFor(driver.pid), {
      batch: ({ batch }) => ended.resolve(batch.count),
      process: ignore,
      counters: ({ values }) => {
        counters = new Counters(values);
      },
      appeared: ignore,
      connections: ignore,
      exited: ignore,
      'own-peer': ignore,
      log: ignore,
      unavailable: ({ why }) => ended.reject(new Error(why)),
    });
    const waited = AbortSignal.timeout(20_000);
    waited.onabort = () => ended.reject(new Error('the request was never ended'));
    try {
      // A request without an answer, on a socket that dup2 takes away.
      await driver.calls(`write c ${REQUEST}`, 'read s 100', 'dup2 d c');
      assert.equal(await ended.promise, 1);
    } finally {
      await thread.stop();
    }
    assert.ok(counters.get('capture.swept_connections') >= 1);
  });
});
