import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { limits } from '../../src/config/limits.ts';
import { ChunkedBody, type ChunkStep } from '../../src/protocol/http1/chunked.ts';
import { Cursor } from '../../src/protocol/http1/cursor.ts';
import { Wire } from './wire.ts';

interface Decoded {
  readonly body: string;
  readonly last: ChunkStep;
  /** Bytes behind what was decoded. */
  readonly restBytes: number;
}

function decode(text: string, copiedBytes = text.length): Decoded {
  const cursor = new Cursor();
  const chunks = new ChunkedBody();
  cursor.load(new Wire().read(text, { copiedBytes }).events[0], 0);
  let body = '';
  for (;;) {
    const last = chunks.step(cursor);
    const lenBytes = Math.min(chunks.dataBytes, cursor.leftBytes);
    if (last !== 'data' || lenBytes === 0) return { body, last, restBytes: cursor.leftBytes };
    body += text.slice(cursor.position, cursor.position + lenBytes);
    cursor.skip(lenBytes);
    chunks.take(lenBytes);
  }
}

describe('a chunked body', () => {
  test('ends with its last chunk and leaves what follows', () => {
    assert.deepEqual(decode('4\r\nwiki\r\n5\r\npedia\r\n0\r\n\r\nGET'), {
      body: 'wikipedia',
      last: 'end',
      restBytes: 3,
    });
  });

  test('may hold line ends, colons and sizes in its data', () => {
    assert.equal(decode('7\r\n0\r\n\r\na:\r\n0\r\n\r\n').body, '0\r\n\r\na:');
  });

  test('refuses sizes that are none', () => {
    for (const text of ['\r\n', ';a\r\n', '-1\r\n', '0x4\r\n', 'g\r\n', '20000000000001\r\n']) {
      assert.equal(decode(text).last, 'invalid', text);
    }
  });

  test('refuses data that is longer than its size', () => {
    assert.equal(decode('3\r\nabcd\r\n').last, 'invalid');
  });

  test('goes on over data that was not copied, not over framing', () => {
    const text = '4\r\nwiki\r\n0\r\n\r\n';
    assert.equal(decode(text, 3).last, 'filler');
    assert.equal(decode(text, 5).last, 'filler');
    assert.equal(decode(text, text.length).last, 'end');
  });

  test('has bounded extensions and trailers', () => {
    const long = 'x'.repeat(limits.headBytesMax);
    assert.equal(decode(`1;${long}\r\na\r\n`).last, 'invalid');
    assert.equal(decode(`0\r\nX: ${long}\r\n\r\n`).last, 'invalid');
  });
});
