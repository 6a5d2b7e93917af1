/** What is told of connections that carry no HTTP/1, while settings ask for it (driver.c). */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { OpenEvent } from '../../src/capture/types.ts';
import { allTraffic } from '../../src/handoff/traffic.ts';
import { buildDriver, Driver, removeDriver } from './driver.ts';
import { skip, Tap } from './harness.ts';

const ALL = allTraffic(0);
const REPORTS = { ...ALL, reportsConnections: true };
/** Without spaces, as the driver wants it; 9 bytes each. */
const TLS = '\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xfc';
const SSH = 'SSH-2.0-x';
const PREFACE = 'PRI\\s*\\sHTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n';
const REQUEST = 'GET\\s/\\sHTTP/1.1\\r\\n\\r\\n';
const REQUEST_BYTES = 18;

for (const hook of ['socket', 'syscall'] as const) {
  describe(`connections of other protocols, seen by ${hook}`, { skip }, () => {
    let folder: string;
    let program: string;
    let tap: Tap;
    let driver: Driver;

    before(() => {
      ({ folder, program } = buildDriver());
    });
    after(() => removeDriver(folder));
    afterEach(async () => {
      tap.kernel.close();
      await driver.kill();
    });

    async function start(traffic = REPORTS, ...calls: string[]): Promise<void> {
      driver = new Driver(program);
      await driver.calls(...calls);
      tap = new Tap({ hook, traffic });
      driver.watchedBy(tap);
    }

    /** role, what it speaks, and the last bytes read and written of each connection. */
    function told(): unknown[] {
      const lastOf = (open: OpenEvent) =>
        tap.closes.find((close) => close.connectionId === open.connectionId);
      return tap.opens.map((open) => {
        const close = lastOf(open);
        return [open.role, open.speaks, close?.readPosition, close?.writePosition];
      });
    }
    const both = ['close c', 'close s'];

    for (const [speaks, first, bytes] of [
      ['tls', TLS, 9],
      ['http2', PREFACE, 24],
      ['other', SSH, 9],
    ] as const) {
      test(`${speaks}: an open and a close event of each end with the bytes, and no data`, async () => {
        await start();
        await driver.calls('pair c s tcp4', `write c ${first}`, 'read s 5', 'read s 100');
        await driver.calls('writev s x 7 5000', 'readv c 5000 100', 'send c y 100', 'recv s 60');
        await driver.calls('peek s 10', 'recv s 40', ...both);
        tap.drain();
        assert.deepEqual(told(), [
          ['client', speaks, 5000, bytes + 100],
          ['server', speaks, bytes + 100, 5000],
        ]);
        assert.deepEqual(tap.datas, []);
        assert.ok(tap.opens.every((open) => open.startSeen && open.comm === 'driver'));
        assert.equal(tap.counter('COUNTER_SKIPPED_NOT_HTTP'), 2);
      });
    }

    test('a server that speaks first', async () => {
      await start();
      await driver.calls('pair c s tcp6', `write s ${SSH}`, 'read c 100', 'write c ok', 'read s 9');
      await driver.calls(...both);
      tap.drain();
      assert.deepEqual(told(), [
        ['server', 'other', 2, 9],
        ['client', 'other', 9, 2],
      ]);
    });

    test('Unix sockets: the client of TLS shows by what it says first', async () => {
      await start();
      await driver.calls('pair c s abstract spantap-reports', `write c ${TLS}`, 'read s 100');
      await tap.until('opens', () => tap.opens.length === 2);
      await driver.calls('write c x 50', 'read s 50', ...both);
      tap.drain();
      assert.deepEqual(told(), [
        ['client', 'tls', 0, 59],
        ['server', 'tls', 59, 0],
      ]);
    });

    test('bytes that sendfile and splice move count as well', async () => {
      await start();
      if (hook === 'syscall') tap.kernel.followSplices();
      await driver.calls('pair c s tcp4', `write c ${TLS}`, 'read s 100');
      await driver.calls('again d t', `write d ${TLS}`, 'read t 100');
      await driver.calls('sendfile c 700', 'splice s t 700', 'write c rest', 'read s 100');
      await driver.calls('read d 700', ...both, 'close d', 'close t');
      tap.drain();
      assert.deepEqual(told(), [
        ['client', 'tls', 0, 713],
        ['server', 'tls', 713, 0],
        ['client', 'tls', 700, 9],
        ['server', 'tls', 9, 700],
      ]);
      assert.equal(tap.counter('COUNTER_READ_UNSEEN'), 0);
    });

    test('a connection found open is told about when none of its turns began like HTTP', async () => {
      await start(REPORTS, 'pair c s tcp4', `write c ${SSH}`, 'read s 9');
      for (let i = 0; i < 8; i++) {
        await driver.calls('write s pong', 'read c 9', 'write c ping', 'read s 9');
      }
      await driver.calls('write c ping', 'read s 9', ...both);
      tap.drain();
      assert.deepEqual(
        tap.opens.map((open) => [open.speaks, open.startSeen]),
        [
          ['other', false],
          ['other', false],
        ],
      );
      assert.deepEqual(
        tap.closes.map((close) => close.readPosition + close.writePosition),
        [17 * 4, 17 * 4],
      );
    });

    test('one that nobody asked for stays untold; one that is told is told to its end', async () => {
      await start(ALL);
      await driver.calls('pair c s tcp4', `write c ${TLS}`, 'read s 100');
      tap.kernel.setTraffic(REPORTS);
      await driver.calls('write c x 50', 'read s 50', 'again d t', `write d ${TLS}`, 'read t 9');
      tap.kernel.setTraffic(ALL);
      await driver.calls('write d x 50', 'read t 50', ...both, 'close d', 'close t');
      tap.drain();
      assert.deepEqual(told(), [
        ['client', 'tls', 0, 59],
        ['server', 'tls', 59, 0],
      ]);
    });

    test('without a close: when it stops, and when the process was killed', async () => {
      await start();
      await driver.calls('pair c s abstract spantap-reports', `write c ${TLS}`, 'read s 100');
      await driver.calls('again d t', `write d ${TLS}`, 'read t 100', 'write d x 50');
      await driver.calls('dup2 c d');
      assert.ok(tap.kernel.sweep() >= 1);
      tap.drain();
      assert.deepEqual(
        tap.closes.map((close) => [close.writePosition, close.isStillOpen]),
        [[59, false]],
      );
      tap.stop();
      // In the order of their inodes' slots, which begin anew at some number.
      const still = tap.closes.slice(1);
      assert.deepEqual(still.map(({ readPosition }) => readPosition).sort(), [0, 9, 9]);
      assert.ok(still.every(({ isStillOpen }) => isStillOpen));
    });

    test('a connection that is reset', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${TLS}`, 'read s 100', 'reset s');
      await driver.call('read c 9');
      await driver.calls('close c');
      // In the socket a reset looks like nothing that ends: the sweep finds it.
      tap.kernel.sweep();
      tap.drain();
      assert.deepEqual(told(), [
        ['client', 'tls', 0, 9],
        ['server', 'tls', 9, 0],
      ]);
    });

    test('the bytes of a tunnel that is ignored are counted to the end', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100');
      tap.drain();
      for (const open of tap.opens) tap.kernel.ignoreConnection(open.socketInode);
      await driver.calls('write s x 5000', 'read c 5000', ...both);
      tap.drain();
      assert.equal(tap.datas.length, 2);
      assert.deepEqual(told(), [
        ['client', 'http1', 5000, REQUEST_BYTES],
        ['server', 'http1', REQUEST_BYTES, 5000],
      ]);
    });

    test('what the settings exclude is not told, and what they begin to exclude ends', async () => {
      const ingress = { ...REPORTS, excluded: { ...REPORTS.excluded, ingress: true } };
      await start(ingress);
      await driver.calls(
        'pair c s tcp4',
        `write c ${TLS}`,
        'read s 100',
        'write s x 5',
        'read c 5',
      );
      tap.drain();
      assert.deepEqual(told(), [['client', 'tls', undefined, undefined]]);
      tap.kernel.setTraffic({ ...REPORTS, excluded: { ...ALL.excluded, loopback: true } });
      await driver.calls('write c x 50', 'read s 50', ...both);
      tap.drain();
      assert.deepEqual(told(), [['client', 'tls', 5, 9]]);
      assert.equal(tap.closes[0].isStillOpen, true);
    });
  });
}
