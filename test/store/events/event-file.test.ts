/** Events in a file: its lines, its mode, rotation by itself and by others, a disk that is full. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { EventFile } from '../../../src/store/events/event-file.ts';
import { AgentError } from '../../../src/telemetry/agent-error.ts';
import { canMount, smallDisk, temporaryFolder } from '../temporary.ts';
import { eventOf } from './events.ts';

const MIB = 1024 * 1024;
/** Two events fit. */
const SMALL = 100;

async function openIn(t: TestContext, folder: string, maxBytes = MIB, maxBackups = 2) {
  const path = join(folder, 'logs', 'events.jsonl');
  const file = await EventFile.open({ path, maxBytes, maxBackups });
  t.after(() => file.close());
  const write = (...names: string[]) => file.write(names.map((name) => file.encode(eventOf(name))));
  return { path, file, write };
}

const namesIn = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line).item.name);

describe('a file of events', () => {
  test('has a line each with type and item, and is readable by its owner only', async (t) => {
    const { path, write } = await openIn(t, temporaryFolder(t));
    assert.deepEqual(await write('a', 'b'), { kind: 'stored', rejected: 0, message: '' });
    assert.equal(
      readFileSync(path, 'utf8'),
      '{"type":"connection","item":{"name":"a"}}\n{"type":"connection","item":{"name":"b"}}\n',
    );
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(path, '..')).mode & 0o777, 0o700);
  });

  test('is continued by the next process', async (t) => {
    const folder = temporaryFolder(t);
    const first = await openIn(t, folder);
    await first.write('a');
    await first.file.close();
    const second = await openIn(t, folder);
    await second.write('b');
    assert.deepEqual(namesIn(second.path), ['a', 'b']);
  });

  test('keeps whole lines whole behind one that a killed process left unfinished', async (t) => {
    const folder = temporaryFolder(t);
    const first = await openIn(t, folder);
    await first.write('a');
    appendFileSync(first.path, '{"type":"connection","it');
    await first.file.close();
    const second = await openIn(t, folder);
    await second.write('b');
    await second.write('c');
    const lines = readFileSync(second.path, 'utf8').split('\n');
    assert.equal(lines[1], '{"type":"connection","it');
    writeFileSync(second.path, lines.toSpliced(1, 1).join('\n'));
    assert.deepEqual(namesIn(second.path), ['a', 'b', 'c']);
  });

  test('is begun anew before it passes its size, older ones are kept by number', async (t) => {
    const { path, write } = await openIn(t, temporaryFolder(t), SMALL, 2);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await write(name);
    assert.deepEqual(namesIn(path), ['g']);
    assert.deepEqual(namesIn(`${path}.1`), ['e', 'f']);
    assert.deepEqual(namesIn(`${path}.2`), ['c', 'd']);
    assert.equal(existsSync(`${path}.3`), false);
    assert.equal(statSync(`${path}.1`).mode & 0o777, 0o600);
  });

  test('without older ones when none are wanted', async (t) => {
    const { path, write } = await openIn(t, temporaryFolder(t), SMALL, 0);
    for (const name of ['a', 'b', 'c']) await write(name);
    assert.deepEqual(namesIn(path), ['c']);
    assert.equal(existsSync(`${path}.1`), false);
  });

  test('takes a batch larger than itself whole', async (t) => {
    const { path, write } = await openIn(t, temporaryFolder(t), SMALL);
    await write('a', 'b', 'c', 'd');
    await write('e');
    assert.deepEqual(namesIn(`${path}.1`), ['a', 'b', 'c', 'd']);
    assert.deepEqual(namesIn(path), ['e']);
  });
});

describe('when somebody else rotates the file', () => {
  test('by moving it, a new one is begun', async (t) => {
    const { path, write } = await openIn(t, temporaryFolder(t));
    await write('a');
    renameSync(path, `${path}.old`);
    await write('b');
    assert.deepEqual(namesIn(`${path}.old`), ['a']);
    assert.deepEqual(namesIn(path), ['b']);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  test('by moving it and creating another, that one is continued', async (t) => {
    const { path, write } = await openIn(t, temporaryFolder(t));
    await write('a');
    renameSync(path, `${path}.old`);
    writeFileSync(path, '');
    await write('b');
    assert.deepEqual(namesIn(path), ['b']);
  });

  test('by copying and emptying it, writing goes on at its begin', async (t) => {
    const { path, write } = await openIn(t, temporaryFolder(t));
    await write('a');
    copyFileSync(path, `${path}.old`);
    truncateSync(path);
    await write('b');
    assert.deepEqual(namesIn(path), ['b']);
    assert.equal(statSync(path).size, readFileSync(`${path}.old`).length);
  });
});

test('a full disk takes no half line, and is asked again', { skip: !canMount }, async (t) => {
  const folder = smallDisk(t, 64 * 1024);
  const { path, file, write } = await openIn(t, folder);
  await write('a');
  const tooMuch = await write('x'.repeat(128 * 1024));
  assert(tooMuch.kind === 'retry');
  assert.match(tooMuch.reason, /ENOSPC/);
  assert.deepEqual(namesIn(path), ['a']);
  assert.equal((await write('b')).kind, 'stored');
  assert.deepEqual(namesIn(path), ['a', 'b']);
  await file.close();
});

test('a file that cannot be created ends the start and says why', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'logs'), '');
  await assert.rejects(openIn(t, folder), (error) => {
    assert(error instanceof AgentError);
    assert.match(error.text.what, /the event store .*events\.jsonl cannot be used/);
    assert.match(error.text.why ?? '', /ENOTDIR|EEXIST/);
    return true;
  });
});
