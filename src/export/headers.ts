/**
 * Headers of a head as attributes (levels `details` and `full`): one attribute a name, an array of
 * its values, secrets replaced. Reads the head itself, since only few headers are noted when it is
 * parsed.
 */
import { cleanUrls, REDACTED, SECRET_HEADERS, withoutUser } from '../config/secrets.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Prefix } from './attributes.ts';
import { ByteSource, cutUtf8, isAscii, latin1, Scratch, toUtf8 } from './bytes.ts';
import { isWord, Slice } from './forwarded.ts';
import type { QueryRedaction } from './redaction.ts';
import type { SpanSink, TextList } from './types.ts';

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const QUESTION = 0x3f;
const HASH = 0x23;
const AT = 0x40;
const HOST = 'host';

const SECRET = ByteSource.of(REDACTED);
const secretLengths: boolean[] = [];
for (const name of SECRET_HEADERS) secretLengths[name.length] = true;

/** Flat [name start, name end, value start, value end] of each field line. */
const FIELDS = 4;

export interface HeaderOptions {
  /** Those that become attributes, in any case; `*` all. */
  readonly names: readonly string[];
  readonly redaction: QueryRedaction;
  /** Values come without secrets already. */
  readonly isRedacted: boolean;
  /** Of one value. */
  readonly bytesMax: number;
}

export class HeaderAttributes {
  /** In lower case; undefined: all. */
  readonly #names: ReadonlySet<string> | undefined;
  readonly #isRedacted: boolean;
  readonly #redaction: QueryRedaction;
  readonly #counters: Counters;
  readonly #bytesMax: number;
  readonly #lines: number[] = [];
  readonly #list: TextList = { count: 0, sources: [], starts: [], ends: [] };
  readonly #scratch = new Scratch();
  readonly #name = new Slice();

  constructor({ names, redaction, isRedacted, bytesMax }: HeaderOptions, counters: Counters) {
    const isAll = names.includes('*');
    this.#names = isAll ? undefined : new Set(names.map((name) => name.toLowerCase()));
    this.#redaction = redaction;
    this.#isRedacted = isRedacted;
    this.#counters = counters;
    this.#bytesMax = bytesMax;
  }

  /** `start` is behind the first line. Writes at most `budget`; returns how many were left out. */
  describe(
    source: ByteSource,
    start: number,
    end: number,
    prefix: Prefix,
    sink: SpanSink,
    budget: { left: number },
  ): number {
    const count = this.#split(source.bytes, start, end);
    let dropped = 0;
    for (let i = 0; i < count; i += FIELDS) {
      if (this.#lines[i + 1] === 0 || !this.#isWanted(source.bytes, i)) continue;
      if (budget.left > 0) this.#describeOne(source, i, count, prefix, sink);
      else dropped++;
      budget.left--;
    }
    return dropped;
  }

  #isWanted(bytes: Uint8Array, line: number): boolean {
    if (this.#names === undefined) return true;
    const name = latin1(bytes, this.#lines[line], this.#lines[line + 1]);
    return this.#names.has(name.toLowerCase());
  }

  #describeOne(source: ByteSource, i: number, count: number, prefix: Prefix, sink: SpanSink): void {
    const lines = this.#lines;
    const start = lines[i];
    const end = lines[i + 1];
    // White space before the colon is not part of it, though it must not be there (RFC 9112 5.1).
    this.#name.set(source.bytes, start, end);
    const isSecret = this.#isSecret(source.bytes);
    this.#list.count = 0;
    this.#scratch.reset();
    this.#push(source, lines[i + 2], lines[i + 3], isSecret);
    for (let k = i + FIELDS; k < count; k += FIELDS) {
      if (!isSameName(source.bytes, start, end, lines[k], lines[k + 1])) continue;
      this.#push(source, lines[k + 2], lines[k + 3], isSecret);
      lines[k + 1] = 0;
    }
    sink.list(prefix, source, start, end, this.#list);
  }

  /** Lines without a colon are not fields; a folded line continues the value before it. */
  #split(bytes: Uint8Array, start: number, end: number): number {
    const lines = this.#lines;
    let count = 0;
    for (let at = start; at < end; ) {
      const lineStart = at;
      let colon = -1;
      for (; at < end && bytes[at] !== LF; at++) if (bytes[at] === COLON && colon < 0) colon = at;
      const lineEnd = at > lineStart && bytes[at - 1] === CR ? at - 1 : at;
      at++;
      if (lineEnd === lineStart) break;
      if (isSpace(bytes[lineStart])) {
        if (count > 0) lines[count - 1] = lineEnd;
      } else if (colon > lineStart) {
        lines[count++] = lineStart;
        lines[count++] = colon;
        lines[count++] = skipSpace(bytes, colon + 1, lineEnd);
        lines[count++] = lineEnd;
      }
    }
    return count;
  }

  #push(source: ByteSource, start: number, lineEnd: number, isSecret: boolean): void {
    let end = lineEnd;
    while (end > start && isSpace(source.bytes[end - 1])) end--;
    if (isSecret) this.#append(SECRET, 0, SECRET.bytes.length);
    else if (this.#isClean(source.bytes, start, end)) this.#append(source, start, end);
    else this.#appendCleaned(source.bytes, start, end);
  }

  #append(source: ByteSource, start: number, end: number): void {
    const list = this.#list;
    list.sources[list.count] = source;
    list.starts[list.count] = start;
    list.ends[list.count] = end;
    list.count++;
  }

  #isClean(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start > this.#bytesMax || !isAscii(bytes, start, end)) return false;
    for (let i = start; i < end; i++) {
      const byte = bytes[i];
      // A user of a URL is before its @; a fragment may hold what a query does.
      if (byte === LF || byte === AT || byte === HASH) return false;
      if (byte === QUESTION && this.#redaction.isNeeded(bytes, i + 1, end)) return false;
    }
    return true;
  }

  /** Unfolds (RFC 9112 5.2), redacts URLs in it, makes it UTF-8 and cuts it. */
  #appendCleaned(bytes: Uint8Array, start: number, end: number): void {
    const unfolded = latin1(bytes, start, end).replace(/[ \t]*\r?\n[ \t]+/g, ' ');
    const redacted = Buffer.from(this.#cleaned(bytes, unfolded), 'latin1');
    const text = toUtf8(redacted, 0, redacted.length);
    if (text.length > this.#bytesMax) this.#counters.add('truncated.attributes');
    const kept = cutUtf8(text, this.#bytesMax);
    const at = this.#scratch.pos;
    this.#scratch.append(kept, 0, kept.length);
    this.#append(this.#scratch.source, at, this.#scratch.pos);
  }

  #cleaned(bytes: Uint8Array, value: string): string {
    if (this.#isRedacted) return value;
    const isHost = isWord(bytes, this.#name, HOST);
    const cleaned = isHost ? withoutUser(value) : value;
    return cleanUrls(cleaned, (query) => this.#redaction.clean(query));
  }

  /** By the name of the field at hand. */
  #isSecret(bytes: Uint8Array): boolean {
    const name = this.#name;
    if (this.#isRedacted || secretLengths[name.end - name.start] !== true) return false;
    return SECRET_HEADERS.some((secret) => isWord(bytes, name, secret));
  }
}

function isSameName(
  bytes: Uint8Array,
  start: number,
  end: number,
  otherStart: number,
  otherEnd: number,
): boolean {
  if (end - start !== otherEnd - otherStart) return false;
  for (let i = 0; i < end - start; i++) {
    if (lowerCase(bytes[start + i]) !== lowerCase(bytes[otherStart + i])) return false;
  }
  return true;
}

/** ASCII letters only; everything else stays. */
export function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isSpace(bytes[at])) at++;
  return at;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}
