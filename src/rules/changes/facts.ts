/** What a proxy changed, for rules: `link.changed.*`, `link.added.*` and `link.removed.*`. */
import type { ExchangeBatch } from '../../handoff/layout.ts';
import type { Facts, FactValue } from '../fields/facts.ts';
import type { BodyComparison } from './body.ts';
import { compare, type Field, type HeaderComparison, type Sides } from './comparison.ts';
import { pairOf } from './hop.ts';

const NOTHING: Facts = {};

/**
 * Facts by the schema's names; empty for rows that are no part of a proxied request. What was not
 * seen whole is missing, not unchanged.
 */
export function changesOf(batch: ExchangeBatch, row: number): Facts {
  const pair = pairOf(batch, row);
  if (pair === null) return NOTHING;
  const { line, host, status, ...rest } = compare(batch, pair);
  const facts: Record<string, FactValue> = {};
  if (line !== null) {
    facts['link.changed.method'] = line.before.method !== line.after.method;
    facts['link.changed.path'] = line.before.path !== line.after.path;
    facts['link.changed.query'] = line.before.query !== line.after.query;
  }
  if (host !== null) facts['link.changed.host'] = isChanged(host);
  if (status !== null) facts['link.changed.status'] = isChanged(status);
  addHeaders(facts, rest.requestHeaders, 'headers');
  addHeaders(facts, rest.responseHeaders, 'response_headers');
  addBody(facts, rest.requestBody, 'link.changed.request_body');
  addBody(facts, rest.responseBody, 'link.changed.response_body');
  return facts;
}

function isChanged<T>({ before, after }: Sides<T>): boolean {
  return before !== after;
}

function addHeaders(
  facts: Record<string, FactValue>,
  headers: HeaderComparison | null,
  what: string,
): void {
  if (headers === null) return;
  const { added, removed, changed } = headers;
  facts[`link.added.${what}`] = added.map(keyOf);
  facts[`link.removed.${what}`] = removed.map(keyOf);
  facts[`link.changed.${what}`] = changed.map(({ after }) => keyOf(after));
}

function keyOf({ name }: Field): string {
  return name.toLowerCase();
}

function addBody(facts: Record<string, FactValue>, { kind }: BodyComparison, name: string): void {
  if (kind !== 'unknown') facts[name] = kind === 'changed';
}
