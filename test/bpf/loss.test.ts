/**
 * A ring far too small, real sockets, and the whole pipeline: every exchange is told, lost or
 * dropped, whichever records did not fit.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TrafficSettings } from '../../src/handoff/messages.ts';
import { allTraffic } from '../../src/handoff/traffic.ts';
import { openKernel } from '../../src/native/binding.ts';
import type { Kernel } from '../../src/native/types.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { addKernelCounters } from '../../src/telemetry/kernel-counters.ts';
import { type Random, randomOf, SEED } from '../protocol/random.ts';
import { buildDriver, Driver, removeDriver } from './driver.ts';
import { skip } from './harness.ts';

const REQUEST = 'POST\\s/\\sHTTP/1.1\\r\\nContent-Length:\\s3\\r\\n\\r\\nabc';
const RESPONSE = 'HTTP/1.1\\s200\\sOK\\r\\nContent-Length:\\s2\\r\\n\\r\\nok';
const RING_BYTES = 4096;
const EXCHANGES = 600;
/** Letters that name both ends of a connection. */
const NAMES = [...'abcdefgh'];

class Agent {
  readonly kernel: Kernel;
  readonly counters = new Counters();
  readonly #batch = new Uint8Array(1 << 20);
  readonly #pipeline: Pipeline;

  constructor(driver: Driver, ringBytesMin = RING_BYTES) {
    this.kernel = openKernel({
      watchAll: false,
      ringBytes: 0,
      ringBytesMin,
      connectionsMax: 4096,
      headBytesMax: 16_384,
      traffic: allTraffic(0),
    });
    driver.watchedBy(this);
    const nothing = () => undefined;
    this.#pipeline = new Pipeline({
      counters: this.counters,
      ownTgid: 0,
      traffic: allTraffic(0),
      onBatch: (batch) => this.#pipeline.reuse(batch),
      onProcess: nothing,
      onAppeared: nothing,
      onExited: nothing,
      onOwnPeer: nothing,
      onLog: nothing,
      ignoreConnection: (inode) => this.kernel.ignoreConnection(inode),
      forgetConnection: (inode) => this.kernel.forgetConnection(inode),
    });
  }

  watch(tgid: number): void {
    this.kernel.setPolicy(tgid, { watch: 'watch', family: 'other' });
  }

  setTraffic(settings: TrafficSettings): void {
    this.kernel.setTraffic(settings);
    this.#pipeline.setTraffic(settings);
  }

  drain(): void {
    for (;;) {
      const bytes = this.kernel.drain(this.#batch, true);
      if (bytes === 0) return;
      this.#pipeline.consume(this.#batch.subarray(0, bytes));
    }
  }

  /** As the capture worker ends. */
  stop(): void {
    const open = this.kernel.stop();
    this.drain();
    this.#pipeline.consume(open);
    this.#pipeline.finish();
    addKernelCounters(this.counters, this.kernel.counters());
    this.kernel.close();
  }

  get sum(): number {
    const { counters } = this;
    const ended = counters.get('protocol.exchanges');
    return ended + counters.total('lost') + counters.total('dropped');
  }
}

describe('with a ring that is too small', { skip }, () => {
  let folder: string;
  let program: string;
  before(() => {
    ({ folder, program } = buildDriver());
  });
  after(() => removeDriver(folder));

  /** Exchanges on eight connections; now and then one is replaced, or the ring is drained. */
  async function exchange(driver: Driver, agent: Agent, random: Random): Promise<void> {
    const open = new Set<string>();
    for (let i = 0; i < EXCHANGES; i++) {
      const name = NAMES[Math.floor(random() * NAMES.length)];
      const peer = name.toUpperCase();
      if (open.has(name) && random() < 0.1) {
        await driver.calls(`close ${name}`, `close ${peer}`);
        open.delete(name);
      }
      if (!open.has(name)) await driver.calls(`pair ${name} ${peer} tcp4`);
      open.add(name);
      await driver.calls(`write ${name} ${REQUEST}`, `read ${peer} 1000`);
      await driver.calls(`write ${peer} ${RESPONSE}`, `read ${name} 1000`);
      if (random() < 0.1) agent.drain();
      if (random() < 0.02) agent.kernel.endLate();
    }
  }

  test('settings that change meanwhile lose nothing', async () => {
    const driver = new Driver(program);
    const agent = new Agent(driver, 4 << 20);
    const random = randomOf(SEED);
    const all = allTraffic(0);
    let isExcluded = false;
    await driver.calls('pair a A tcp4', 'pair b B tcp4');
    for (let i = 0; i < EXCHANGES; i++) {
      const name = random() < 0.5 ? 'a' : 'b';
      const calls = [`write ${name} ${REQUEST}`, `read ${name.toUpperCase()} 1000`];
      calls.push(`write ${name.toUpperCase()} ${RESPONSE}`, `read ${name} 1000`);
      for (const call of calls) {
        await driver.calls(call);
        if (random() > 0.05) continue;
        isExcluded = !isExcluded;
        agent.setTraffic({ ...all, excluded: { ...all.excluded, loopback: isExcluded } });
      }
      if (random() < 0.1) agent.drain();
    }
    agent.stop();
    await driver.kill();
    const { counters } = agent;
    assert.ok(counters.get('protocol.exchanges') > EXCHANGES / 4);
    assert.ok(counters.get('protocol.exchanges') < 2 * EXCHANGES);
    assert.equal(counters.total('lost'), 0);
    assert.equal(counters.get('protocol.gaps'), 0);
    assert.equal(counters.get('kernel.read_unseen'), 0);
  });

  for (const end of ['stays open', 'is closed', 'is killed'] as const) {
    test(`the sum is exact when the rest ${end} at the end`, async (t) => {
      t.diagnostic(`SPANTAP_TEST_SEED=${SEED}`);
      const driver = new Driver(program);
      const agent = new Agent(driver);
      await exchange(driver, agent, randomOf(SEED));
      if (end === 'is closed') for (const name of NAMES) await driver.call(`close ${name}`);
      if (end === 'is killed') {
        agent.drain();
        await driver.kill();
        agent.drain();
      }
      agent.stop();
      await driver.kill();
      const { counters } = agent;
      assert.ok(counters.get('protocol.exchanges') > 0, 'some were told');
      assert.ok(counters.get('lost.exchanges') > 0, 'some were lost');
      assert.ok(counters.get('lost.unopened') > 0, 'some were never told of');
      // Both ends are the driver's: each exchange is seen twice.
      assert.equal(agent.sum, 2 * EXCHANGES);
    });
  }
});
