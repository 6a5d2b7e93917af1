import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadStore, STORE_BYTES } from '../../src/protocol/http1/head-store.ts';

const KNOWN = new Array<number>(20).fill(-1);

function textOf(index: number, lenBytes: number): string {
  return `${index} `.padEnd(lenBytes, String.fromCharCode(97 + (index % 26)));
}

test('a head stays as it was when others follow and its source is written again', () => {
  const heads = new HeadStore();
  const source = new Uint8Array(STORE_BYTES);
  const kept = Array.from({ length: 400 }, (_, index) => {
    const text = textOf(index, 50 + (index % 7) * 100);
    Buffer.from(source.buffer).write(text, index);
    return { text, head: heads.keep(source, index, index + text.length, KNOWN, 0) };
  });
  source.fill(0);
  for (const { text, head } of kept) assert.equal(head.bytes.toString('latin1'), text);
});

test('a head of any size is kept whole', () => {
  const heads = new HeadStore();
  for (const lenBytes of [0, 1, STORE_BYTES / 8, STORE_BYTES / 8 + 1, STORE_BYTES + 1]) {
    const text = textOf(lenBytes, Math.max(lenBytes, 2)).slice(0, lenBytes);
    const head = heads.keep(Buffer.from(text, 'latin1'), 0, lenBytes, KNOWN, 0);
    assert.equal(head.bytes.toString('latin1'), text);
    assert.equal(head.lenBytes, lenBytes);
  }
});
