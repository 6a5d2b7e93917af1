/** Loading, errors, limits and end of the kernel side as a whole. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { KERNEL_DEFAULTS } from '../../src/config/kernel-defaults.ts';
import { limits } from '../../src/config/limits.ts';
import { allTraffic } from '../../src/handoff/traffic.ts';
import { checkLayout, openKernel, probeFeatures } from '../../src/native/binding.ts';
import { EXPECTED_LAYOUT } from '../../src/native/layout.gen.ts';
import { buildDriver, Driver, removeDriver } from './driver.ts';
import { skip, Tap } from './harness.ts';

const MIB = 1024 * 1024;

/** Bytes locked by the BPF maps that this process holds; a map may have several descriptors. */
function mapBytes(): number {
  const sizes = new Map<string, number>();
  for (const file of globSync('/proc/self/fdinfo/*').filter((name) => existsSync(name))) {
    const text = readFileSync(file, 'utf8');
    const id = /^map_id:\s*(\d+)/m.exec(text)?.[1];
    if (id !== undefined) sizes.set(id, Number(/^memlock:\s*(\d+)/m.exec(text)?.[1] ?? 0));
  }
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** Bytes of BPF maps in this process's memory: what they add to its RSS. */
function mappedBytes(): number {
  const text = readFileSync('/proc/self/maps', 'utf8');
  const areas = [...text.matchAll(/^(\w+)-(\w+) .*:bpf-map/gm)];
  return areas.reduce(
    (sum, [, from, to]) => sum + Number.parseInt(to, 16) - Number.parseInt(from, 16),
    0,
  );
}

describe('the kernel side', { skip }, () => {
  test('an addon of another version is refused by the name of what differs', () => {
    assert.doesNotThrow(() => checkLayout(EXPECTED_LAYOUT));
    assert.throws(() => checkLayout({ ...EXPECTED_LAYOUT, data: 96 as 104 }), {
      code: 'layout_mismatch',
      message: /data is 96, not 104/,
    });
  });

  test('maps and rings stay within 32 MiB with the default limits, the rings are mapped once', () => {
    const kernel = openKernel({
      watchAll: true,
      ...KERNEL_DEFAULTS,
      traffic: allTraffic(limits.bodyBytesMax),
    });
    const bytes = mapBytes();
    const mapped = mappedBytes();
    kernel.close();
    assert.ok(bytes > limits.ringBytesMin, 'the rings count');
    // Slack, and the pages of the ring for interrupts, which is mapped twice in a row.
    assert.ok(mapped > limits.ringBytesMin && mapped <= limits.ringBytes + 2 * MIB, `${mapped}`);
    assert.ok(bytes <= 32 * MIB, `${(bytes / MIB).toFixed(1)} MiB`);
    assert.equal(mapBytes(), 0);
  });

  test('what the kernel refuses is said with a code and its own words', () => {
    assert.throws(
      () => new Tap({ connectionsMax: 0xffff_ffff }),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'bpf_load');
        assert.match(error.message, /state\.bpf\.o: \w+/);
        return true;
      },
    );
  });

  test('a batch that is too small for a record is refused', () => {
    using tap = new Tap();
    assert.throws(() => tap.kernel.drain(new Uint8Array(1000)), { message: 'batch_too_small' });
  });

  test('a probe that cannot be attached is refused, the rest goes on', () => {
    using tap = new Tap();
    assert.throws(() => tap.kernel.attachUprobe('go_round_trip', '/nowhere', 0, false), {
      code: 'uprobe_attach',
    });
    tap.drain();
    assert.equal(tap.counter('COUNTER_LOST_RING_FULL'), 0);
  });

  test('a closed kernel side says so', () => {
    const tap = new Tap();
    tap.kernel.close();
    assert.throws(() => tap.kernel.counters(), { code: 'kernel_closed' });
  });

  test('every kind of hook is tried and described', () => {
    const features = probeFeatures();
    assert.deepEqual(
      features.filter((feature) => feature.isRequired && !feature.isAvailable),
      [],
    );
    assert.ok(features.every((feature) => feature.name && feature.why));
  });

  test('a worker that is ended in any way leaves no program and no map', async () => {
    const source = `
      import { openKernel } from ${JSON.stringify(import.meta.resolve('../../src/native/binding.ts'))};
      import { allTraffic } from ${JSON.stringify(import.meta.resolve('../../src/handoff/traffic.ts'))};
      import { parentPort } from 'node:worker_threads';
      openKernel({ watchAll: false, ringBytes: 0, ringBytesMin: 65536, connectionsMax: 64, headBytesMax: 64, traffic: allTraffic(0) });
      parentPort.postMessage('open');
      setInterval(() => {}, 1000);
    `;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    assert.ok(mapBytes() > 0);
    await worker.terminate();
    assert.equal(mapBytes(), 0);
  });

  test('signals during the load do not fail it', async () => {
    const ignore = () => undefined;
    process.on('SIGCONT', ignore);
    // Some hundred a second, each of which would end a load; without the pause fork() never ends.
    const sender = spawn('sh', ['-c', `while kill -CONT ${process.pid}; do sleep 0.001; done`]);
    try {
      await new Promise((resolve) => process.once('SIGCONT', resolve));
      for (let n = 0; n < 3; n += 1) new Tap().kernel.close();
    } finally {
      const ended = once(sender, 'exit');
      sender.kill('SIGKILL');
      await ended;
      process.off('SIGCONT', ignore);
    }
  });

  test('a full policy map: user space is told, and forks that find it full are counted', async () => {
    using tap = new Tap();
    const { folder, program } = buildDriver();
    await using driver = new Driver(program).watchedBy(tap);
    let used = 1;
    // Numbers above any pid of this machine (kernel.pid_max is at most 4194304).
    const fill = () => {
      for (; used <= 10_000; used++) tap.watch(5_000_000 + used);
    };
    // An nginx or HAProxy of this machine that starts has a policy, too: it takes room of these.
    assert.throws(fill, { code: 'bpf_map', message: /policy_by_tgid/ });
    assert.ok(used <= 8191, 'this process and the driver have one as well');
    tap.kernel.clearPolicy(5_000_001);
    assert.doesNotThrow(() => tap.watch(5_000_001));
    // One that forks meanwhile counts, too: of several times one is ours alone.
    const lost: number[] = [];
    for (let n = 0; n < 5; n++) {
      const before = tap.counter('COUNTER_LOST_POLICY');
      await driver.calls('run /bin/true');
      lost.push(tap.counter('COUNTER_LOST_POLICY') - before);
    }
    assert.equal(Math.min(...lost), 1, String(lost));
    removeDriver(folder);
  });
});
