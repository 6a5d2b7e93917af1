import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolder } from '../../src/spool/make-folder.ts';

test('makes what is missing, for its owner alone', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'spantap-folder-'));
  t.after(() => rmSync(root, { recursive: true }));
  const path = join(root, 'a', 'b', 'c');
  await makeFolder(path);
  await makeFolder(path);
  assert.equal(statSync(path).mode & 0o777, 0o700);
});

test('says that nothing can be made there, instead of trying for ever', async () => {
  await assert.rejects(makeFolder('/proc/none/at/all'), { code: 'ENOENT' });
});
