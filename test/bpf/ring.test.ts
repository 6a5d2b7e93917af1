/** Records through rings that are smaller than what goes through them, from one CPU and from two. */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import type { KernelOptions } from '../../src/native/types.ts';
import { buildDriver, Driver, removeDriver } from './driver.ts';
import { skip, Tap } from './harness.ts';

const REQUEST = 'GET\\s/\\sHTTP/1.1\\r\\n\\r\\n';
const REQUEST_TEXT = 'GET / HTTP/1.1\r\n\r\n';
const RESPONSE = 'HTTP/1.1\\s204\\sNo\\sContent\\r\\n\\r\\n';
const REQUEST_BYTES = REQUEST_TEXT.length;
const CHUNK = 16_384;
const ATTEMPTS_MAX = 10;

describe('rings', { skip }, () => {
  let folder: string;
  let program: string;
  let tap: Tap;
  let drivers: Driver[] = [];

  before(() => {
    ({ folder, program } = buildDriver());
  });
  after(() => removeDriver(folder));
  const stop = async () => {
    tap.kernel.close();
    for (const driver of drivers) await driver.kill();
    drivers = [];
  };
  afterEach(stop);

  /**
   * A ring of few kilobytes is filled by what starts and ends elsewhere on the host: a failure
   * beside such processes proves nothing, and the test is made again.
   */
  function testSmall(name: string, body: () => Promise<void>): void {
    const wasDisturbed = () => {
      const own = new Set(drivers.map(({ pid }) => pid));
      tap.drain();
      return tap.processes.some(({ tgid }) => !own.has(tgid));
    };
    test(name, async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await body();
        } catch (error) {
          if (attempt === ATTEMPTS_MAX || !wasDisturbed()) throw error;
          await stop();
        }
      }
    });
  }

  /** A driver for each given CPU, all watched by a kernel side whose rings have that many bytes. */
  async function start(ringBytesMin: number, ...cpus: number[]): Promise<Driver[]> {
    tap = new Tap({ ringBytesMin, ...(hook ? { hook } : {}) });
    drivers = cpus.map(() => new Driver(program).watchedBy(tap));
    await Promise.all(drivers.map((driver, i) => driver.calls(`cpu ${cpus[i]}`)));
    return drivers;
  }

  /** Bytes to the server and one back, so that each turn is copied whole; drained at each step. */
  async function turn(driver: Driver, text: string, bytes: number): Promise<void> {
    const calls = [`write c ${text} ${bytes}`, `read s ${bytes}`, 'write s x', 'read c 1'];
    for (const call of calls) {
      await driver.calls(call);
      tap.drain();
    }
  }

  /** In the socket, closes have a ring of their own. */
  let hook: KernelOptions['hook'];
  beforeEach(() => {
    hook = undefined;
  });

  const client = () => tap.opens.find((open) => open.role === 'client')?.connectionId ?? -1;

  testSmall('many times around a small ring every byte arrives', async () => {
    const [driver] = await start(8192, 0);
    await driver.calls('pair c s tcp4');
    let text = '';
    for (let i = 0; i < 300; i++) {
      const bytes = 40 + ((i * 997) % 3000);
      text += `GET /${i} HTTP/1.1\r\n\r\n`.padEnd(bytes, 'x');
      await turn(driver, `GET\\s/${i}\\sHTTP/1.1\\r\\n\\r\\n`, bytes);
    }
    tap.drain();
    assert.equal(tap.counter('COUNTER_LOST_RING_FULL'), 0);
    assert.ok(text.length > 50 * 8192);
    for (const { connectionId, role } of tap.opens) {
      const pieces = tap.of(connectionId, role === 'client').map((data) => data.text);
      assert.ok(pieces.join('') === text, 'the same bytes');
    }
    const records = tap.datas.length + tap.opens.length + tap.processes.length;
    assert.equal(tap.counter('COUNTER_EVENTS'), records);
  });

  testSmall(
    'a record that runs over the end of the ring stays whole, and so does the next',
    async () => {
      const [driver] = await start(CHUNK + 4096, 0);
      await driver.calls('pair c s tcp4');
      const lengths = [3000, CHUNK - 100, CHUNK - 100, 100];
      for (const bytes of lengths) await turn(driver, REQUEST, bytes);
      const isWhole = tap.of(client(), true).map((data, i) => {
        return data.text === REQUEST_TEXT.padEnd(lengths[i], 'x');
      });
      assert.deepEqual(isWhole, [true, true, true, true]);
      assert.equal(tap.counter('COUNTER_LOST_RING_FULL'), 0);
    },
  );

  testSmall('a full ring loses records, counts them, and shows the gap', async () => {
    const [driver] = await start(4096, 0);
    await driver.calls('pair c s tcp4');
    for (let i = 0; i < 20; i++) await driver.calls(`write c ${REQUEST} 500`);
    const lost = tap.counter('COUNTER_LOST_RING_FULL');
    assert.ok(lost > 0, 'records were lost');
    tap.drain();
    await driver.calls(`write c ${REQUEST}end`);
    tap.drain();
    const seen = tap.of(client());
    assert.equal(seen.length + lost, 21);
    assert.equal(seen.at(-1)?.position, 20 * 500);
    assert.equal(tap.counter('COUNTER_LOST_RING_FULL'), lost);
  });

  testSmall('an open event that did not fit is sent with the next bytes that do', async () => {
    const [driver] = await start(4096, 0);
    await driver.calls('pair c s tcp4');
    for (let i = 0; i < 12; i++) await driver.calls(`write c ${REQUEST} 500`);
    // Small records fill what is left, so that nothing as long as an open event fits.
    for (let i = 0; i < 30; i++) await driver.calls('write c x');
    await driver.calls('again d t', `write d ${REQUEST}`);
    tap.drain();
    assert.equal(tap.opens.length, 1);
    await driver.calls(`write d ${REQUEST}end`);
    tap.drain();
    assert.deepEqual(
      [tap.opens[1].writePosition, tap.opens[1].startSeen],
      [REQUEST_BYTES * 2 + 3, true],
    );
  });

  testSmall('a close event that did not fit is put again when there is room', async () => {
    hook = 'syscall';
    const [driver] = await start(4096, 0);
    const names = ['c', 'd', 'e', 'f'];
    for (const name of names) {
      await driver.calls(`pair ${name} ${name.toUpperCase()} tcp4`, `write ${name} ${REQUEST}`);
    }
    // Small records fill what is left; a close event or two may still fit.
    for (let i = 0; i < 40; i++) await driver.calls('write c x');
    await driver.calls(...names.map((name) => `close ${name}`));
    tap.drain();
    const late = names.length - tap.closes.length;
    assert.ok(late > 0, 'some did not fit');
    assert.equal(tap.kernel.endLate(), late);
    tap.drain();
    assert.equal(tap.closes.length, names.length);
    const close = tap.closes.find((each) => each.connectionId === client());
    assert.equal(close?.writePosition, REQUEST_BYTES + 40);
    assert.equal(close?.isStillOpen, false);
    assert.equal(tap.kernel.endLate(), 0);
  });

  testSmall(
    'a connection that never found room for its open event is counted by its turns',
    async () => {
      const [driver] = await start(4096, 0);
      await driver.calls('pair c s tcp4', 'again d t', `write c ${REQUEST}`);
      for (let i = 0; i < 40; i++) await driver.calls('write c x');
      for (let i = 0; i < 3; i++) {
        await driver.calls(`write d ${REQUEST}`, 'read t 100', `write t ${RESPONSE}`, 'read d 100');
      }
      await driver.calls(`write d ${REQUEST}`, 'close d');
      assert.equal(tap.counter('COUNTER_LOST_UNOPENED'), 4);
      // The server's end is open still, and has not read the last request.
      tap.stop();
      assert.equal(tap.counter('COUNTER_LOST_UNOPENED'), 7);
    },
  );

  test('records of two CPUs come in the order of the calls', { skip: isSingle() }, async () => {
    const [zero, one] = await start(1 << 20, 0, 1);
    await zero.calls('pair c s tcp4');
    await one.calls('pair c s tcp4');
    for (let i = 0; i < 50; i++) {
      await zero.calls(`write c ${REQUEST}${2 * i}`);
      await one.calls(`write c ${REQUEST}${2 * i + 1}`);
    }
    tap.drain();
    assert.deepEqual(
      tap.datas.map((data) => data.text.slice(REQUEST_BYTES)),
      Array.from({ length: 100 }, (_, n) => `${n}`),
    );
  });

  test('a thread that changes its CPU keeps its order', { skip: isSingle() }, async () => {
    const [driver] = await start(1 << 20, 0);
    await driver.calls('pair c s tcp4');
    for (let i = 0; i < 100; i++) await driver.calls(`cpu ${i % 2}`, `write c ${REQUEST}`);
    tap.drain();
    assert.deepEqual(
      tap.of(client()).map((data) => data.position),
      Array.from({ length: 100 }, (_, n) => n * REQUEST_BYTES),
    );
  });

  test('what is too young for one drain comes with a later one', async () => {
    const [driver] = await start(1 << 20, 0);
    const batch = new Uint8Array(1 << 20);
    await driver.calls('pair c s tcp4', `write c ${REQUEST}`);
    const end = Date.now() + 10_000;
    let bytes = 0;
    while (bytes === 0 && Date.now() < end) bytes = tap.kernel.drain(batch);
    assert.ok(bytes > REQUEST_BYTES);
  });
});

function isSingle(): string | false {
  return availableParallelism() < 2 ? 'one CPU' : false;
}
