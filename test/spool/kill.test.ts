/** kill -9 in the middle of writing, and the next process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { temporaryFolder } from '../store/temporary.ts';
import { drain, openSpool } from './small-spool.ts';

const WRITER = join(import.meta.dirname, 'endless-writer.ts');

/** Kills the writer when it has said so many lines; returns how many records it said were written. */
async function writeAndKill(folder: string, lines: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let said = 0;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    said = Number(line);
    if (++count === lines) child.kill('SIGKILL');
  }
  const [, signal] = await ended;
  assert.equal(signal, 'SIGKILL');
  return said;
}

const numberOf = (record: string) => Number(record.slice(0, record.indexOf(' ')));

test('what a spool said was written is there after kill -9, in order, once, unharmed', async (t) => {
  for (const lines of [1, 7, 40]) {
    const folder = temporaryFolder(t);
    const said = await writeAndKill(folder, lines);
    const { spool } = await openSpool(folder, { bytesMax: 64 * 1024 * 1024 });
    const records = await drain(spool);
    assert.ok(said >= lines * 20 && records.length >= said, `${records.length} of ${said}`);
    records.forEach((record, index) => {
      assert.equal(record, `${index} ${'x'.repeat((index * 37) % 900)}`);
      assert.equal(numberOf(record), index);
    });
    await spool.close();
  }
});

test('a spool survives several deaths in a row', async (t) => {
  const folder = temporaryFolder(t);
  let said = 0;
  for (let i = 0; i < 3; i++) said += await writeAndKill(folder, 5);
  const { spool } = await openSpool(folder, { bytesMax: 64 * 1024 * 1024 });
  const records = await drain(spool);
  assert.ok(records.length >= said, `${records.length} of ${said}`);
  assert.equal(records.filter((record) => numberOf(record) === 0).length, 3);
  await spool.close();
});
