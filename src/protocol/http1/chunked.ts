/**
 * Chunked transfer coding, RFC 9112 section 7.1: sizes, extensions and trailers are stepped over,
 * data is handed to the caller in ranges.
 */
import { limits } from '../../config/limits.ts';
import { hexDigit } from '../../handoff/ascii.ts';
import type { Cursor } from './cursor.ts';

const LF = 10;
const CR = 13;
const SP = 32;
const HT = 9;
const SEMICOLON = 59;

/** `data`: the cursor stands at `dataBytes` of chunk data, which the caller takes. */
export type ChunkStep = 'need-more' | 'data' | 'end' | 'invalid' | 'filler';

type Part = 'size' | 'extension' | 'data' | 'data-end' | 'trailer-start' | 'trailer';

export class ChunkedBody {
  /** Bytes of the current chunk that are still to come. */
  dataBytes = 0;
  #part: Part = 'size';
  #digits = 0;
  /** Bytes of the current size line, or of the trailer section, bounded like a head. */
  #lineBytes = 0;

  /** Whether a hole of `gapBytes` lies wholly inside the data of the current chunk. */
  covers(gapBytes: number): boolean {
    return this.#part === 'data' && gapBytes <= this.dataBytes;
  }

  /** The caller took so much of `dataBytes`. */
  take(lenBytes: number): void {
    this.dataBytes -= lenBytes;
    if (this.dataBytes === 0) this.#part = 'data-end';
  }

  /** Steps over framing bytes. Filler among them cannot be read: the rest has no known length. */
  step(cursor: Cursor): ChunkStep {
    while (this.#part !== 'data') {
      if (cursor.at === cursor.end) return cursor.fillerBytes > 0 ? 'filler' : 'need-more';
      const code = cursor.bytes[cursor.at];
      cursor.skip(1);
      if (++this.#lineBytes > limits.headBytesMax) return 'invalid';
      const result = this.#byte(code);
      if (result !== 'need-more') return result;
    }
    return 'data';
  }

  #byte(code: number): ChunkStep {
    switch (this.#part) {
      case 'size':
        return this.#size(code);
      case 'extension':
        if (code === LF) this.#sizeEnd();
        return 'need-more';
      case 'data-end':
        if (code === LF) this.#next('size');
        return code === LF || code === CR ? 'need-more' : 'invalid';
      case 'trailer-start':
        if (code === LF) return 'end';
        if (code !== CR) this.#part = 'trailer';
        return 'need-more';
      default:
        if (code === LF) this.#part = 'trailer-start';
        return 'need-more';
    }
  }

  /** chunk-size is 1*HEXDIG. Blanks before the line end or an extension are tolerated (BWS). */
  #size(code: number): ChunkStep {
    const digit = hexDigit(code);
    if (digit !== -1) {
      this.dataBytes = this.dataBytes * 16 + digit;
      this.#digits++;
      return this.dataBytes <= Number.MAX_SAFE_INTEGER ? 'need-more' : 'invalid';
    }
    if (this.#digits === 0) return 'invalid';
    if (code === LF) this.#sizeEnd();
    else if (code === CR || code === SP || code === HT || code === SEMICOLON) {
      this.#part = 'extension';
    } else return 'invalid';
    return 'need-more';
  }

  /** The last chunk has size 0; trailer fields follow it (RFC 9112 7.1.2). */
  #sizeEnd(): void {
    this.#next(this.dataBytes === 0 ? 'trailer-start' : 'data');
  }

  #next(part: Part): void {
    this.#part = part;
    this.#digits = 0;
    this.#lineBytes = 0;
  }
}
