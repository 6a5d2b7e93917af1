/**
 * Bodies made readable for text output: content codings undone within limits, binary content named
 * instead of shown. Never throws: what does not decode is said to be so.
 */
import { type Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import { messageOf } from '../telemetry/agent-error.ts';
import type { HeaderList } from './record-input.ts';

export interface DecodeLimits {
  /** Bytes of the decoded body. */
  readonly decodedBytesMax: number;
  readonly codingsMax: number;
}

/** cut: longer than the limit, or the input ended early. failed: coding unknown or content wrong. */
export type DecodedBody =
  | { readonly kind: 'decoded'; readonly bytes: Uint8Array; readonly isCut: boolean }
  | { readonly kind: 'failed'; readonly codings: readonly string[]; readonly reason: string };

const UNDONE = new Set(['', 'identity', 'chunked']);

/**
 * Codings in the order in which they were applied: those of Content-Encoding (RFC 9110 8.4), then those
 * of Transfer-Encoding (RFC 9112 7), of which chunked was undone already.
 */
export function codingsOf(headers: HeaderList): string[] {
  return ['content-encoding', 'transfer-encoding'].flatMap((field) =>
    headers
      .filter(([name]) => name.toLowerCase() === field)
      .flatMap(([, value]) => value.split(','))
      .map((coding) => coding.trim().toLowerCase())
      .filter((coding) => !UNDONE.has(coding)),
  );
}

/** Undoes the codings, the last one first. */
export async function decodeBody(
  bytes: Uint8Array,
  codings: readonly string[],
  limits: DecodeLimits,
): Promise<DecodedBody> {
  if (codings.length > limits.codingsMax) return failed(codings, 'too many codings');
  let content = bytes;
  let isCut = false;
  for (const coding of codings.toReversed()) {
    const decoder = decoderOf(coding, content);
    if (decoder === undefined) return failed(codings, `unknown coding ${coding}`);
    const step = await run(decoder, content, limits.decodedBytesMax);
    if (step.bytes.length === 0 && step.error !== undefined && content.length > 0) {
      return failed(codings, step.error);
    }
    content = step.bytes;
    isCut ||= step.isCut || step.error !== undefined;
  }
  if (content.length <= limits.decodedBytesMax) return { kind: 'decoded', bytes: content, isCut };
  return { kind: 'decoded', bytes: content.subarray(0, limits.decodedBytesMax), isCut: true };
}

function failed(codings: readonly string[], reason: string): DecodedBody {
  return { kind: 'failed', codings, reason };
}

/** Input that ends early gives what it has. */
function decoderOf(coding: string, content: Uint8Array): Transform | undefined {
  const lenient = { finishFlush: constants.Z_SYNC_FLUSH };
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(lenient);
    case 'deflate':
      // zlib by RFC 9110 8.4.1.2; some senders leave its two bytes out.
      return hasZlibHeader(content) ? createInflate(lenient) : createInflateRaw(lenient);
    case 'br':
      return createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH });
    case 'zstd':
      return createZstdDecompress({ finishFlush: constants.ZSTD_e_flush });
    default:
      return undefined;
  }
}

/** RFC 1950: method 8, and a check sum of the two bytes. */
export function hasZlibHeader(content: Uint8Array): boolean {
  const [first = 0, second = 0] = content;
  return (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0;
}

interface Step {
  readonly bytes: Uint8Array;
  readonly isCut: boolean;
  readonly error: string | undefined;
}

/** Reads from the decoder until the limit; a bomb is not unpacked beyond it. */
async function run(decoder: Transform, content: Uint8Array, bytesMax: number): Promise<Step> {
  const chunks: Buffer[] = [];
  let length = 0;
  const abort = new AbortController();
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      if (length + chunk.length > bytesMax) abort.abort();
      chunks.push(chunk.subarray(0, bytesMax - length));
      length = Math.min(bytesMax, length + chunk.length);
      done();
    },
  });
  const source = async function* () {
    yield content;
  };
  let error: string | undefined;
  try {
    await pipeline(source, decoder, sink, { signal: abort.signal });
  } catch (cause) {
    if (!abort.signal.aborted) error = messageOf(cause);
  }
  return { bytes: Buffer.concat(chunks), isCut: abort.signal.aborted, error };
}

/** Text in the charset of the Content-Type, else UTF-8; undefined: binary. */
export function textOfBody(
  bytes: Uint8Array,
  contentType: string | undefined,
  isCut: boolean,
): string | undefined {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  const decoder = decoderFor(charset);
  try {
    // A character that was cut at the end does not make text binary.
    const text = decoder.decode(bytes, { stream: isCut });
    return isBinary(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function decoderFor(charset: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(charset, { fatal: true });
  } catch {
    return new TextDecoder('utf-8', { fatal: true });
  }
}

/** Controls that no text has. Escape is none of them: it is shown, and not obeyed. */
function isBinary(text: string): boolean {
  return /(?![\t-\r])\p{Cc}/u.test(text.replaceAll('\u001b', ''));
}
