/**
 * The fields of the exchanges of a batch, read from its columns and heads in place. Stand on a row
 * with `seek`, then ask; what is found is kept for the row.
 */
import { lowerCase } from '../../handoff/ascii.ts';
import { Authority } from '../../handoff/authority.ts';
import type { ExchangeBatch } from '../../handoff/layout.ts';
import { F64, F64_COLUMNS, FAMILY, FLAG, U32, U32_COLUMNS } from '../../handoff/layout.ts';
import { RequestLine } from '../../handoff/request-line.ts';
import {
  FALSE,
  type FieldSource,
  MISSING,
  nextEpoch,
  type TextSlice,
  TRUE,
  type Truth,
} from '../types.ts';
import { emptyAddress, ipOf, isInternal, parseAddress } from '../values/address.ts';
import { decodeText, emptySlice } from '../values/text.ts';
import type { Value } from '../values/value.ts';
import { Arena } from './arena.ts';
import { EncodedFacts, type FactSource, type Facts, NO_FACTS } from './facts.ts';
import type { FieldRef } from './field.ts';
import { HeadFields } from './head-fields.ts';
import { appendDecoded, QueryKeys } from './query.ts';
import { NUMBER_READERS, TEXT_READERS } from './readers.ts';

const OPEN = 0x5b;
const HOST = Buffer.from('host');

export class ExchangeSource implements FieldSource {
  epoch = nextEpoch();
  readonly #facts: FactSource;
  readonly #processes: EncodedFacts[] = [];
  #connection = new EncodedFacts(NO_FACTS);
  #link: Facts | null = null;
  #batch: ExchangeBatch = {
    count: 0,
    f64: new Float64Array(0),
    u32: new Uint32Array(0),
    bytes: new Uint8Array(0),
  };
  #row = 0;
  #f = 0;
  #u = 0;
  /** Epochs of what was read last: equal to `epoch` means of this row. */
  #lineEpoch = -1;
  #pathEpoch = -1;
  #urlEpoch = -1;
  #connectionEpoch = -1;
  readonly #line = new RequestLine();
  readonly #authority = new Authority();
  readonly #path = emptySlice();
  readonly #url = emptySlice();
  readonly #host = emptySlice();
  readonly #query = new QueryKeys();
  readonly #arena = new Arena();
  readonly #request = new HeadFields(this.#arena);
  readonly #response = new HeadFields(this.#arena);
  readonly #address = emptyAddress();

  constructor(facts: FactSource) {
    this.#facts = facts;
  }

  open(batch: ExchangeBatch): void {
    this.#batch = batch;
    this.seek(0);
  }

  seek(row: number): void {
    this.#row = row;
    this.#f = row * F64_COLUMNS;
    this.#u = row * U32_COLUMNS;
    this.#link = null;
    this.#arena.reset();
    this.epoch = nextEpoch();
  }

  number(ref: FieldRef): number {
    const read = NUMBER_READERS[ref.id];
    return read === undefined ? Number.NaN : read(this);
  }

  flag(ref: FieldRef): Truth {
    if (ref.name === 'tls.enabled') return (this.word(U32.flags) & FLAG.tls) === 0 ? FALSE : TRUE;
    const value = this.linkFacts[ref.name];
    if (typeof value !== 'boolean') return MISSING;
    return value ? TRUE : FALSE;
  }

  text(ref: FieldRef, index: number, into: TextSlice): boolean {
    const read = TEXT_READERS[ref.id];
    return read?.(this, ref, index, into) ?? false;
  }

  value(ref: FieldRef): Value | undefined {
    switch (ref.field.type) {
      case 'number': {
        const value = this.number(ref);
        return Number.isNaN(value) ? undefined : value;
      }
      case 'flag': {
        const value = this.flag(ref);
        return value === MISSING ? undefined : value === TRUE;
      }
      case 'words':
        return this.#words(ref);
      default:
        return this.#textValue(ref);
    }
  }

  #textValue(ref: FieldRef): Value | undefined {
    const slice = emptySlice();
    if (!this.text(ref, 0, slice)) return undefined;
    const first = decodeText(slice);
    if (ref.field.type === 'address') return ipOf(first) ?? first;
    if (ref.field.isSeveral !== true || !this.text(ref, 1, slice)) return first;
    const values = [first];
    for (let i = 1; this.text(ref, i, slice); i++) values.push(decodeText(slice));
    return { kind: 'several', values };
  }

  #words(ref: FieldRef): Value | undefined {
    if (ref.name === 'tags') {
      return { kind: 'words', values: wordsOf(this.process.facts.tags) ?? [] };
    }
    const facts = ref.name.startsWith('tls.') ? this.connection.facts : this.linkFacts;
    const values = wordsOf(facts[ref.name]);
    return values === undefined ? undefined : { kind: 'words', values };
  }

  word(column: number): number {
    return this.#batch.u32[this.#u + column];
  }

  time(column: number): number {
    return this.#batch.f64[this.#f + column];
  }

  get process(): EncodedFacts {
    const index = this.word(U32.process);
    const facts = this.#facts.process(index);
    const known = this.#processes[index];
    if (known?.facts === facts) return known;
    const encoded = new EncodedFacts(facts);
    this.#processes[index] = encoded;
    return encoded;
  }

  get connection(): EncodedFacts {
    if (this.#connectionEpoch !== this.epoch) {
      const facts = this.#facts.connection(this.time(F64.connectionId));
      if (facts !== this.#connection.facts) this.#connection = new EncodedFacts(facts);
      this.#connectionEpoch = this.epoch;
    }
    return this.#connection;
  }

  get linkFacts(): Facts {
    this.#link ??= this.#facts.link(this.#batch, this.#row);
    return this.#link;
  }

  get line(): RequestLine {
    if (this.#lineEpoch !== this.epoch) {
      const start = this.word(U32.requestHeadOffset);
      this.#line.parse(this.#batch.bytes, start, start + this.word(U32.requestHeadBytes));
      this.#lineEpoch = this.epoch;
    }
    return this.#line;
  }

  get requestFields(): HeadFields {
    return this.#fieldsAt(this.#request, U32.requestHeadOffset);
  }

  get responseFields(): HeadFields {
    return this.#fieldsAt(this.#response, U32.responseHeadOffset);
  }

  #fieldsAt(fields: HeadFields, column: number): HeadFields {
    const start = this.word(column);
    return fields.at(this.epoch, this.#batch.bytes, start, start + this.word(column + 1));
  }

  slice(start: number, end: number, into: TextSlice): true {
    into.bytes = this.#batch.bytes;
    into.start = start;
    into.end = end;
    return true;
  }

  address(offset: number, into: TextSlice): boolean {
    if (this.isUnix) return false;
    const start = this.word(offset);
    return this.slice(start, start + this.word(offset + 1), into);
  }

  get isUnix(): boolean {
    return this.word(U32.family) === FAMILY.unix;
  }

  /** The peer has no public address. */
  get isInternal(): boolean {
    const start = this.word(U32.remoteAddressOffset);
    const end = start + this.word(U32.remoteAddressBytes);
    const isAddress = parseAddress(this.#batch.bytes, start, end, this.#address);
    return !isAddress || isInternal(this.#address);
  }

  /** Host and port as the client named them; the target's beat the header's (RFC 9112 3.2.2). */
  host(into: TextSlice): boolean {
    const { hostStart, authorityEnd } = this.line;
    if (authorityEnd > hostStart) return this.slice(hostStart, authorityEnd, into);
    return this.requestFields.value(HOST, 0, into);
  }

  path(into: TextSlice): boolean {
    const { pathStart, pathEnd } = this.line;
    if (pathEnd === pathStart) return false;
    if (this.#pathEpoch !== this.epoch) {
      const { bytes } = this.#batch;
      if (!hasEscape(bytes, pathStart, pathEnd)) this.slice(pathStart, pathEnd, this.#path);
      else {
        appendDecoded(bytes, pathStart, pathEnd, false, this.#arena);
        this.#arena.take(this.#path);
      }
      this.#pathEpoch = this.epoch;
    }
    copy(this.#path, into);
    return true;
  }

  url(into: TextSlice): boolean {
    if (this.#urlEpoch !== this.epoch) {
      this.#writeUrl();
      this.#urlEpoch = this.epoch;
    }
    copy(this.#url, into);
    return into.end > into.start;
  }

  #writeUrl(): void {
    const { pathStart, pathEnd, queryEnd } = this.line;
    const { bytes } = this.#batch;
    this.#url.start = this.#url.end = 0;
    if (!this.host(this.#host)) return;
    const scheme = this.scheme;
    this.#arena.append(scheme, 0, scheme.length);
    this.#arena.append(SCHEME_END, 0, SCHEME_END.length);
    this.#arena.append(this.#host.bytes, this.#host.start, this.#host.end);
    if (bytes[pathStart] === SLASH && pathStart < pathEnd)
      this.#arena.append(bytes, pathStart, queryEnd);
    this.#arena.take(this.#url);
  }

  get scheme(): Uint8Array {
    return (this.word(U32.flags) & FLAG.tls) === 0 ? HTTP : HTTPS;
  }

  queryValue(key: Uint8Array, index: number, into: TextSlice): boolean {
    const { hasQuery, queryStart, queryEnd } = this.line;
    if (!hasQuery) return false;
    return this.#query.find(
      { bytes: this.#batch.bytes, start: queryStart, end: queryEnd },
      key,
      index,
      this.#arena,
      into,
    );
  }

  /** The host without its port in lower case; false for addresses. */
  domain(into: TextSlice): boolean {
    if ((this.word(U32.flags) & FLAG.client) === 0 || !this.host(into)) return false;
    const { bytes, start } = into;
    if (bytes[start] === OPEN) return false;
    this.#authority.parse(bytes, start, into.end);
    const { hostStart, hostEnd } = this.#authority;
    if (parseAddress(bytes, hostStart, hostEnd, this.#address)) return false;
    for (let at = hostStart; at < hostEnd; at++) this.#arena.push(lowerCase(bytes[at]));
    return this.#arena.take(into) && hostEnd > hostStart;
  }
}

const SLASH = 0x2f;
const PERCENT = 0x25;
const HTTP = Buffer.from('http');
const HTTPS = Buffer.from('https');
const SCHEME_END = Buffer.from('://');

function hasEscape(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === PERCENT) return true;
  return false;
}

function copy(from: TextSlice, into: TextSlice): void {
  into.bytes = from.bytes;
  into.start = from.start;
  into.end = from.end;
}

function wordsOf(value: Facts[string] | undefined): readonly string[] | undefined {
  return Array.isArray(value) ? value : undefined;
}
