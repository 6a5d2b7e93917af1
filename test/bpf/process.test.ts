/** Life of processes: what the kernel side says about it, and what becomes of their policy. */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildDriver, Driver, removeDriver } from './driver.ts';
import { skip, Tap } from './harness.ts';

const REQUEST = 'GET\\s/\\sHTTP/1.1\\r\\n\\r\\n';

describe('processes', { skip }, () => {
  let folder: string;
  let program: string;
  before(() => {
    ({ folder, program } = buildDriver());
  });
  after(() => removeDriver(folder));

  test('start, change of program and end are told, threads are not', async () => {
    using tap = new Tap();
    await using driver = new Driver(program).watchedBy(tap);
    const child = await driver.call('run /bin/true');
    await driver.calls('pair c s tcp4', 'threads c');
    await driver.kill();
    await tap.until('the end', () => tap.processes.some((p) => p.tgid === driver.pid));
    const life = tap.processes.filter((p) => [child, driver.pid].includes(p.tgid));
    assert.deepEqual(
      life.slice(1).map(({ tgid, action, comm, parentTgid }) => [tgid, action, comm, parentTgid]),
      [
        [driver.pid, 'exec', 'driver', process.pid],
        [child, 'fork', 'driver', driver.pid],
        [child, 'exec', 'true', driver.pid],
        [child, 'exit', 'true', driver.pid],
        [driver.pid, 'exit', 'driver', process.pid],
      ],
    );
    assert.deepEqual([life[0].tgid, life[0].action], [driver.pid, 'fork']);
    const starts = life.filter((p) => p.tgid === child).map((p) => p.startNs);
    assert.equal(new Set(starts).size, 1);
  });

  test('a forked process is watched like its parent, and its policy ends with it', async () => {
    using tap = new Tap();
    await using driver = new Driver(program).watchedBy(tap);
    await driver.calls('pair c s tcp4');
    const child = await driver.call(`fork c ${REQUEST}`);
    await tap.until('its request', () => tap.datas.length === 1);
    assert.equal(tap.datas[0].tgid, child);
    assert.equal(tap.counter('COUNTER_LOST_POLICY'), 0);
  });

  test('another program is not watched because the old one was', async () => {
    using tap = new Tap();
    await using driver = new Driver(program).watchedBy(tap);
    const line = `become ${program}`;
    await driver.calls('pair c s tcp4', `write c ${REQUEST}`, line, 'pair c s tcp4');
    await driver.calls(`write c ${REQUEST}`);
    await driver.kill();
    await tap.until('the end', () => tap.processes.some((p) => p.action === 'exit'));
    assert.equal(tap.datas.length, 1);
  });

  test('nginx is known by its name from its first system call on', async () => {
    const nginx = join(folder, 'nginx');
    copyFileSync(program, nginx);
    // Watched by default, so that the first connection is seen without any word of user space.
    using tap = new Tap({ watchAll: true, ringBytesMin: 4 << 20 });
    await using driver = new Driver(nginx);
    await driver.calls('pair c s tcp4', 'epoll c', `write c ${REQUEST}`);
    await tap.until('its request', () => tap.datas.some((data) => data.tgid === driver.pid));
    // The driver's "ngx_connection_t" leads nowhere: read, and refused.
    assert.equal(tap.counter('COUNTER_CAUSE_REFUSED'), 1);
  });
});
