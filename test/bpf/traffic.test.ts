/** Which connections are delivered, and how much of them, while settings change (driver.c). */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { TrafficSettings } from '../../src/handoff/messages.ts';
import { allTraffic } from '../../src/handoff/traffic.ts';
import type { KernelOptions } from '../../src/native/types.ts';
import { buildDriver, Driver, removeDriver } from './driver.ts';
import { skip, Tap } from './harness.ts';

const REQUEST = 'GET\\s/\\sHTTP/1.1\\r\\n\\r\\n';
const RESPONSE = 'HTTP/1.1\\s204\\sNo\\sContent\\r\\n\\r\\n';
const REQUEST_BYTES = 'GET / HTTP/1.1\r\n\r\n'.length;
const PRIVATE = '10.9.8.7';
const PUBLIC = '203.0.113.9';
const HEAD = 16_384;
const TAIL = 16;

type Excluded = TrafficSettings['excluded'];

const ALL = allTraffic(0);
const without = (...names: (keyof Excluded)[]): TrafficSettings => ({
  ...ALL,
  excluded: { ...ALL.excluded, ...Object.fromEntries(names.map((name) => [name, true])) },
});

/** Where a connection leads, as the driver's `pair` takes it. */
const PEERS = {
  private: `tcp4 ${PRIVATE}`,
  public: `tcp4 ${PUBLIC}`,
  loopback: 'tcp4',
  'IPv6 loopback': 'tcp6',
  'mapped loopback': 'mapped',
  Unix: 'abstract spantap-traffic',
} as const;

/** The roles of which requests are delivered, by what is excluded and where the connection leads. */
const DELIVERED: readonly (readonly [keyof Excluded, keyof typeof PEERS, string])[] = [
  ['ingress', 'private', 'client'],
  ['ingress', 'Unix', 'client'],
  ['egressInternal', 'private', 'server'],
  ['egressInternal', 'public', 'client server'],
  ['egressInternal', 'loopback', 'server'],
  ['egressInternal', 'mapped loopback', 'server'],
  ['egressInternal', 'Unix', 'server'],
  ['egressExternal', 'private', 'client server'],
  ['egressExternal', 'public', 'server'],
  ['egressExternal', 'IPv6 loopback', 'client server'],
  ['loopback', 'private', 'client server'],
  ['loopback', 'public', 'client server'],
  ['loopback', 'loopback', ''],
  ['loopback', 'IPv6 loopback', ''],
  ['loopback', 'mapped loopback', ''],
  ['loopback', 'Unix', ''],
];

for (const hook of ['socket', 'syscall'] as const) {
  describe(`traffic settings, seen by ${hook}`, { skip }, () => {
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

    async function start(
      traffic: TrafficSettings = ALL,
      options: Partial<KernelOptions> = {},
    ): Promise<void> {
      driver = new Driver(program);
      await driver.calls(`network ${PRIVATE} ${PUBLIC}`);
      tap = new Tap({ hook, traffic, ...options });
      driver.watchedBy(tap);
    }

    const records = () => tap.opens.length + tap.datas.length + tap.closes.length;
    const exchange = (client: string, server: string) =>
      driver.calls(
        `write ${client} ${REQUEST}`,
        `read ${server} 100`,
        `write ${server} ${RESPONSE}`,
        `read ${client} 100`,
      );

    for (const [excluded, peer, roles] of DELIVERED) {
      test(`without ${excluded}, a ${peer} connection: ${roles || 'nothing'} is delivered`, async () => {
        await start(without(excluded));
        await driver.calls(`pair c s ${PEERS[peer]}`);
        await exchange('c', 's');
        await exchange('c', 's');
        await driver.calls('close c', 'close s');
        tap.drain();
        const delivered = tap.opens.map((open) => open.role).toSorted();
        assert.equal(delivered.join(' '), roles);
        assert.equal(tap.datas.length, 4 * delivered.length);
      });
    }

    test('what becomes excluded ends, and appears again as a connection found open', async () => {
      await start();
      await driver.calls('pair c s tcp4');
      await exchange('c', 's');
      await driver.calls(`write c ${REQUEST}`);
      tap.drain();
      const before = tap.opens.map((open) => open.connectionId);
      tap.kernel.setTraffic(without('loopback'));
      await driver.calls('read s 100', `write s ${RESPONSE}`, 'read c 100');
      tap.drain();
      const ends = tap.closes.map((close) => [
        close.connectionId,
        close.isStillOpen,
        close.readPosition,
        close.writePosition,
      ]);
      const responseBytes = tap.datas[3].lenBytes;
      // The client had written one request more than the server has read.
      assert.deepEqual(ends.toSorted(), [
        [before[0], true, responseBytes, 2 * REQUEST_BYTES],
        [before[1], true, REQUEST_BYTES, responseBytes],
      ]);
      const told = records();
      for (let i = 0; i < 20; i++) await exchange('c', 's');
      tap.drain();
      assert.equal(records(), told);
      tap.kernel.setTraffic(ALL);
      await exchange('c', 's');
      tap.drain();
      const again = tap.opens.slice(2);
      assert.deepEqual(
        again.map((open) => [open.startSeen, open.role]),
        [
          [false, 'client'],
          [false, 'server'],
        ],
      );
      assert.equal(new Set([...before, ...again.map((open) => open.connectionId)]).size, 4);
      for (const { connectionId } of again) {
        assert.deepEqual(
          tap.of(connectionId).map((data) => [data.text.slice(0, 4), data.position, data.turn]),
          [
            ['GET ', 0, 1],
            ['HTTP', 0, 2],
          ],
        );
      }
      assert.equal(tap.counter('COUNTER_READ_UNSEEN'), 0);
      assert.equal(tap.counter('COUNTER_LOST_UNOPENED'), 0);
    });

    test('what is excluded from its beginning costs no record, also when it ends', async () => {
      await start(without('ingress', 'egressInternal', 'egressExternal'));
      await driver.calls('pair c s tcp4', `pair d t tcp4 ${PUBLIC}`);
      for (let i = 0; i < 20; i++) await exchange(i % 2 ? 'c' : 'd', i % 2 ? 's' : 't');
      await driver.calls('shutdown c', 'read s 100', 'close c', 'close s', 'close d', 'close t');
      tap.stop();
      assert.equal(records(), 0);
      assert.equal(tap.counter('COUNTER_LOST_UNOPENED'), 0);
    });

    test('what was excluded from its beginning is delivered when it is included', async () => {
      await start(without('ingress'));
      await driver.calls('pair c s tcp4');
      await exchange('c', 's');
      tap.kernel.setTraffic(ALL);
      await exchange('c', 's');
      tap.drain();
      const server = tap.opens.find((open) => open.role === 'server');
      assert.equal(server?.startSeen, false);
      assert.equal(tap.of(server?.connectionId ?? -1).length, 2);
      assert.equal(tap.counter('COUNTER_READ_UNSEEN'), 0);
    });

    test('an end that finds the ring full is told with a later call', async () => {
      await start(ALL, { ringBytesMin: 4096 });
      /** Other processes of the machine write into this ring as well. */
      const exchangeUntil = async (isDone: () => boolean) => {
        for (let i = 0; i < 50 && !isDone(); i++) {
          await exchange('c', 's');
          tap.drain();
        }
      };
      await driver.calls('cpu 0', 'pair c s tcp4');
      await exchangeUntil(() => tap.opens.length === 2);
      for (let i = 0; i < 20; i++) await exchange('c', 's');
      // Records of processes are as small as those of ends.
      await driver.calls('run /bin/true');
      assert.ok(tap.counter('COUNTER_LOST_RING_FULL') > 0);
      tap.kernel.setTraffic(without('loopback'));
      await exchange('c', 's');
      tap.drain();
      assert.equal(tap.closes.length, 0);
      await exchangeUntil(() => tap.closes.length === 2);
      assert.deepEqual(
        tap.closes.map((close) => close.isStillOpen),
        [true, true],
      );
    });

    test('body bytes are copied as each side of each direction asks for them', async () => {
      await start({
        ...ALL,
        bodyBytesMax: {
          ingress: { request: 100, response: 200 },
          egress: { request: 300, response: 400 },
        },
      });
      await driver.calls('pair c s tcp4', `write c ${REQUEST} 20000`, 'read s 20000');
      await driver.calls(`write s ${RESPONSE} 20000`, 'read c 20000');
      tap.drain();
      const copied = (role: string, isWrite: boolean) => {
        const open = tap.opens.find((each) => each.role === role);
        const datas = tap.of(open?.connectionId ?? -1, isWrite);
        return datas.reduce((sum, data) => sum + data.copiedBytes, 0);
      };
      assert.deepEqual([copied('server', false), copied('server', true)], [HEAD + 100, HEAD + 200]);
      assert.deepEqual([copied('client', true), copied('client', false)], [HEAD + 300, HEAD + 400]);
      assert.ok(tap.datas.some((data) => data.tailBytes === TAIL));
    });

    test('a limit that changes holds for connections that are open', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST} 20000`, 'read s 20000');
      tap.kernel.setTraffic(allTraffic(1000));
      await driver.calls(`write s ${RESPONSE} 20000`);
      tap.drain();
      const [server] = tap.opens.filter((open) => open.role === 'server');
      const sum = tap.of(server.connectionId, true).reduce((n, data) => n + data.copiedBytes, 0);
      assert.equal(sum, HEAD + 1000);
    });
  });
}
