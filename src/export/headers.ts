/**
 * Headers of a head as attributes (levels `details` and `full`): one attribute a name, an array of
 * its values, secrets replaced. Reads the head itself, since only few headers are noted when it is
 * parsed.
 */
import { cleanHeader, mayEndInUser, REDACTED, SECRET_HEADERS } from '../config/secrets.ts';
import { HeadLines, unfold } from '../handoff/head-lines.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Prefix } from './attributes.ts';
import { ByteSource, cutUtf8, isAscii, latin1, Scratch, toUtf8 } from './bytes.ts';
import { isWord, Slice } from './forwarded.ts';
import type { QueryRedaction } from './redaction.ts';
import type { SpanSink, TextList } from './types.ts';

const LF = 0x0a;
const QUESTION = 0x3f;
const HASH = 0x23;
const AT = 0x40;

const SECRET = ByteSource.of(REDACTED);
const secretLengths: boolean[] = [];
for (const name of SECRET_HEADERS) secretLengths[name.length] = true;

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
  readonly #lines = new HeadLines();
  /** By line: with one before it that has the same name. */
  readonly #isTold: boolean[] = [];
  readonly #list: TextList = { count: 0, sources: [], starts: [], ends: [] };
  readonly #scratch = new Scratch();
  readonly #name = new Slice();
  /** With which a head that was cut ends; -1: it is whole. */
  #cutLine = -1;

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
    const lines = this.#lines;
    lines.readFields(source.bytes, start, end);
    this.#cutLine = source.bytes[end - 1] === LF ? -1 : lines.count - 1;
    this.#isTold.fill(false);
    let dropped = 0;
    for (let line = 0; line < lines.count; line++) {
      if (this.#isTold[line] === true || !this.#isWanted(source.bytes, line)) continue;
      if (budget.left > 0) this.#describeOne(source, line, prefix, sink);
      else dropped++;
      budget.left--;
    }
    return dropped;
  }

  #isWanted(bytes: Uint8Array, line: number): boolean {
    if (this.#names === undefined) return true;
    const name = latin1(bytes, this.#lines.nameStart(line), this.#lines.nameEnd(line));
    return this.#names.has(name.toLowerCase());
  }

  #describeOne(source: ByteSource, line: number, prefix: Prefix, sink: SpanSink): void {
    const { bytes } = source;
    const lines = this.#lines;
    const start = lines.nameStart(line);
    const end = lines.nameEnd(line);
    // White space before the colon is not part of it, though it must not be there (RFC 9112 5.1).
    this.#name.set(bytes, start, end);
    const isSecret = this.#isSecret(bytes);
    this.#list.count = 0;
    this.#scratch.reset();
    this.#push(source, line, isSecret);
    for (let other = line + 1; other < lines.count; other++) {
      if (!lines.isSameName(bytes, line, other)) continue;
      this.#push(source, other, isSecret);
      this.#isTold[other] = true;
    }
    sink.list(prefix, source, start, end, this.#list);
  }

  #push(source: ByteSource, line: number, isSecret: boolean): void {
    const start = this.#lines.valueStart(source.bytes, line);
    const end = this.#lines.valueEnd(source.bytes, line);
    if (isSecret || this.#mayBeUser(source, line)) this.#append(SECRET, 0, SECRET.bytes.length);
    else if (this.#isClean(source.bytes, start, end)) this.#append(source, start, end);
    else this.#appendCleaned(source.bytes, start, end);
  }

  #mayBeUser({ bytes }: ByteSource, line: number): boolean {
    if (line !== this.#cutLine || this.#isRedacted) return false;
    const lines = this.#lines;
    const value = latin1(bytes, lines.valueStart(bytes, line), lines.valueEnd(bytes, line));
    return mayEndInUser(latin1(bytes, this.#name.start, this.#name.end), value);
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
    const unfolded = unfold(latin1(bytes, start, end));
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
    const name = latin1(bytes, this.#name.start, this.#name.end);
    return cleanHeader(name, value, (query) => this.#redaction.clean(query));
  }

  /** By the name of the field at hand. */
  #isSecret(bytes: Uint8Array): boolean {
    const name = this.#name;
    if (this.#isRedacted || secretLengths[name.end - name.start] !== true) return false;
    return SECRET_HEADERS.some((secret) => isWord(bytes, name, secret));
  }
}
