/** Bodies decoded at once and in one piece, for redaction: what is not whole is masked anyway. */
import {
  brotliDecompressSync,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from 'node:zlib';
import { limits } from '../config/limits.ts';
import { hasZlibHeader } from './decode-body.ts';

/**
 * Undoes the codings, the last one first; null when one is unknown, does not decode, or gives more
 * than `bytesMax`, coded or not, and when there are more codings than anybody means.
 */
export function decodeWhole(
  bytes: Uint8Array,
  codings: readonly string[],
  bytesMax: number,
): Uint8Array | null {
  if (codings.length > limits.contentCodingsMax) return null;
  let content = bytes;
  for (const coding of codings.toReversed()) {
    const decoded = undo(coding, content, bytesMax);
    if (decoded === null) return null;
    content = decoded;
  }
  // Rules look at it in one piece, while nothing else happens on this thread.
  return content.length > bytesMax ? null : content;
}

function undo(coding: string, content: Uint8Array, bytesMax: number): Uint8Array | null {
  const options = { maxOutputLength: bytesMax };
  try {
    switch (coding) {
      case 'gzip':
      case 'x-gzip':
        return gunzipSync(content, options);
      case 'deflate':
        return hasZlibHeader(content)
          ? inflateSync(content, options)
          : inflateRawSync(content, options);
      case 'br':
        return brotliDecompressSync(content, options);
      case 'zstd':
        return zstdDecompressSync(content, options);
      default:
        return null;
    }
  } catch {
    return null;
  }
}
