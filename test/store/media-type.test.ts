import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storableMediaType } from '../../src/store/media-type.ts';

test('a content type is stored as it was sent', () => {
  for (const type of ['text/plain', 'text/html; charset=utf-8', 'multipart/x; a="b, c"; d=e'])
    assert.equal(storableMediaType(type), type);
});

test('without parameters that no header of ours can have', () => {
  for (const odd of ['\t', '  ', 'é', '\x01', '\x7f', '\0', '\r\n', 'x'.repeat(300)])
    assert.equal(storableMediaType(`text/plain;a=${odd}b`), 'text/plain', JSON.stringify(odd));
});

test('is that of unknown bytes where it is none', () => {
  for (const odd of ['', 'text', '/plain', 'té/xt', ' text/plain', `text/${'x'.repeat(300)}`])
    assert.equal(storableMediaType(odd), 'application/octet-stream', odd);
});
