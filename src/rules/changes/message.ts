/** What differs between the two sides of one message, as it may be shown. */
import type { Redaction } from '../redaction/redaction.ts';
import type { BodyComparison } from './body.ts';
import type { Comparison, Field, HeaderComparison, Sides } from './comparison.ts';

export interface FromTo<T> {
  readonly from: T;
  readonly to: T;
}

export interface PathReport extends FromTo<string> {
  /** What is left of one path when the other is taken from its end. */
  readonly prefix_stripped?: string;
  readonly prefix_added?: string;
}

export interface HeadersReport {
  readonly added?: readonly (readonly [name: string, value: string])[];
  readonly removed?: readonly (readonly [name: string, value: string])[];
  readonly changed?: readonly ({ readonly name: string } & FromTo<readonly string[]>)[];
}

/** What is not there is the same on both sides, unless `unknown` names it. Status: of responses. */
export interface MessageReport {
  readonly method?: FromTo<string>;
  readonly path?: PathReport;
  /** With the question mark. */
  readonly query?: FromTo<string>;
  readonly host?: FromTo<string>;
  readonly status?: FromTo<number>;
  readonly headers?: HeadersReport;
  readonly body?: { readonly from_bytes: number; readonly to_bytes: number };
  /** What was not seen whole, so that nothing can be said about it. */
  readonly unknown?: readonly string[];
}

export function requestReport(comparison: Comparison, redaction: Redaction): MessageReport {
  const { line, host, requestHeaders, requestBody } = comparison;
  return {
    ...(line === null ? {} : lineReport(line, redaction)),
    ...(host === null ? {} : hostReport(host, redaction)),
    ...headersReport(requestHeaders, redaction),
    ...bodyReport(requestBody),
    ...unknown({
      line: line === null,
      host: host === null,
      headers: requestHeaders === null,
      body: requestBody.kind === 'unknown',
    }),
  };
}

export function responseReport(comparison: Comparison, redaction: Redaction): MessageReport {
  const { status, responseHeaders, responseBody } = comparison;
  return {
    ...(status === null || isEqual(status) ? {} : { status: fromTo(status) }),
    ...headersReport(responseHeaders, redaction),
    ...bodyReport(responseBody),
    ...unknown({
      status: status === null,
      headers: responseHeaders === null,
      body: responseBody.kind === 'unknown',
    }),
  };
}

function lineReport({ before, after }: NonNullable<Comparison['line']>, redaction: Redaction) {
  const method = { before: before.method, after: after.method };
  const path = { before: before.path, after: after.path };
  const query = { before: before.query, after: after.query };
  const clean = (target: string) => redaction.target(target);
  return {
    ...(isEqual(method) ? {} : { method: fromTo(method) }),
    ...(isEqual(path) ? {} : { path: pathReport(path, clean) }),
    ...(isEqual(query) ? {} : { query: fromTo(query, clean) }),
  };
}

function pathReport(path: Sides<string>, clean: (target: string) => string): PathReport {
  const report = fromTo(path, clean);
  const stripped = prefixOf(path.before, path.after, clean);
  if (stripped !== null) return { ...report, prefix_stripped: stripped };
  const added = prefixOf(path.after, path.before, clean);
  return added === null ? report : { ...report, prefix_added: added };
}

/** `/api` of `/api/users` and `/users`, and of `/api` and `/`; null: it is none. */
function prefixOf(long: string, short: string, clean: (target: string) => string): string | null {
  if (long === short || !short.startsWith('/')) return null;
  const rest = short === '/' && !long.endsWith('/') ? '' : short;
  if (!long.endsWith(rest)) return null;
  const prefix = clean(long.slice(0, long.length - rest.length));
  // A pattern may find in the whole what it does not find in the parts.
  return prefix + clean(rest) === clean(long) ? prefix : null;
}

function hostReport(host: Sides<string>, redaction: Redaction): Pick<MessageReport, 'host'> {
  if (isEqual(host)) return {};
  const clean = (value: string) => (value === '' ? '' : redaction.header('Host', value));
  const from = clean(host.before);
  const to = clean(host.after);
  return from === null || to === null ? {} : { host: { from, to } };
}

function headersReport(
  headers: HeaderComparison | null,
  redaction: Redaction,
): Pick<MessageReport, 'headers'> {
  if (headers === null) return {};
  const added = headers.added.flatMap((field) => shown(field, redaction));
  const removed = headers.removed.flatMap((field) => shown(field, redaction));
  const changed = headers.changed.flatMap(({ before, after }) => {
    const [from, to] = [before, after].map((field) => shown(field, redaction).map(([, v]) => v));
    return from.length + to.length === 0 ? [] : [{ name: after.name, from, to }];
  });
  if (added.length + removed.length + changed.length === 0) return {};
  return {
    headers: {
      ...(added.length === 0 ? {} : { added }),
      ...(removed.length === 0 ? {} : { removed }),
      ...(changed.length === 0 ? {} : { changed }),
    },
  };
}

/** One entry for each value; none when a rule says that the field goes. */
function shown({ name, values }: Field, redaction: Redaction): [string, string][] {
  return values.flatMap((value) => {
    const redacted = redaction.header(name, value);
    return redacted === null ? [] : [[name, redacted] satisfies [string, string]];
  });
}

function bodyReport(body: BodyComparison): Pick<MessageReport, 'body'> {
  if (body.kind !== 'changed') return {};
  return { body: { from_bytes: body.beforeBytes, to_bytes: body.afterBytes } };
}

function unknown(parts: Readonly<Record<string, boolean>>): Pick<MessageReport, 'unknown'> {
  const names = Object.keys(parts).filter((name) => parts[name] === true);
  return names.length === 0 ? {} : { unknown: names };
}

function isEqual<T>({ before, after }: Sides<T>): boolean {
  return before === after;
}

function fromTo<T>({ before, after }: Sides<T>, clean: (value: T) => T = (value) => value) {
  return { from: clean(before), to: clean(after) };
}
