import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flags } from './options.ts';

const table = { proxy: 'which proxy', rate: 'requests/s' };
const flags = (...args: string[]) => new Flags('link', table, args);

test('values and fallbacks are checked and remembered', () => {
  const given = flags('--proxy', 'haproxy', '--rate', '5');
  assert.equal(given.choice('proxy', ['nginx', 'haproxy']), 'haproxy');
  assert.equal(given.number('rate', 10), 5);
  assert.deepEqual(given.used, { proxy: 'haproxy', rate: 5 });
  assert.equal(flags().choice('proxy', ['nginx', 'haproxy']), 'nginx');
  assert.equal(flags().number('rate', 10), 10);
});

test('an unknown flag is an error that names it', () => {
  assert.throws(() => flags('--proxi', 'nginx'), /--proxi/);
  assert.throws(() => flags('nginx'), /nginx/);
});

test('a wrong value is an error that says what would be right', () => {
  assert.throws(() => flags('--proxy', 'apache').choice('proxy', ['nginx']), /is one of nginx/);
  for (const text of ['0', '1.5', 'many', '']) {
    assert.throws(() => flags(`--rate=${text}`).number('rate', 10), /whole number from 1/, text);
  }
  assert.throws(() => flags('--rate', '6').number('rate', 1, { max: 5 }), /from 1 to 5, not "6"/);
  assert.throws(() => flags('--rate=').number('rate', 1, { min: 0 }), /from 0, not ""/);
});
