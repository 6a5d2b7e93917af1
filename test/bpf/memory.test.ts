/** What starting took is given back, and the process goes on. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const BINDING = join(import.meta.dirname, '..', '..', 'src', 'native', 'binding.ts');

/** A process of its own: kilobytes of files in its memory before and after, and what it can do then. */
const SCRIPT = `
  const { readFileSync } = await import('node:fs');
  const { giveBackMemory } = await import(${JSON.stringify(BINDING)});
  const fileKb = () => Number(/RssFile:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  const before = fileKb();
  giveBackMemory();
  const after = fileKb();
  const sum = [1, 2, 3].map((value) => value * 2).reduce((a, b) => a + b);
  const zipped = (await import('node:zlib')).gunzipSync((await import('node:zlib')).gzipSync('whole'));
  process.stdout.write(JSON.stringify({ before, after, sum, text: String(zipped) }));
`;

test('pages of code and constants that starting touched are given back, and come again when they are used', () => {
  const args = ['--input-type=module', '--eval', SCRIPT];
  const said = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  assert.ok(said.after < said.before / 3, `${said.before} kB before, ${said.after} after`);
  assert.deepEqual([said.sum, said.text], [12, 'whole']);
});
