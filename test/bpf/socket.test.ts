/** What the kernel side says about sockets, call by call, on real ones (driver.c). */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { eventDataFlag } from '../../src/capture/layout.gen.ts';
import { allTraffic } from '../../src/handoff/traffic.ts';
import type { KernelOptions } from '../../src/native/types.ts';
import { buildDriver, Driver, removeDriver } from './driver.ts';
import { type Data, skip, Tap } from './harness.ts';

const { DATA_EOF, DATA_ERROR, DATA_NO_BUFFER, DATA_CONTINUED, DATA_FAULT, DATA_TURN } =
  eventDataFlag;
const REQUEST = 'GET\\s/\\sHTTP/1.1\\r\\n\\r\\n';
const REQUEST_TEXT = 'GET / HTTP/1.1\r\n\r\n';
const REQUEST_BYTES = REQUEST_TEXT.length;
const RESPONSE = 'HTTP/1.1\\s204\\sNo\\sContent\\r\\n\\r\\n';
const RESPONSE_BYTES = 'HTTP/1.1 204 No Content\r\n\r\n'.length;
const CHUNK = 16_384;
/** Bytes of what is not copied that come along. */
const TAIL = 16;
const ECONNRESET = 104;
const EPIPE = 32;

for (const hook of ['socket', 'syscall'] as const) {
  describe(`sockets, seen by ${hook}`, { skip }, () => {
    let folder: string;
    let program: string;
    let tap: Tap;
    let driver: Driver;

    before(() => {
      ({ folder, program } = buildDriver());
    });
    after(() => removeDriver(folder));

    /** A kernel side that watches a driver; `calls` are made before anybody watches. */
    async function start(options: Partial<KernelOptions> = {}, ...calls: string[]): Promise<void> {
      driver = new Driver(program);
      await driver.calls(...calls);
      tap = new Tap({ hook, ...options });
      driver.watchedBy(tap);
    }
    afterEach(async () => {
      tap.kernel.close();
      await driver.kill();
    });

    const client = () => tap.opens.find((open) => open.role === 'client')?.connectionId ?? -1;
    const server = () => tap.opens.find((open) => open.role === 'server')?.connectionId ?? -1;
    const isLast = (data: Data) => data.text.endsWith('end');

    /** Writes a marker on another connection: what came before has been delivered. */
    async function settle(): Promise<void> {
      await driver.calls('pair y z tcp4', `write y ${REQUEST}end`);
      await tap.until('the marker', () => tap.datas.some(isLast));
    }

    /** Events of everything but the marker. */
    const datas = () => tap.datas.filter((data) => !isLast(data));

    const nowNs = () => Number(process.hrtime.bigint());

    for (const [what, pair, call] of [
      ['sent', 'tcp4', 'write'],
      ['sent, IPv6', 'tcp6', 'write'],
      ['held back', 'tcp4', 'sendmore'],
      ['on a Unix socket', 'unix PATH', 'write'],
    ]) {
      test(`the time of a write lies within its call: ${what}`, async () => {
        await start();
        const ends = pair.replace('PATH', join(folder, 'timed'));
        await driver.calls(`pair c s ${ends}`, `write c ${REQUEST}`);
        const beforeNs = nowNs();
        await driver.calls(`${call} c end`);
        const afterNs = nowNs();
        await tap.until('the write', () => tap.datas.some(isLast));
        const { timeNs } = tap.datas.find(isLast) ?? { timeNs: 0 };
        assert.ok(beforeNs <= timeNs && timeNs <= afterNs, `${timeNs - beforeNs} ns`);
      });
    }

    test('a request and its response: positions, turns, roles, both ends', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 4', 'read s 100');
      await driver.calls(`write s ${RESPONSE}`, 'read c 100', `write c ${REQUEST}`, 'close c');
      await tap.until('close', () => tap.closes.length === 1);
      const [open] = tap.opens;
      const other = tap.opens.find((each) => each.role === 'server');
      assert.deepEqual(open.local, other?.remote);
      assert.deepEqual(open.remote, other?.local);
      assert.equal(open.local.address, '127.0.0.1');
      assert.equal(open.family, 'ipv4');
      assert.ok(open.startSeen && other?.startSeen);
      assert.equal(open.comm, 'driver');
      assert.ok(open.netnsInode > 0 && open.processStartNs > 0);
      const seen = (id: number) =>
        tap.of(id).map(({ isWrite, position, text, turn, flags }) => {
          return [isWrite, position, text.length, turn, flags & DATA_TURN ? 'turn' : ''];
        });
      assert.deepEqual(seen(client()), [
        [true, 0, REQUEST_BYTES, 1, 'turn'],
        [false, 0, RESPONSE_BYTES, 2, 'turn'],
        [true, REQUEST_BYTES, REQUEST_BYTES, 3, 'turn'],
      ]);
      assert.deepEqual(seen(server()), [
        [false, 0, 4, 1, 'turn'],
        [false, 4, REQUEST_BYTES - 4, 1, ''],
        [true, 0, RESPONSE_BYTES, 2, 'turn'],
      ]);
      const [close] = tap.closes;
      assert.equal(close.connectionId, client());
      assert.deepEqual(
        [close.readPosition, close.writePosition, close.turns],
        [RESPONSE_BYTES, 2 * REQUEST_BYTES, 3],
      );
    });

    test('the peer ends: a read of nothing is an event of its own', async () => {
      await start();
      await driver.calls(
        'pair c s tcp4',
        `write c ${REQUEST}`,
        'read s 100',
        'shutdown c',
        'read s 9',
      );
      await tap.until('end', () => tap.datas.some((data) => data.flags & DATA_EOF));
      const end = tap.of(server(), false).at(-1);
      assert.deepEqual([end?.position, end?.lenBytes, end?.turn], [REQUEST_BYTES, 0, 1]);
    });

    test('a connection that both sides shut down is over, whoever does it last', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100');
      await driver.calls(`write s ${RESPONSE}`, 'read c 100', 'shutdown s', 'read c 9');
      await driver.calls('shutdown c', 'read s 9', 'close s', 'close c');
      await tap.until('closes', () => tap.closes.length === 2);
      const ends = tap.closes.map((end) => [end.connectionId, end.readPosition, end.writePosition]);
      assert.deepEqual(
        ends.sort((a, b) => a[1] - b[1]),
        [
          [server(), REQUEST_BYTES, RESPONSE_BYTES],
          [client(), RESPONSE_BYTES, REQUEST_BYTES],
        ].sort((a, b) => a[1] - b[1]),
      );
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100');
      await tap.until('the next ones', () => tap.opens.length === 4);
    });

    test('a connection that is shut down with bytes still to be read is not over', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100');
      await driver.calls(`write c ${REQUEST}`, 'shutdown c', 'shutdown s', 'read s 100');
      await tap.until('both', () => tap.of(server()).length === 2);
      await driver.calls('read s 9', 'close s', 'close c');
      await settle();
      assert.equal(tap.of(server(), false)[1]?.position, REQUEST_BYTES);
      const end = tap.closes.find(({ connectionId }) => connectionId === server());
      assert.equal(end?.readPosition ?? 2 * REQUEST_BYTES, 2 * REQUEST_BYTES);
    });

    test('an end that is read with the last bytes, or before any, is no byte', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'shutdown c', 'read s 100');
      await driver.calls('read s 9', `write s ${RESPONSE}`);
      await driver.calls('again d t', 'shutdown d', 'read t 9', `write t ${RESPONSE}`);
      await settle();
      const late = tap.opens.at(-2);
      assert.deepEqual([late?.startSeen, late?.readPosition], [true, 0]);
      assert.deepEqual(
        tap.of(server(), false).map((data) => [data.position, data.lenBytes]),
        [
          [0, REQUEST_BYTES],
          [REQUEST_BYTES, 0],
        ],
      );
      assert.equal(tap.counter('COUNTER_READ_UNSEEN'), 0);
    });

    test('a reset connection: the errors of read and write are events', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100', 'reset s');
      assert.equal(await driver.call('read c 9'), -ECONNRESET);
      assert.equal(await driver.call(`write c ${REQUEST}`), -EPIPE);
      await tap.until('errors', () => tap.of(client()).length === 3);
      const errors = tap.of(client()).slice(1);
      assert.deepEqual(
        errors.map((data) => [data.error, data.flags & DATA_ERROR, data.lenBytes]),
        [
          [ECONNRESET, DATA_ERROR, 0],
          [EPIPE, DATA_ERROR, 0],
        ],
      );
    });

    test('every way to move bytes over a socket', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100');
      await driver.calls(`writev s ${RESPONSE} 5`, 'readv c 100 3');
      await driver.calls(`send c ${REQUEST}`, 'recv s 100');
      await driver.calls(`sendmsg s ${RESPONSE} 7`, 'recvmsg c 100 10');
      await driver.calls('sendmmsg c 3', 'recvmmsg s 3');
      await driver.calls(`sendfile s 50`, 'read c 100');
      await settle();
      const lengths = (id: number, isWrite: boolean) =>
        tap.of(id, isWrite).map((data) => [data.position, data.lenBytes]);
      const requests = [
        [0, 18],
        [18, 18],
        [36, 10],
        [46, 10],
        [56, 10],
      ];
      assert.deepEqual(lengths(client(), true), requests);
      assert.deepEqual(lengths(server(), false), requests);
      const responses = [
        [0, 27],
        [27, 27],
        [54, 50],
      ];
      assert.deepEqual(lengths(server(), true), responses);
      assert.deepEqual(lengths(client(), false), responses);
      for (const data of datas()) {
        if (!(data.flags & DATA_NO_BUFFER)) assert.equal(data.text.length, data.lenBytes);
      }
    });

    test('bytes without a user buffer count, and are not copied', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100', 'sendfile s 5000');
      await driver.calls(`write s ${RESPONSE}`, 'read c 100', 'discard c 4900', 'read c 100');
      await settle();
      assert.deepEqual(
        tap.of(server(), true).map((data) => [data.position, data.lenBytes, data.copiedBytes]),
        [
          [0, 5000, 0],
          [5000, RESPONSE_BYTES, RESPONSE_BYTES],
        ],
      );
      assert.deepEqual(
        tap.of(client(), false).map((data) => [data.lenBytes, data.copiedBytes, data.flags & 4]),
        [
          [100, 100, 0],
          [4900, 0, DATA_NO_BUFFER],
          [RESPONSE_BYTES, RESPONSE_BYTES, 0],
        ],
      );
    });

    test('splice counts on the socket that it reads and on the one that it writes', async () => {
      await start();
      tap.kernel.followSplices();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100');
      await driver.calls('again d t', `write d ${REQUEST}`, 'read t 100');
      await driver.calls('write c x 700', 'splice s t 700');
      await settle();
      const filler = datas().filter((data) => data.flags & DATA_NO_BUFFER);
      assert.deepEqual(
        filler.map((data) => [data.isWrite, data.lenBytes, data.copiedBytes]),
        [
          [false, 700, 0],
          [true, 700, 0],
        ],
      );
    });

    test('bytes that splice took unseen become a filler with the next read', async () => {
      await start({ hook: 'socket' });
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100');
      await driver.calls('again d t', `write d ${REQUEST}`, 'read t 100');
      await driver.calls('write c x 700', 'splice s t 700', 'write c rest', 'read s 100');
      await settle();
      const read = tap.of(server(), false).slice(1);
      assert.deepEqual(
        read.map((data) => [data.position, data.lenBytes, data.text]),
        [
          [REQUEST_BYTES, 700, ''],
          [REQUEST_BYTES + 700, 4, 'rest'],
        ],
      );
      assert.equal(tap.counter('COUNTER_READ_UNSEEN'), 1);
    });

    test('a large call: the head limit is copied, of the rest its end is', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST} 40000`, 'write c more 1000');
      await settle();
      assert.deepEqual(
        tap
          .of(client())
          .map((data) => [data.position, data.lenBytes, data.copiedBytes, data.tailBytes]),
        [
          [0, CHUNK, CHUNK, 0],
          [CHUNK, 40_000 - CHUNK, 0, TAIL],
          [40_000, 1000, 0, TAIL],
        ],
      );
    });

    test('the limit begins anew with each turn', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST} 20000`, 'read s 19999', 'read s 1');
      await driver.calls(`write s ${RESPONSE}`, 'read c 100', `write c ${REQUEST} 20000`);
      await settle();
      assert.deepEqual(
        tap.of(client(), true).map((data) => data.copiedBytes),
        [CHUNK, 0, CHUNK, 0],
      );
    });

    test('a body limit above the head limit: chunks that continue one another', async () => {
      await start({ traffic: allTraffic(50_000) });
      await driver.calls('pair c s tcp4', `write c ${REQUEST} 100000`);
      await settle();
      assert.deepEqual(
        tap
          .of(client())
          .map((data) => [
            data.position,
            data.lenBytes,
            data.copiedBytes,
            data.flags & DATA_CONTINUED,
          ]),
        [
          [0, CHUNK, CHUNK, 0],
          [CHUNK, CHUNK, CHUNK, DATA_CONTINUED],
          [2 * CHUNK, CHUNK, CHUNK, DATA_CONTINUED],
          [3 * CHUNK, CHUNK, CHUNK, DATA_CONTINUED],
          [4 * CHUNK, CHUNK + 50_000 - 4 * CHUNK, CHUNK + 50_000 - 4 * CHUNK, DATA_CONTINUED],
          [CHUNK + 50_000, 50_000 - CHUNK, 0, DATA_CONTINUED],
        ],
      );
    });

    test('a call beyond what one program run copies is counted', async () => {
      await start({ traffic: allTraffic(4 << 20), ringBytesMin: 4 << 20 });
      await driver.calls('pair c s tcp4');
      // Nobody reads: the socket's buffers take all of it.
      await driver.calls(`write c ${REQUEST} 2000000`);
      await settle();
      const copied = tap.of(client()).reduce((sum, data) => sum + data.copiedBytes, 0);
      assert.equal(tap.counter('COUNTER_TRUNCATED_IOVEC'), 1);
      assert.equal(copied, 64 * CHUNK);
    });

    test('a thousand iovecs, empty ones among them, arrive whole and in order', async () => {
      await start();
      await driver.calls('pair c s tcp4', `writev c ${REQUEST} 1 1000`, 'readv s 1000 1');
      await settle();
      const text = REQUEST_TEXT.padEnd(1000, 'x');
      for (const id of [client(), server()]) {
        assert.equal(
          tap
            .of(id)
            .map((data) => data.text)
            .join(''),
          text,
        );
      }
    });

    test('more messages than are walked in one call are counted', async () => {
      await start({ hook: 'syscall' });
      await driver.calls('pair c s tcp4', 'sendmmsg c 8', 'sendmmsg c 9');
      await settle();
      assert.equal(tap.of(client()).length, 8 + 8);
      assert.equal(tap.counter('COUNTER_TRUNCATED_IOVEC'), 1);
    });

    test('a buffer that cannot be read any more is marked and counted', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100');
      await driver.calls('write c \\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x7f', 'overwrite s 8');
      await settle();
      const last = tap.of(server(), false).at(-1);
      assert.deepEqual([last?.lenBytes, last?.copiedBytes], [8, 0]);
      assert.equal((last?.flags ?? 0) & DATA_FAULT, DATA_FAULT);
      assert.equal(tap.counter('COUNTER_TRUNCATED_FAULT'), 1);
    });

    test('peeking and urgent data are no bytes of the stream', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'peek s 10', 'peekmsg s 10 10');
      await driver.calls('read s 100', 'sendoob c !');
      await settle();
      assert.deepEqual(
        tap.of(server()).map((data) => data.lenBytes),
        [REQUEST_BYTES],
      );
      assert.deepEqual(
        tap.of(client()).map((data) => data.lenBytes),
        [REQUEST_BYTES],
      );
    });

    test('pipes and datagrams are not captured', async () => {
      await start();
      await driver.calls('others');
      await settle();
      assert.deepEqual(datas(), []);
    });

    test('a reused descriptor is another connection', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'close c', 'again c t');
      await driver.calls(`write c ${REQUEST}`);
      await settle();
      const [first, second] = datas();
      assert.equal(first.fd, second.fd);
      assert.notEqual(first.connectionId, second.connectionId);
      assert.equal(second.position, 0);
      assert.equal(tap.closes[0].connectionId, first.connectionId);
    });

    test('a socket that is connected again is another connection', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'disconnect c', 'again c t');
      await driver.calls(`write c ${REQUEST}`);
      await settle();
      const [first, second] = datas();
      assert.notEqual(first.connectionId, second.connectionId);
      assert.equal(second.position, 0);
      const [one, two] = tap.opens;
      assert.equal(one.socketInode, two.socketInode);
      assert.equal(tap.closes[0].connectionId, first.connectionId);
    });

    test('a duplicated descriptor is the same connection until the last one is closed', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'dup c d', 'close c');
      await driver.calls(`write d ${REQUEST}`);
      await settle();
      assert.equal(tap.closes.length, 0);
      assert.deepEqual(
        tap.of(client()).map((data) => data.position),
        [0, REQUEST_BYTES],
      );
      await driver.calls('close d');
      await tap.until('close', () => tap.closes.length === 1);
    });

    test('an inherited socket: the child writes on the same connection', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`);
      const child = await driver.call(`fork c ${REQUEST}`);
      await driver.calls(`write c ${REQUEST}`);
      await settle();
      assert.deepEqual(
        tap.of(client()).map((data) => [data.tgid, data.position]),
        [
          [driver.pid, 0],
          [child, REQUEST_BYTES],
          [driver.pid, 2 * REQUEST_BYTES],
        ],
      );
      assert.equal(tap.closes.length, 0);
    });

    test('threads on one socket: every byte has its position', async () => {
      await start();
      await driver.calls('pair c s tcp4');
      assert.equal(await driver.call('threads c'), 4);
      await settle();
      const total = tap.of(client()).reduce((sum, data) => sum + data.lenBytes, 0);
      assert.equal(total, 400 * REQUEST_BYTES);
      await driver.calls('close c');
      await tap.until('close', () => tap.closes.length === 1);
      assert.equal(tap.closes[0].writePosition, 400 * REQUEST_BYTES);
      assert.equal(new Set(tap.of(client()).map((data) => data.tid)).size, 4);
    });

    test('IPv6, and IPv4 on an IPv6 socket', async () => {
      await start();
      await driver.calls('pair c s tcp6', `write c ${REQUEST}`);
      await driver.calls('pair d t mapped', `write d ${REQUEST}`);
      await settle();
      const [six, mapped] = tap.opens;
      assert.deepEqual([six.family, six.local.address, six.remote.address], ['ipv6', '::1', '::1']);
      assert.deepEqual([mapped.local.address, mapped.remote.address], ['127.0.0.1', '127.0.0.1']);
    });

    test('Unix sockets: the path of the listener, and each end knows the other', async () => {
      await start();
      const path = join(folder, 'socket');
      await driver.calls(`pair c s unix ${path}`, `write c ${REQUEST}`, 'read s 100');
      await settle();
      const [one, two] = tap.opens;
      assert.deepEqual([one.family, one.remote.address], ['unix', path]);
      assert.deepEqual([two.family, two.local.address], ['unix', path]);
      assert.equal(two.peerInode, one.socketInode);
      assert.equal(one.peerInode, two.socketInode);
    });

    test('abstract Unix sockets', async () => {
      await start();
      await driver.calls('pair c s abstract spantap-test', `write c ${REQUEST}`);
      await settle();
      assert.equal(tap.opens[0].remote.address, '@spantap-test');
    });

    test('a connection opened before: captured from its first message on', async () => {
      await start({}, 'pair c s tcp4', `write c ${REQUEST}`, 'read s 100');
      await driver.calls(`write s ${RESPONSE}`, 'read c 100', `write c ${REQUEST}`, 'read s 100');
      await settle();
      const before = tap.opens.slice(0, 2);
      assert.deepEqual(
        before.map((open) => [open.startSeen, open.role]),
        [
          [false, 'server'],
          [false, 'client'],
        ],
      );
      assert.deepEqual(
        tap.of(client()).map((data) => [data.isWrite, data.text.slice(0, 4)]),
        [
          [false, 'HTTP'],
          [true, 'GET '],
        ],
      );
    });

    test('a connection found in the middle of a body waits for a message to begin', async () => {
      await start({}, 'pair c s tcp4', `write c ${REQUEST} 100`, 'read s 100');
      await driver.calls('write c and-so-on 50', 'read s 50', `write s ${RESPONSE}`, 'read c 99');
      await settle();
      assert.deepEqual(
        datas().map((data) => data.text.slice(0, 4)),
        ['HTTP', 'HTTP'],
      );
      assert.equal(tap.of(client())[0].position, 0);
      assert.equal(tap.opens.find((open) => open.role === 'client')?.writePosition, 50);
    });

    test('bytes that are not HTTP are dropped and counted once for each end', async () => {
      await start();
      await driver.calls('pair c s tcp4', 'write c \\x16\\x03\\x01\\x02\\x00', 'read s 100');
      await driver.calls(`write s ${RESPONSE}`, 'read c 100', `write c ${REQUEST}`, 'read s 100');
      await settle();
      assert.deepEqual(datas(), []);
      assert.deepEqual(tap.closes, []);
      assert.equal(tap.counter('COUNTER_SKIPPED_NOT_HTTP'), 2);
    });

    test('a server that speaks first is not HTTP', async () => {
      await start();
      await driver.calls('pair c s tcp4', 'write s 220\\smail\\r\\n', 'read c 100');
      await driver.calls('write c EHLO\\sx\\r\\n', 'read s 100');
      await settle();
      assert.deepEqual(datas(), []);
      assert.equal(tap.counter('COUNTER_SKIPPED_NOT_HTTP'), 2);
    });

    test('HTTP/2 with prior knowledge is not HTTP/1', async () => {
      await start();
      await driver.calls('pair c s tcp4', 'write c PRI\\s*\\sHTTP/2.0\\r\\n\\r\\n', 'read s 100');
      await settle();
      assert.deepEqual(datas(), []);
    });

    test('a request that begins with a single byte, or with empty lines', async () => {
      await start();
      await driver.calls('pair c s tcp4', 'write c \\r\\n', 'write c G', 'write c ET\\s/\\s');
      await driver.calls('read s 3', 'read s 9');
      await settle();
      assert.deepEqual(
        tap.of(client()).map((data) => data.text),
        ['\r\n', 'G', 'ET / '],
      );
      assert.deepEqual(
        tap.of(server()).map((data) => data.text),
        ['\r\nG', 'ET / '],
      );
    });

    test('a connection of unknown beginning is given up after 16 turns without HTTP', async () => {
      await start({}, 'pair c s tcp4');
      for (let i = 0; i < 8; i++) {
        await driver.calls('write c ping', 'read s 9', 'write s pong', 'read c 9');
      }
      await driver.calls(`write c ${REQUEST}`, 'read s 100');
      await settle();
      assert.deepEqual(datas(), []);
      assert.equal(tap.counter('COUNTER_SKIPPED_NOT_HTTP'), 2);
    });

    test('an ignored connection delivers nothing more', async () => {
      await start();
      await driver.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100');
      await tap.until('open', () => tap.opens.length === 2);
      for (const open of tap.opens) tap.kernel.ignoreConnection(open.socketInode);
      await driver.calls(`write s ${RESPONSE}`, 'read c 100');
      await settle();
      assert.equal(datas().length, 2);
    });

    test('processes that nobody named are not captured', async () => {
      await start();
      const other = new Driver(program);
      await other.calls('pair c s tcp4', `write c ${REQUEST}`, 'read s 100');
      await settle();
      assert.deepEqual(datas(), []);
      await other.kill();
    });

    test('a process that is ignored is not captured, also where all are watched', async () => {
      driver = new Driver(program);
      tap = new Tap({ watchAll: true, ringBytesMin: 4 << 20 });
      const ignored = new Driver(program);
      driver.watchedBy(tap);
      tap.kernel.setPolicy(ignored.pid, { watch: 'ignore', family: 'other' });
      await ignored.calls('pair c s tcp4', `write c ${REQUEST}`);
      await settle();
      assert.deepEqual(
        datas().filter((data) => data.tgid === ignored.pid),
        [],
      );
      await ignored.kill();
    });

    test('when capture stops each open connection tells how far it got', async () => {
      await start();
      await driver.calls('pair c s tcp4', 'again d t', `write c ${REQUEST}`, `write d ${REQUEST}`);
      await driver.calls('close d');
      tap.stop();
      await driver.calls(`write c ${REQUEST}`);
      tap.drain();
      assert.equal(tap.datas.length, 2);
      assert.deepEqual(
        tap.closes.map((close) => [close.connectionId, close.isStillOpen, close.writePosition]),
        [
          [tap.opens[1].connectionId, false, REQUEST_BYTES],
          [tap.opens[0].connectionId, true, REQUEST_BYTES],
        ],
      );
    });

    test('a full connection map: the sockets beyond it are counted, those in it go on', async () => {
      // Sockets share two slots by their inode and a small map besides: forty do not fit.
      await start({ connectionsMax: 2 });
      const names = Array.from({ length: 20 }, (_, n) => String.fromCharCode(97 + n));
      for (const name of names) {
        await driver.calls(`pair ${name} ${name.toUpperCase()} tcp4`, `write ${name} ${REQUEST}`);
      }
      tap.drain();
      assert.ok(tap.counter('COUNTER_LOST_CONNECTION') > 0);
      assert.ok(tap.opens.length < names.length);
      for (const { connectionId } of tap.opens) assert.equal(tap.of(connectionId).length, 1);
    });

    test('a sweep ends what was closed unseen, and nothing else', async () => {
      await start();
      await driver.calls(
        'pair c s abstract spantap-sweep',
        'again d t',
        `write c ${REQUEST}`,
        `write d ${REQUEST}`,
      );
      await tap.until('opens', () => tap.opens.length === 2);
      await driver.calls('dup2 d c');
      assert.equal(tap.closes.length, 0);
      assert.ok(tap.kernel.sweep() >= 1);
      await tap.until('close', () => tap.closes.length === 1);
      assert.equal(tap.closes[0].connectionId, tap.opens[0].connectionId);
      await driver.calls(`write d ${REQUEST}`);
      await settle();
      assert.equal(tap.of(tap.opens[1].connectionId).length, 2);
      assert.equal(tap.kernel.sweep(), 0);
    });
  });
}
