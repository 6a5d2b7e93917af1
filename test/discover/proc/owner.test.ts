import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readOwner } from '../../../src/discover/proc/owner.ts';
import { fakeProc } from '../fake-proc.ts';
import { filesBelow } from '../temporary.ts';

const STATUS = 'Name:\tapi\nUid:\t0\t101\t101\t101\n';

test('the owner is the effective user, named by the files of the process', (context) => {
  const root = fakeProc(context, [{ pid: 5, status: STATUS }]);
  assert.deepEqual(readOwner(5, root), { id: 101, name: undefined });
  filesBelow(root).file('5/root/etc/passwd', 'root:x:0:0::/:\n:x:101:1::/:\nweb:x:101:101::/:\n');
  assert.deepEqual(readOwner(5, root), { id: 101, name: 'web' });
  assert.equal(readOwner(6, root), undefined);
});

test('a pipe in the place of the file is not waited for', (context) => {
  const root = fakeProc(context, [{ pid: 5, status: STATUS }]);
  mkdirSync(join(root, '5/root/etc'), { recursive: true });
  execFileSync('mkfifo', [join(root, '5/root/etc/passwd')]);
  assert.deepEqual(readOwner(5, root), { id: 101, name: undefined });
});
