/** Go's exact.state step by step, on a program that stands in for Go (driver.c). x86-64. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventCause, eventCauseFlag } from '../../src/capture/layout.gen.ts';
import { closeElf, fileOffsetOf, openElf } from '../../src/discover/elf/elf.ts';
import { findSymbols } from '../../src/discover/elf/symbols.ts';
import { buildDriver, Driver, removeDriver } from './driver.ts';
import { type Data, skip as noKernel, Tap } from './harness.ts';

const skip = process.arch === 'x64' ? noKernel : 'registers of x86-64';
const REQUEST = 'GET\\s/\\sHTTP/1.1\\r\\n\\r\\n';
const RESPONSE = 'HTTP/1.1\\s204\\sNo\\sContent\\r\\n\\r\\n';
const PROBES = ['go_round_trip', 'go_write_loop'] as const;
/** Two that serve, one that writes upstream, and the connection that it serves. */
const [ONE, OTHER, WRITER, PC] = [4096, 8192, 12288, 16384];

function offsetsOf(program: string): Map<string, number> {
  const elf = openElf(program);
  assert(elf);
  const symbols = findSymbols(elf, PROBES, 'all');
  const offsets = [...symbols].map(([name, { address }]) => [name, fileOffsetOf(elf, address)]);
  closeElf(elf);
  return new Map(offsets as [string, number][]);
}

describe('a request that a goroutine hands to a writer', { skip }, () => {
  let folder: string;
  let program: string;
  before(() => {
    ({ folder, program } = buildDriver());
  });
  after(() => removeDriver(folder));

  /**
   * Two clients' requests are read, by a goroutine each; c and s are the upstream connection.
   * Returns what is written on it, request by request.
   */
  async function open(tap: Tap, driver: Driver): Promise<() => Data[]> {
    driver.watchedBy(tap);
    tap.watch(driver.pid, 'go');
    for (const [name, offset] of offsetsOf(program))
      tap.kernel.attachUprobe(name as (typeof PROBES)[number], program, offset, false);
    await driver.calls('pair a A tcp4', 'pair b B tcp4', 'pair c s tcp4');
    await driver.calls(`write a ${REQUEST}`, `write b ${REQUEST}`);
    await driver.calls(`g ${ONE}`, 'read A 100', `g ${OTHER}`, 'read B 100');
    await driver.calls(`g ${WRITER}`, `writeloop ${PC}`);
    const opens = () => tap.opens.filter(({ role }) => role === 'client');
    return () => {
      const upstream = opens()[2]?.connectionId ?? -1;
      return tap.of(upstream, true).filter(({ text }) => text.startsWith('GET'));
    };
  }

  /** The writer sends the request that waits, and the answer comes. */
  const exchange = [
    `g ${WRITER}`,
    `write c ${REQUEST}`,
    'read s 100',
    `write s ${RESPONSE}`,
    'read c 100',
  ];

  test('is stamped with the client of that goroutine', async () => {
    using tap = new Tap();
    await using driver = new Driver(program);
    const requests = await open(tap, driver);
    for (const goroutine of [ONE, OTHER])
      await driver.calls(`g ${goroutine}`, `roundtrip ${PC}`, ...exchange);
    await tap.until('both requests', () => requests().length === 2);
    const servers = tap.opens.filter(({ role }) => role === 'server').map((o) => o.connectionId);
    const [first, second] = requests();
    for (const { cause, causeFlags } of [first, second]) {
      assert.deepEqual([cause, causeFlags], [eventCause.CAUSE_GO, 0]);
    }
    assert.deepEqual([first.causeConnectionId, second.causeConnectionId], servers.slice(0, 2));
  });

  test('is ambiguous when another was handed over before it was written, and that alone', async () => {
    using tap = new Tap();
    await using driver = new Driver(program);
    const requests = await open(tap, driver);
    await driver.calls(`g ${ONE}`, `roundtrip ${PC}`, `g ${OTHER}`, `roundtrip ${PC}`);
    await driver.calls(...exchange);
    await driver.calls(`g ${ONE}`, `roundtrip ${PC}`, ...exchange);
    await tap.until('both requests', () => requests().length === 2);
    assert.deepEqual(
      requests().map(({ cause, causeFlags }) => [cause, causeFlags]),
      [
        [eventCause.CAUSE_GO, eventCauseFlag.CAUSE_AMBIGUOUS],
        [eventCause.CAUSE_GO, 0],
      ],
    );
  });

  test('is not stamped when nobody handed it over', async () => {
    using tap = new Tap();
    await using driver = new Driver(program);
    const requests = await open(tap, driver);
    await driver.calls(...exchange);
    await tap.until('the request', () => requests().length === 1);
    assert.equal(requests()[0].cause, eventCause.CAUSE_NONE);
  });
});
