import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { findNginxConnections, privateRegions } from '../../src/discover/nginx.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { fakeProc } from './fake-proc.ts';

const START = 0x10000;
const BYTES = 0x300000;
const MAPS = `00010000-00310000 rw-p 00000000 00:00 0                          [heap]
00400000-00500000 r-xp 00000000 08:01 77                         /usr/sbin/nginx
`;

/** Memory of a worker; addresses are offsets in the file, as in /proc/PID/mem. */
class Memory {
  readonly bytes = Buffer.alloc(START + BYTES);

  word(address: number, value: number): this {
    this.bytes.writeBigUInt64LE(BigInt(value), address);
    return this;
  }

  /** An ngx_connection_t with its two events. */
  connection(address: number, fd: number, read: number, write: number): this {
    this.word(address + 8, read)
      .word(address + 16, write)
      .word(address + 24, fd);
    return this.word(read, address).word(write, address);
  }
}

function scan(context: TestContext, memory: Memory, fds: Record<number, string>, maps = MAPS) {
  const root = fakeProc(context, [{ pid: 5, fds, maps, mem: memory.bytes }]);
  return findNginxConnections(5, undefined, root);
}

test('a connection is found by its descriptor and the events that point back', (context) => {
  const memory = new Memory()
    .connection(0x20000, 7, 0x80000, 0x90000)
    .connection(0x200e8, 9, 0x80060, 0x90060);
  const { connections, reasons } = scan(context, memory, {
    7: 'socket:[70]',
    9: 'socket:[90]',
    10: 'pipe:[100]',
  });
  assert.deepEqual(connections, [
    [70, 0x20000],
    [90, 0x200e8],
  ]);
  assert.deepEqual(reasons, []);
});

test('connections at the edges of regions and of read pieces are found', (context) => {
  const piece = START + 1024 * 1024;
  const last = START + BYTES - 0x20;
  const memory = new Memory()
    .connection(START, 3, 0x80000, 0x90000)
    .connection(piece - 8, 4, 0x80060, 0x90060)
    .connection(piece - 0x20, 5, 0x800c0, 0x900c0)
    .connection(last, 6, 0x80120, 0x90120);
  const fds = Object.fromEntries([3, 4, 5, 6].map((fd) => [fd, `socket:[${fd}0]`]));
  // The first two overlap in the last case: piece - 0x20 + 0x18 is the word before the other's.
  const found = new Map(scan(context, memory, fds).connections);
  assert.equal(found.get(30), START);
  assert.equal(found.get(40), piece - 8);
  assert.equal(found.get(60), last);
});

const IMPOSTORS: Readonly<Record<string, (memory: Memory) => unknown>> = {
  'whose read event points elsewhere': (memory) =>
    memory.connection(0x20000, 7, 0x80000, 0x90000).word(0x80000, 0x20008),
  'whose write event points elsewhere': (memory) =>
    memory.connection(0x20000, 7, 0x80000, 0x90000).word(0x90000, 0),
  'whose events are one': (memory) => memory.connection(0x20000, 7, 0x80000, 0x80000),
  'whose events lie outside of its memory': (memory) =>
    memory.word(0x20008, 0x400000).word(0x20010, 0x400060).word(0x20018, 7),
  'whose events are not aligned': (memory) => memory.connection(0x20000, 7, 0x80004, 0x90000),
  'of a descriptor that is no socket': (memory) => memory.connection(0x20000, 8, 0x80000, 0x90000),
};

for (const [title, write] of Object.entries(IMPOSTORS)) {
  test(`a structure ${title} is not taken`, (context) => {
    const memory = new Memory();
    write(memory);
    assert.deepEqual(scan(context, memory, { 7: 'socket:[70]' }).connections, []);
  });
}

test('a region that is gone by the time it is read is skipped', (context) => {
  const maps = `${MAPS}7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n`;
  const memory = new Memory().connection(0x20000, 7, 0x80000, 0x90000);
  const { connections } = scan(context, memory, { 7: 'socket:[70]', 8: 'socket:[80]' }, maps);
  assert.deepEqual(connections, [[70, 0x20000]]);
});

test('a search that reaches its bound ends, is counted and says so', (context) => {
  const memory = new Memory().connection(START + BYTES - 0x20, 7, 0x80000, 0x90000);
  const root = fakeProc(context, [
    { pid: 5, fds: { 7: 'socket:[70]' }, maps: MAPS, mem: memory.bytes },
  ]);
  for (const bounds of [
    { bytesMax: 1024 * 1024, timeMs: 10_000 },
    { bytesMax: 1 << 30, timeMs: -1 },
  ]) {
    const counters = new Counters();
    const { connections, reasons } = findNginxConnections(5, counters, root, bounds);
    assert.deepEqual(connections, []);
    assert.equal(counters.get('dropped.nginx_scan'), 1);
    assert.match(reasons[0] ?? '', /MiB of memory were searched/);
  }
});

test('memory that may not be read is a reason, not a failure', (context) => {
  const root = fakeProc(context, [{ pid: 5, fds: { 7: 'socket:[70]' }, maps: MAPS }]);
  const { connections, reasons } = findNginxConnections(5, undefined, root);
  assert.deepEqual(connections, []);
  assert.match(reasons[0] ?? '', /CAP_SYS_PTRACE/);
});

test('only private writable memory without a file is searched', () => {
  const maps = `00400000-00452000 r-xp 00000000 08:02 173521      /usr/sbin/nginx
00651000-00652000 rw-p 00051000 08:02 173521      /usr/sbin/nginx
00e03000-00e24000 rw-p 00000000 00:00 0           [heap]
7f0000000000-7f0000010000 rw-p 00000000 00:00 0 
7f0000020000-7f0000030000 rw-p 00000000 00:00 0   [anon:pool]
7f0000040000-7f0000050000 rw-s 00000000 00:01 99  /dev/zero (deleted)
7f0000060000-7f0000070000 r--p 00000000 00:00 0 
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0   [stack]
`;
  assert.deepEqual(privateRegions(maps), [
    { start: 0xe03000, end: 0xe24000 },
    { start: 0x7f0000000000, end: 0x7f0000010000 },
    { start: 0x7f0000020000, end: 0x7f0000030000 },
  ]);
});
