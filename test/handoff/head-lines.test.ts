import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeadLines } from '../../src/handoff/head-lines.ts';

const HEAD =
  'GET / HTTP/1.1\r\n one too many\r\nHost: a\r\nX-Fold: b\r\n\tc \r\nno field\r\n of nothing\r\n' +
  'X-Empty: \r\nhost:d\r\n\r\nBody: e';

function read(text: string) {
  const bytes = Buffer.from(text, 'latin1');
  const lines = new HeadLines();
  lines.read(bytes, 0, bytes.length);
  return { bytes, lines };
}

function fieldsOf(text: string): [string, string][] {
  const { bytes, lines } = read(text);
  return Array.from({ length: lines.count }, (_, line) => [
    bytes.toString('latin1', lines.nameStart(line), lines.nameEnd(line)),
    bytes.toString('latin1', lines.valueStart(bytes, line), lines.valueEnd(bytes, line)),
  ]);
}

describe('the field lines of a head', () => {
  test('are read up to the empty line; what continues no field is left out', () => {
    assert.deepEqual(fieldsOf(HEAD), [
      ['Host', 'a'],
      ['X-Fold', 'b\r\n\tc'],
      ['X-Empty', ''],
      ['host', 'd'],
    ]);
  });

  test('say which of them are folded', () => {
    const { lines } = read(HEAD);
    assert.deepEqual(
      [0, 1, 2, 3].map((line) => lines.isFolded(line)),
      [false, true, false, false],
    );
  });

  test('are found by name and number, without regard to case', () => {
    const { bytes, lines } = read(HEAD);
    const host = Buffer.from('host');
    assert.deepEqual(
      [0, 1, 2].map((index) => lines.find(bytes, host, index)),
      [0, 3, -1],
    );
    assert.equal(lines.isSameName(bytes, 0, 3), true);
    assert.equal(lines.isSameName(bytes, 0, 2), false);
  });

  test('are as many as there are, also of a head read before', () => {
    const many = Array.from({ length: 200 }, (_, index) => `X-${index}: ${index}`);
    assert.equal(fieldsOf(`GET / HTTP/1.1\r\n${many.join('\r\n')}\r\n\r\n`).length, 200);
    const { bytes, lines } = read(HEAD);
    lines.readFields(bytes, bytes.indexOf('host:d'), bytes.length);
    assert.deepEqual([lines.count, lines.isFolded(1)], [1, false]);
  });
});
