import assert from 'node:assert/strict';
import {
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { EventFileWriter, readEventFile, readEventFileHead } from '../../src/capture/event-file.ts';
import { AgentError } from '../../src/telemetry/agent-error.ts';

const HEAD = {
  eventVersion: 1,
  spantap: '0.1.0',
  kernel: '6.1.0',
  arch: 'x64',
  monotonicNs: 5_000,
  epochMs: 1_700_000_000_000,
};

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'event-file-'));
  path = join(folder, 'events.bin');
});
afterEach(() => rmSync(folder, { recursive: true }));

function record(kind: number, payload: number): Buffer {
  const bytes = Buffer.alloc(24 + payload, payload);
  bytes.writeUInt32LE(kind, 0);
  bytes.writeUInt32LE(bytes.length, 4);
  return bytes;
}

function writeSample(): { first: Buffer; second: Buffer } {
  const writer = new EventFileWriter(path, HEAD);
  const first = Buffer.concat([record(1, 8), record(2, 64)]);
  const second = record(3, 16);
  writer.append(first);
  writer.note({ tgid: 7, family: 'nginx' });
  writer.append(second);
  writer.close();
  return { first, second };
}

test('records and notes come back in order, byte for byte', () => {
  const { first, second } = writeSample();
  const items = [...readEventFile(path)].map((item) =>
    item.kind === 'note' ? item.value : Buffer.from(item.bytes),
  );
  assert.deepEqual(items, [first, { tgid: 7, family: 'nginx' }, second]);
  assert.deepEqual(readEventFileHead(path), HEAD);
});

test('a recording is readable by its owner only', () => {
  writeSample();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a recording takes the place of a file that others can read, and of no other thing', () => {
  writeFileSync(path, 'older', { mode: 0o644 });
  const other = join(folder, 'other');
  linkSync(path, other);
  writeSample();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(readFileSync(other, 'utf8'), 'older', 'another name of the older one');
  const link = join(folder, 'link');
  symlinkSync(other, link);
  for (const wrong of [link, folder, join(folder, 'missing', 'events.bin')]) {
    assert.throws(
      () => new EventFileWriter(wrong, HEAD),
      (error) => error instanceof AgentError && error.message.includes(wrong),
    );
  }
  assert.equal(readFileSync(other, 'utf8'), 'older');
});

test('a recording ends with the last whole record within its bound', () => {
  const empty = new EventFileWriter(path, HEAD);
  empty.close();
  const start = statSync(path).size;
  for (const [room, expected] of [
    [0, 0],
    [31, 0],
    [32, 1],
    [120, 2],
    [1_000, 3],
  ] as const) {
    const writer = new EventFileWriter(path, HEAD, start + room);
    writer.append(Buffer.concat([record(1, 8), record(2, 64)]));
    writer.append(record(3, 8));
    writer.append(record(4, 1_000));
    writer.note({ tgid: 7 });
    writer.close();
    assert.ok(writer.isFull);
    assert.ok(statSync(path).size <= start + room);
    const bytes = [...readEventFile(path)].map(
      (item) => item.kind === 'records' && item.bytes.length,
    );
    const lengths = [32, 88, 32].slice(0, expected);
    assert.equal(
      Number(bytes[0] ?? 0),
      lengths.reduce((sum, one) => sum + one, 0),
      String(room),
    );
  }
});

function assertDamage(expected: RegExp): void {
  assert.throws(
    () => [...readEventFile(path)],
    (error) => error instanceof AgentError && expected.test(error.message),
  );
}

test('a file that is no recording says so', () => {
  writeFileSync(path, 'GET / HTTP/1.1\r\n\r\n');
  assertDamage(/damaged at byte 0: it does not begin like an event file/);
});

test('a cut file names the byte where its last whole record ends', () => {
  const { second } = writeSample();
  const size = statSync(path).size;
  truncateSync(path, size - 4);
  assertDamage(new RegExp(`damaged at byte ${size - second.length}: the last record is cut off`));
});

test('a broken length names the byte of the record', () => {
  const { second } = writeSample();
  const bytes = readFileSync(path);
  bytes.writeUInt32LE(3, bytes.length - second.length + 4);
  writeFileSync(path, bytes);
  assertDamage(new RegExp(`damaged at byte ${bytes.length - second.length}: a record claims 3`));
});

test('a missing file is an error in words', () => {
  assertDamage(/cannot open the event file/);
});
