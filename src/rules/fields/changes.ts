/**
 * What a proxy changed between the request that came in and the one that went out, and between the
 * response that came back and the one that was sent. What was not seen whole is missing, not unchanged.
 */
import { createHash } from 'node:crypto';
import { HeadLines } from '../../handoff/head-lines.ts';
import type { ExchangeBatch } from '../../handoff/layout.ts';
import { DIGEST_BYTES, ENDS, F64, F64_COLUMNS, FLAG, U32 } from '../../handoff/layout.ts';
import { RequestLine } from '../../handoff/request-line.ts';
import type { Facts, FactValue } from './facts.ts';
import { type Pair, pairOf, word } from './hop.ts';

const NOTHING: Facts = {};
const HOST = 'host';
const NO_BYTES = Buffer.alloc(0);

/** Facts by the schema's names; empty for rows that are no part of a proxied request. */
export function changesOf(batch: ExchangeBatch, row: number): Facts {
  const pair = pairOf(batch, row);
  if (pair === null) return NOTHING;
  const request = sideOf(batch, pair, REQUEST);
  const response = sideOf(batch, pair, RESPONSE);
  return {
    ...requestLineChanges(batch, pair),
    ...headerChanges(request.before, request.after, ''),
    ...statusChange(batch, pair),
    // The response travels the other way: what the proxy got is the egress's.
    ...headerChanges(response.after, response.before, 'response_'),
    ...bodyChange(batch, pair, REQUEST, 'link.changed.request_body'),
    ...bodyChange(batch, pair, RESPONSE, 'link.changed.response_body'),
  };
}

interface Columns {
  readonly head: number;
  readonly body: number;
  readonly held: number;
  readonly digest: number;
  readonly bodyBytes: number;
}

const REQUEST: Columns = {
  head: U32.requestHeadOffset,
  body: U32.requestBodyOffset,
  held: U32.requestBodyHeld,
  digest: U32.requestBodyDigestOffset,
  bodyBytes: F64.requestBodyBytes,
};
const RESPONSE: Columns = {
  head: U32.responseHeadOffset,
  body: U32.responseBodyOffset,
  held: U32.responseBodyHeld,
  digest: U32.responseBodyDigestOffset,
  bodyBytes: F64.responseBodyBytes,
};

/** Values by name in lower case, in order; null when the head was not seen whole. */
type Fields = ReadonlyMap<string, readonly string[]> | null;

function sideOf(
  batch: ExchangeBatch,
  { ingress, egress }: Pair,
  columns: Columns,
): { readonly before: Fields; readonly after: Fields } {
  return {
    before: fieldsOf(batch, ingress, columns),
    after: fieldsOf(batch, egress, columns),
  };
}

function slice(batch: ExchangeBatch, row: number, column: number): Buffer {
  const start = word(batch, row, column);
  const { buffer, byteOffset } = batch.bytes;
  return Buffer.from(buffer, byteOffset + start, word(batch, row, column + 1));
}

function fieldsOf(batch: ExchangeBatch, row: number, columns: Columns): Fields {
  const head = slice(batch, row, columns.head);
  // An empty line ends a head that was not cut.
  if (!/\n\r?\n$/.test(head.toString('latin1', Math.max(0, head.length - 4)))) return null;
  const lines = new HeadLines();
  lines.read(head, 0, head.length);
  const fields = new Map<string, string[]>();
  for (let line = 0; line < lines.count; line++) {
    const name = head.toString('latin1', lines.nameStart(line), lines.nameEnd(line)).toLowerCase();
    const value = head.toString('latin1', lines.valueStart(head, line), lines.valueEnd(head, line));
    const known = fields.get(name);
    if (known === undefined) fields.set(name, [value]);
    else known.push(value);
  }
  return fields;
}

function requestLineChanges(batch: ExchangeBatch, { ingress, egress }: Pair): Facts {
  const before = partsOf(batch, ingress);
  const after = partsOf(batch, egress);
  const facts: Record<string, FactValue> = {
    'link.changed.method': before.method !== after.method,
    'link.changed.path': before.path !== after.path,
    'link.changed.query': before.query !== after.query,
  };
  if (before.host !== '' && after.host !== '')
    facts['link.changed.host'] = before.host !== after.host;
  return facts;
}

function partsOf(batch: ExchangeBatch, row: number) {
  const head = slice(batch, row, U32.requestHeadOffset);
  const line = new RequestLine();
  line.parse(head, 0, head.length);
  const text = (start: number, end: number) => head.toString('latin1', start, end);
  return {
    method: text(line.methodStart, line.methodEnd),
    path: text(line.pathStart, line.pathEnd),
    // `/a` and `/a?` differ.
    query: line.hasQuery ? `?${text(line.queryStart, line.queryEnd)}` : '',
    host: hostOf(head, text(line.hostStart, line.authorityEnd)),
  };
}

/** '' when it is not known; hosts are case-insensitive (RFC 3986 3.2.2). */
function hostOf(head: Buffer, authority: string): string {
  if (authority !== '') return authority.toLowerCase();
  const lines = new HeadLines();
  lines.read(head, 0, head.length);
  const line = lines.find(head, Buffer.from(HOST), 0);
  if (line < 0) return '';
  const value = head.toString('latin1', lines.valueStart(head, line), lines.valueEnd(head, line));
  return value.toLowerCase();
}

function headerChanges(before: Fields, after: Fields, prefix: '' | 'response_'): Facts {
  if (before === null || after === null) return NOTHING;
  const names = (from: ReadonlyMap<string, unknown>, keep: (name: string) => boolean) =>
    [...from.keys()].filter((name) => name !== HOST && keep(name)).sort();
  const isSame = (name: string) => before.get(name)?.join('\n') === after.get(name)?.join('\n');
  return {
    [`link.added.${prefix}headers`]: names(after, (name) => !before.has(name)),
    [`link.removed.${prefix}headers`]: names(before, (name) => !after.has(name)),
    [`link.changed.${prefix}headers`]: names(before, (name) => after.has(name) && !isSame(name)),
  };
}

function statusChange(batch: ExchangeBatch, { ingress, egress }: Pair): Facts {
  const sent = word(batch, ingress, U32.status);
  const got = word(batch, egress, U32.status);
  return sent === 0 || got === 0 ? NOTHING : { 'link.changed.status': sent !== got };
}

function bodyChange(
  batch: ExchangeBatch,
  { ingress, egress }: Pair,
  columns: Columns,
  name: string,
): Facts {
  if (!isWhole(batch, ingress) || !isWhole(batch, egress)) return NOTHING;
  const sizes = [ingress, egress].map((row) => batch.f64[row * F64_COLUMNS + columns.bodyBytes]);
  if (sizes[0] !== sizes[1]) return { [name]: true };
  const [a, b] = [ingress, egress].map((row) => bodyOf(batch, row, columns));
  const seen = Math.min(a.length, b.length);
  if (!a.subarray(0, seen).equals(b.subarray(0, seen))) return { [name]: true };
  if (seen === sizes[0]) return { [name]: false };
  const [before, after] = [ingress, egress].map((row) => digestOf(batch, row, columns));
  return before === undefined || after === undefined ? NOTHING : { [name]: !before.equals(after) };
}

/** What is here of it: its beginning, or nothing. */
function bodyOf(batch: ExchangeBatch, row: number, columns: Columns): Buffer {
  return word(batch, row, columns.held) === 0 ? slice(batch, row, columns.body) : NO_BYTES;
}

/** Of the whole body; undefined unless every byte of it was seen. */
function digestOf(batch: ExchangeBatch, row: number, columns: Columns): Buffer | undefined {
  const start = word(batch, row, columns.digest);
  const { buffer, byteOffset } = batch.bytes;
  if (start !== 0) return Buffer.from(buffer, byteOffset + start, DIGEST_BYTES);
  const body = bodyOf(batch, row, columns);
  const isWhole = body.length === batch.f64[row * F64_COLUMNS + columns.bodyBytes];
  return isWhole ? createHash('sha256').update(body).digest() : undefined;
}

/** Complete and without loss: its lengths are those of the messages. */
function isWhole(batch: ExchangeBatch, row: number): boolean {
  const isComplete = ENDS[word(batch, row, U32.end)] === 'complete';
  return isComplete && (word(batch, row, U32.flags) & FLAG.loss) === 0;
}
