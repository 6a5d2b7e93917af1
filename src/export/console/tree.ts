/**
 * A trace as lines:
 *
 *     trace 7c1f0e52… 5 spans, 14.2 ms
 *     nginx      GET /orders/42   200  14.2 ms  (own 0.5 ms)   127.0.0.1:51234 > :8080
 *     ├─ nginx   GET /orders/42   502   3.1 ms  > 127.0.0.1:9001  exact.state  attempt 1
 *     │  └─ api  GET /orders/42   502   2.9 ms  local hop
 *
 * Columns are as wide as the trace needs. A span whose parent is not there stands as a root.
 */
import type { ConsoleSpan } from './console-span.ts';

/** Colours by meaning; the plain palette returns its text. */
export interface Palette {
  title(text: string): string;
  status(text: string, status: number): string;
  faint(text: string): string;
}

export const PLAIN: Palette = {
  title: (text) => text,
  status: (text) => text,
  faint: (text) => text,
};

const paint = (code: string, text: string): string => `\u001b[${code}m${text}\u001b[0m`;

export const COLOURED: Palette = {
  title: (text) => paint('1', text),
  status: (text, status) =>
    paint(status === 0 || status >= 500 ? '31' : status >= 400 ? '33' : '32', text),
  faint: (text) => paint('2', text),
};

const TRACE_ID_CHARACTERS = 8;
const REQUEST_CHARACTERS_MAX = 60;

interface Line {
  readonly name: string;
  readonly request: string;
  readonly status: string;
  readonly statusCode: number;
  readonly duration: string;
  readonly details: string;
}

export function formatTrace(spans: readonly ConsoleSpan[], palette: Palette = PLAIN): string {
  const lines = toLines(spans);
  const width = (read: (line: Line) => string): number =>
    Math.max(...lines.map((line) => read(line).length));
  const names = width((line) => line.name);
  const requests = width((line) => line.request);
  const statuses = width((line) => line.status);
  const durations = width((line) => line.duration);
  const body = lines.map((line) =>
    [
      line.name.padEnd(names),
      line.request.padEnd(requests + 1),
      palette.status(line.status.padStart(statuses), line.statusCode),
      line.duration.padStart(durations),
      palette.faint(line.details),
    ]
      .join('  ')
      .trimEnd(),
  );
  return [palette.title(formatTitle(spans)), ...body].join('\n');
}

function formatTitle(spans: readonly ConsoleSpan[]): string {
  const [first] = spans;
  const id = first === undefined ? '' : first.traceId.slice(0, TRACE_ID_CHARACTERS);
  const count = spans.length === 1 ? '1 span' : `${spans.length} spans`;
  let startNs = first?.startNs ?? 0n;
  let endNs = first?.endNs ?? 0n;
  for (const span of spans) {
    if (span.startNs < startNs) startNs = span.startNs;
    if (span.endNs > endNs) endNs = span.endNs;
  }
  return `trace ${id}… ${count}, ${formatDuration(Number(endNs - startNs))}`;
}

/** Depth first, children by start time; every span once, whatever the ids say. */
function toLines(spans: readonly ConsoleSpan[]): Line[] {
  const byId = new Set(spans.map((span) => span.spanId));
  const children = Map.groupBy(spans, (span) => span.parentSpanId);
  const visited = new Set<ConsoleSpan>();
  const lines: Line[] = [];
  const visit = (span: ConsoleSpan, branch: string, indent: string, siblings: ConsoleSpan[]) => {
    if (visited.has(span)) return;
    visited.add(span);
    const below = (children.get(span.spanId) ?? []).filter((child) => child !== span);
    lines.push(toLine(span, branch, siblings, below));
    sortByStart(below).forEach((child, index) => {
      const isLast = index === below.length - 1;
      visit(
        child,
        `${indent}${isLast ? '└─ ' : '├─ '}`,
        `${indent}${isLast ? '   ' : '│  '}`,
        below,
      );
    });
  };
  const roots = spans.filter((span) => span.parentSpanId === '' || !byId.has(span.parentSpanId));
  for (const root of sortByStart(roots)) visit(root, '', '', []);
  // Ids that form a ring have no root.
  for (const span of spans) visit(span, '', '', []);
  return lines;
}

function sortByStart(spans: readonly ConsoleSpan[]): ConsoleSpan[] {
  return spans.toSorted((a, b) => (a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : 0));
}

function toLine(
  span: ConsoleSpan,
  branch: string,
  siblings: readonly ConsoleSpan[],
  children: readonly ConsoleSpan[],
): Line {
  return {
    name: branch + span.service,
    request: shorten(`${span.method} ${span.path}`),
    status: span.status === 0 ? '-' : String(span.status),
    statusCode: span.status,
    duration: formatDuration(Number(span.endNs - span.startNs)),
    details: (span.isClient
      ? clientDetails(span, siblings)
      : serverDetails(span, branch === '', children)
    ).join('  '),
  };
}

function clientDetails(span: ConsoleSpan, siblings: readonly ConsoleSpan[]): string[] {
  const details = [`> ${span.remote}`];
  if (span.tier !== 'none') details.push(span.tier);
  if (span.resendCount > 0) details.push(`resend ${span.resendCount}`);
  else if (siblings.some((other) => isResendOf(other, span))) details.push('attempt 1');
  return [...details, ...errorOf(span), ...span.marks];
}

function isResendOf(other: ConsoleSpan, first: ConsoleSpan): boolean {
  return other.resendCount > 0 && other.method === first.method && other.path === first.path;
}

function serverDetails(
  span: ConsoleSpan,
  isRoot: boolean,
  children: readonly ConsoleSpan[],
): string[] {
  const details: string[] = [];
  if (span.isLocalHop) details.push('local hop');
  else if (span.tier !== 'none') details.push(span.tier);
  const hasEgress = children.some((child) => child.isClient);
  if (hasEgress && span.ownNs >= 0) details.push(`(own ${formatDuration(span.ownNs)})`);
  if (isRoot) details.push(`${details.length > 0 ? ' ' : ''}${span.remote} > ${listener(span)}`);
  return [...details, ...errorOf(span), ...span.marks];
}

function listener(span: ConsoleSpan): string {
  return span.localPort === 0 ? span.local : `:${span.localPort}`;
}

/** A status code speaks for itself. */
function errorOf(span: ConsoleSpan): string[] {
  return span.errorType === '' || span.errorType === String(span.status) ? [] : [span.errorType];
}

function shorten(text: string): string {
  const characters = [...text];
  if (characters.length <= REQUEST_CHARACTERS_MAX) return text;
  return `${characters.slice(0, REQUEST_CHARACTERS_MAX - 1).join('')}…`;
}

function formatDuration(ns: number): string {
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(2)} s`;
  return `${(ns / 1e6).toFixed(1)} ms`;
}
