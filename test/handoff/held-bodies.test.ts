import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../src/config/limits.ts';
import { type BodyMessage, HeldBodies } from '../../src/handoff/held-bodies.ts';

const MIB = 1024 * 1024;

function setUp() {
  const sent: BodyMessage[] = [];
  const bodies = new HeldBodies((message) => sent.push(message));
  const answer = (number: number, text = `body ${number}`) =>
    bodies.receive({ kind: 'body', number, bytes: new Uint8Array(Buffer.from(text)) });
  return { bodies, answer, said: () => sent.map(({ kind, number }) => `${kind} ${number}`) };
}

test('a body is asked for and comes', async () => {
  const { bodies, answer, said } = setUp();
  const read = bodies.read(7, 6);
  assert.deepEqual(said(), ['read-body 7']);
  answer(7);
  assert.equal((await read).toString(), 'body 7');
  answer(7, 'again');
});

test('few cross at once: the others are wanted, and wait for their turn', async () => {
  const { bodies, answer, said } = setUp();
  const reads = [1, 2, 3, 4].map((number) => bodies.read(number, limits.bodyReadBytesMax / 2));
  const small = bodies.read(5, 1);
  const wanted = ['want-body 3', 'want-body 4', 'want-body 5'];
  assert.deepEqual(said(), ['read-body 1', 'read-body 2', ...wanted]);
  answer(2);
  assert.deepEqual(said().slice(5), ['read-body 3']);
  answer(1);
  answer(3);
  assert.deepEqual(said().slice(6), ['read-body 4', 'read-body 5']);
  answer(4);
  answer(5);
  const texts = (await Promise.all([...reads, small])).map(String);
  assert.deepEqual(texts, ['body 1', 'body 2', 'body 3', 'body 4', 'body 5']);
});

test('one that is larger than all of that crosses alone', () => {
  const { bodies, answer, said } = setUp();
  void bodies.read(1, limits.bodyReadBytesMax + MIB);
  void bodies.read(2, 1);
  assert.deepEqual(said(), ['read-body 1', 'want-body 2']);
  answer(1);
  assert.deepEqual(said().at(-1), 'read-body 2');
});

test('who waits when the worker ends gets nothing, and so does who asks later', async () => {
  const { bodies, said } = setUp();
  const reads = [1, 2].map((number) => bodies.read(number, limits.bodyReadBytesMax));
  bodies.end();
  reads.push(bodies.read(3, 1));
  assert.deepEqual(
    (await Promise.all(reads)).map(({ length }) => length),
    [0, 0, 0],
  );
  assert.deepEqual(said(), ['read-body 1', 'want-body 2']);
});
