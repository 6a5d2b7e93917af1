import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { maySplice } from '../../../src/discover/haproxy/splices.ts';
import { readProcess } from '../../../src/discover/processes.ts';
import { type FakeProcess, fakeProc } from '../fake-proc.ts';
import { filesBelow, TemporaryFolder } from '../temporary.ts';

const PLAIN = 'frontend web\n  bind :80\n';
const SPLICING = 'defaults\n  option splice-auto\n';

/** What is said of a HAProxy with these arguments, and files below its /proc folder. */
function ask(
  context: TestContext,
  words: readonly string[],
  files: Readonly<Record<string, string>> = {},
  process: Partial<FakeProcess> = {},
): boolean {
  const commandLine = ['haproxy', ...words];
  const root = fakeProc(context, [{ pid: 5, exe: '/usr/sbin/haproxy', commandLine, ...process }]);
  for (const [name, text] of Object.entries(files)) filesBelow(root).file(`5/${name}`, text);
  const info = readProcess(5, root);
  assert.ok(info);
  return maySplice(info, root);
}

test('a HAProxy whose files do not speak of splicing does not splice', (context) => {
  const folder = new TemporaryFolder(context);
  const one = folder.file('one.cfg', PLAIN);
  const two = folder.file('two.cfg', PLAIN);
  assert.equal(ask(context, ['-W', '-f', one, '-f', two, '-p', '/run/haproxy.pid']), false);
});

test('one file that does is enough', (context) => {
  const folder = new TemporaryFolder(context);
  const one = folder.file('one.cfg', PLAIN);
  const two = folder.file('two.cfg', SPLICING);
  assert.equal(ask(context, ['-f', one, '-f', two]), true);
});

test('in a container its files are those of the container', (context) => {
  const path = new TemporaryFolder(context).file('one.cfg', SPLICING);
  const files = { [`root${path}`]: PLAIN };
  assert.equal(ask(context, ['-f', path], files, { mntns: 2 }), false);
  assert.equal(ask(context, ['-f', path], files), true);
});

test('a relative path begins at its working directory', (context) => {
  assert.equal(ask(context, ['-f', 'one.cfg'], { 'cwd/one.cfg': PLAIN }), false);
  assert.equal(ask(context, ['-f', 'one.cfg'], { 'cwd/one.cfg': SPLICING }), true);
});

test('what cannot be read, or is not clear, may splice', (context) => {
  const folder = new TemporaryFolder(context);
  const path = folder.file('one.cfg', PLAIN);
  assert.equal(ask(context, ['-f', `${path}-missing`]), true);
  assert.equal(ask(context, ['-f', folder.path]), true);
  assert.equal(ask(context, []), true);
  assert.equal(ask(context, ['-f', path, '--', path]), true);
  assert.equal(ask(context, ['-C', '/etc', '-f', path]), true);
});
