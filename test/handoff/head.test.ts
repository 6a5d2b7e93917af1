import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { headers, headerValue, sliceValue, targetOf } from '../../src/handoff/head.ts';
import { methodOf, versionOf } from './request-words.ts';

const head = (...lines: string[]) =>
  Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1');

describe('readers of raw heads', () => {
  const request = head(
    'GET /a/b?c=d HTTP/1.1',
    'Host: shop.example',
    'X-Fold: one',
    '  two',
    '\tthree ',
    'X-Empty:',
    'no colon here',
    'Accept:  */* ',
    'accept: text/plain',
    '',
  );

  test('give method, target and version', () => {
    assert.equal(methodOf(request), 'GET');
    assert.equal(targetOf(request), '/a/b?c=d');
    assert.equal(versionOf(request), '1.1');
    assert.equal(targetOf(head('OPTIONS * HTTP/1.0', '')), '*');
    assert.equal(targetOf(head('GET /a b HTTP/1.1', '')), '/a b');
  });

  test('give the fields in order, folds as one space', () => {
    assert.deepEqual(
      [...headers(request)],
      [
        ['Host', 'shop.example'],
        ['X-Fold', 'one two three'],
        ['X-Empty', ''],
        ['Accept', '*/*'],
        ['accept', 'text/plain'],
      ],
    );
  });

  test('give the first value by its name in lower case', () => {
    assert.equal(headerValue(request, 'accept'), '*/*');
    assert.equal(headerValue(request, 'x-fold'), 'one two three');
    assert.equal(headerValue(request, 'x-missing'), undefined);
  });

  test('accept single LF and what was cut', () => {
    const bare = Buffer.from('GET /a HTTP/1.1\nHost: a\nX-Y: z\n\n');
    assert.deepEqual(
      [...headers(bare)],
      [
        ['Host', 'a'],
        ['X-Y', 'z'],
      ],
    );
    assert.equal(targetOf(bare), '/a');
    const cut = Buffer.from('GET /a HTTP/1.1\r\nHost: shop.exa');
    assert.deepEqual([...headers(cut)], [['Host', 'shop.exa']]);
    assert.equal(targetOf(Buffer.from('GET /very/lo')), '/very/lo');
    assert.equal(targetOf(Buffer.from('')), '');
    assert.deepEqual([...headers(Buffer.from('GET'))], []);
  });

  test('leave out lines with blanks before the first field', () => {
    assert.deepEqual([...headers(head('GET / HTTP/1.1', ' Host: a', 'B: c', ''))], [['B', 'c']]);
  });

  test('slice known values', () => {
    const start = request.indexOf('one');
    const end = request.indexOf('three') + 5;
    assert.equal(sliceValue(request, start, end), 'one two three');
  });
});
