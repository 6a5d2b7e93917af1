import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { codingsOf, decodeBody, textOfBody } from '../../src/store/decode-body.ts';

const LIMITS = { decodedBytesMax: 10_000, codingsMax: 3 };
const CONTENT = Buffer.from('hello '.repeat(500));
const ENCODERS = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};

async function decoded(bytes: Uint8Array, codings: readonly string[], limits = LIMITS) {
  const result = await decodeBody(bytes, codings, limits);
  assert.ok(result.kind === 'decoded', JSON.stringify(result));
  return result;
}

describe('decoding a body', () => {
  for (const [coding, encode] of Object.entries(ENCODERS)) {
    test(`undoes ${coding}`, async () => {
      const { bytes, isCut } = await decoded(encode(CONTENT), [coding]);
      assert.deepEqual([Buffer.from(bytes), isCut], [CONTENT, false]);
    });

    test(`gives a ${coding} body that is just as long as the limit whole`, async () => {
      const limits = { ...LIMITS, decodedBytesMax: CONTENT.length };
      const { bytes, isCut } = await decoded(encode(CONTENT), [coding], limits);
      assert.deepEqual([Buffer.from(bytes), isCut], [CONTENT, false]);
    });

    test(`gives the beginning of a truncated ${coding} body`, async () => {
      const noise = Buffer.from(Array.from({ length: 6_000 }, (_, i) => ((i * 7919) >> 3) % 251));
      const whole = encode(noise);
      const { bytes } = await decoded(whole.subarray(0, whole.length >> 1), [coding]);
      assert.ok(noise.subarray(0, bytes.length).equals(bytes));
    });

    test(`unpacks no more of a ${coding} bomb than the limit`, async () => {
      const bomb = encode(Buffer.alloc(50_000_000));
      const { bytes, isCut } = await decoded(bomb, [coding]);
      assert.deepEqual([bytes.length, isCut], [10_000, true]);
    });
  }

  test('undoes deflate without its zlib header, as some send it', async () => {
    assert.deepEqual(
      Buffer.from((await decoded(deflateRawSync(CONTENT), ['deflate'])).bytes),
      CONTENT,
    );
  });

  test('undoes several codings, the last one first', async () => {
    const twice = brotliCompressSync(gzipSync(CONTENT));
    assert.deepEqual(Buffer.from((await decoded(twice, ['gzip', 'br'])).bytes), CONTENT);
  });

  test('leaves what has no coding, cut at the limit', async () => {
    const { bytes, isCut } = await decoded(CONTENT, [], { ...LIMITS, decodedBytesMax: 5 });
    assert.deepEqual([Buffer.from(bytes).toString(), isCut], ['hello', true]);
  });

  test('fails by name: unknown coding, wrong content, too many codings', async () => {
    const fails = async (bytes: Uint8Array, codings: string[]) => {
      const result = await decodeBody(bytes, codings, LIMITS);
      return result.kind === 'failed' ? result.reason : 'decoded';
    };
    assert.match(await fails(CONTENT, ['compress']), /unknown coding compress/);
    assert.match(await fails(CONTENT, ['gzip']), /header/);
    assert.match(await fails(CONTENT, ['gzip', 'gzip', 'gzip', 'gzip']), /too many codings/);
  });

  test('decodes the empty body to nothing', async () => {
    assert.equal((await decoded(new Uint8Array(0), ['gzip'])).bytes.length, 0);
  });
});

test('codings come from all Content-Encoding fields, in order, without identity', () => {
  const headers = [
    ['content-encoding', 'GZIP, identity'],
    ['X', 'y'],
    ['Content-Encoding', ' br '],
  ] as const;
  assert.deepEqual(codingsOf(headers), ['gzip', 'br']);
});

describe('text of a body', () => {
  test('is UTF-8, or what the charset says', () => {
    assert.equal(textOfBody(Buffer.from('grün'), 'text/plain', false), 'grün');
    const latin = Buffer.from('grün', 'latin1');
    assert.equal(textOfBody(latin, 'text/plain; charset="ISO-8859-1"', false), 'grün');
    assert.equal(textOfBody(latin, 'text/plain', false), undefined);
    assert.equal(textOfBody(Buffer.from('x'), 'text/plain; charset=klingon', false), 'x');
  });

  test('does not turn binary because its last character was cut', () => {
    const cut = Buffer.from('grün').subarray(0, 3);
    assert.equal(textOfBody(cut, undefined, true), 'gr');
    assert.equal(textOfBody(cut, undefined, false), undefined);
  });

  test('is not what has NUL in it', () => {
    assert.equal(textOfBody(Buffer.from('a\0b'), 'text/plain', false), undefined);
  });
});
