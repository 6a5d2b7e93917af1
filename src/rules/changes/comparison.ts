/**
 * The two sides of a proxied request next to each other, as they really were: rules ask for it
 * (facts.ts), records tell of it (report.ts). Values may be secrets: whoever shows one redacts it
 * first. What was not seen whole is null, not equal.
 *
 * `before` is what reached the proxy, `after` what it sent on: of a request the ingress comes first,
 * of a response the egress.
 */
import { headers } from '../../handoff/head.ts';
import type { ExchangeBatch } from '../../handoff/layout.ts';
import { U32 } from '../../handoff/layout.ts';
import { RequestLine } from '../../handoff/request-line.ts';
import { type BodyComparison, compareBodies, REQUEST_BODY, RESPONSE_BODY } from './body.ts';
import { type Pair, word } from './hop.ts';

export interface Sides<T> {
  readonly before: T;
  readonly after: T;
}

export interface LineWords {
  readonly method: string;
  readonly path: string;
  /** With its question mark: `/a` and `/a?` differ. */
  readonly query: string;
}

/** All values of a field, in order. */
export interface Field {
  /** As on the wire; of a changed one as it was sent on. */
  readonly name: string;
  readonly values: readonly string[];
}

/** Sorted by name in lower case; without Host. */
export interface HeaderComparison {
  readonly added: readonly Field[];
  readonly removed: readonly Field[];
  readonly changed: readonly Sides<Field>[];
}

export interface Comparison {
  readonly line: Sides<LineWords> | null;
  /** In lower case (RFC 3986 3.2.2); '' there is none. */
  readonly host: Sides<string> | null;
  readonly requestHeaders: HeaderComparison | null;
  readonly requestBody: BodyComparison;
  readonly status: Sides<number> | null;
  readonly responseHeaders: HeaderComparison | null;
  readonly responseBody: BodyComparison;
}

/** By name in lower case. */
type Fields = ReadonlyMap<string, Field>;

const HOST = 'host';

export function compare(batch: ExchangeBatch, { ingress, egress }: Pair): Comparison {
  const request = (row: number) => sliceOf(batch, row, U32.requestHeadOffset);
  const response = (row: number) => sliceOf(batch, row, U32.responseHeadOffset);
  return {
    ...compareRequests(request(ingress), request(egress)),
    requestBody: compareBodies(batch, ingress, egress, REQUEST_BODY),
    status: bothOf(statusOf(batch, egress), statusOf(batch, ingress)),
    responseHeaders: compareHeaders(fieldsOf(response(egress)), fieldsOf(response(ingress))),
    responseBody: compareBodies(batch, egress, ingress, RESPONSE_BODY),
  };
}

function compareRequests(before: Buffer, after: Buffer) {
  const fields = { before: fieldsOf(before), after: fieldsOf(after) };
  const lines = { before: lineOf(before), after: lineOf(after) };
  return {
    line: bothOf(wordsOf(before, lines.before), wordsOf(after, lines.after)),
    host: bothOf(
      hostOf(before, lines.before, fields.before),
      hostOf(after, lines.after, fields.after),
    ),
    requestHeaders: compareHeaders(fields.before, fields.after),
  };
}

function bothOf<T>(before: T | null, after: T | null): Sides<T> | null {
  return before === null || after === null ? null : { before, after };
}

function sliceOf(batch: ExchangeBatch, row: number, column: number): Buffer {
  const { buffer, byteOffset } = batch.bytes;
  const start = word(batch, row, column);
  return Buffer.from(buffer, byteOffset + start, word(batch, row, column + 1));
}

function statusOf(batch: ExchangeBatch, row: number): number | null {
  return word(batch, row, U32.status) || null;
}

/** Null when the head was not seen whole: an empty line ends one that was not cut. */
function fieldsOf(head: Buffer): Fields | null {
  if (!/\n\r?\n$/.test(head.toString('latin1', Math.max(0, head.length - 4)))) return null;
  const fields = new Map<string, { name: string; values: string[] }>();
  for (const [name, value] of headers(head)) {
    const key = name.toLowerCase();
    const known = fields.get(key);
    if (known === undefined) fields.set(key, { name, values: [value] });
    else known.values.push(value);
  }
  return fields;
}

/** Null when the line was cut. */
function lineOf(head: Buffer): RequestLine | null {
  if (!head.includes('\n')) return null;
  const line = new RequestLine();
  line.parse(head, 0, head.length);
  return line;
}

function wordsOf(head: Buffer, line: RequestLine | null): LineWords | null {
  if (line === null) return null;
  const text = (start: number, end: number) => head.toString('latin1', start, end);
  return {
    method: text(line.methodStart, line.methodEnd),
    path: text(line.pathStart, line.pathEnd),
    query: line.hasQuery ? `?${text(line.queryStart, line.queryEnd)}` : '',
  };
}

/** RFC 9112 3.2: the authority of the target beats Host. */
function hostOf(head: Buffer, line: RequestLine | null, fields: Fields | null): string | null {
  if (line === null) return null;
  const authority = head.toString('latin1', line.hostStart, line.authorityEnd);
  const host = authority || fields?.get(HOST)?.values[0];
  // Of a head that was cut, Host may be in what is missing.
  return host?.toLowerCase() ?? (fields === null ? null : '');
}

function compareHeaders(before: Fields | null, after: Fields | null): HeaderComparison | null {
  if (before === null || after === null) return null;
  return {
    added: without(after, before),
    removed: without(before, after),
    changed: namesOf(before).flatMap((name) => {
      const sides = bothOf(before.get(name) ?? null, after.get(name) ?? null);
      return sides === null || isSame(sides) ? [] : [sides];
    }),
  };
}

/** Fields of `all` that `others` does not have. */
function without(all: Fields, others: Fields): Field[] {
  return namesOf(all).flatMap((name) => (others.has(name) ? [] : (all.get(name) ?? [])));
}

function namesOf(fields: Fields): string[] {
  return [...fields.keys()].filter((name) => name !== HOST).sort();
}

function isSame({ before, after }: Sides<Field>): boolean {
  const { length } = before.values;
  return (
    length === after.values.length && before.values.every((value, i) => value === after.values[i])
  );
}
