import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maskMarker, maskTokens, TOKEN_BYTES } from '../../src/capture/mask.ts';

const marker = Buffer.from('spantap-bench-');
const token = '0123456789abcdef0123456789abcdef';
const blank = '0'.repeat(TOKEN_BYTES);

function masked(text: string, lenBytes = text.length): { text: string; tokens: number } {
  const batch = new Uint8Array(Buffer.from(text, 'latin1'));
  const tokens = maskTokens(batch, lenBytes, marker);
  return { text: Buffer.from(batch).toString('latin1'), tokens };
}

test('every token of a batch is blanked and nothing else changes', () => {
  const line = (value: string) => `GET /?t=spantap-bench-${value}&a=1 HTTP/1.1\r\nHost: h\r\n\r\n`;
  const result = masked(line(token) + line(token) + line(token));
  assert.equal(result.text, line(blank) + line(blank) + line(blank));
  assert.equal(result.tokens, 3);
});

test('bytes beyond the stated length are left alone', () => {
  const first = `spantap-bench-${token} `;
  const result = masked(first + first, first.length);
  assert.equal(result.text, `spantap-bench-${blank} ${first}`);
  assert.equal(result.tokens, 1);
});

test('a token that the end cuts is blanked up to the end', () => {
  for (let cut = 0; cut <= TOKEN_BYTES; cut++) {
    const text = `spantap-bench-${token.slice(0, cut)}`;
    assert.equal(masked(text).text, `spantap-bench-${blank.slice(0, cut)}`);
  }
});

test('a batch that is a view into a larger buffer is masked at its own place', () => {
  const whole = new Uint8Array(Buffer.from(`xxxxspantap-bench-${token}`));
  assert.equal(maskTokens(whole.subarray(4), whole.length - 4, marker), 1);
  assert.equal(Buffer.from(whole).toString(), `xxxxspantap-bench-${blank}`);
});

test('without the variable there is no marker', () => {
  assert.equal(maskMarker({}), null);
  assert.equal(maskMarker({ SPANTAP_BENCH_MASK: '' }), null);
  assert.deepEqual(maskMarker({ SPANTAP_BENCH_MASK: 'spantap-bench-' }), marker);
});
