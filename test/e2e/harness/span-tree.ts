/** Spans as trees, and their shape as text, so that an expectation reads like a trace. */
import { type OtlpSpan, pathOf, serviceOf } from './otlp-span.ts';

export interface SpanNode {
  readonly span: OtlpSpan;
  readonly children: readonly SpanNode[];
}

/** Roots with everything below them, both in order of start. A parent that is not there is a root's. */
export function treesOf(spans: readonly OtlpSpan[]): SpanNode[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const sorted = [...spans].sort((a, b) =>
    a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : 0,
  );
  const node = (span: OtlpSpan): SpanNode => ({
    span,
    children: sorted
      .filter((each) => each.parentSpanId === span.spanId && each.traceId === span.traceId)
      .map(node),
  });
  return sorted.filter(({ parentSpanId }) => !ids.has(parentSpanId)).map(node);
}

/**
 * One line per span, indented: `SERVER nginx GET /orders 200`, with the attempt of a resend.
 * Siblings that started within the same microsecond keep the order of their text.
 */
export function shapeOf(nodes: readonly SpanNode[], depth = 0): string[] {
  return nodes.flatMap(({ span, children }) => {
    const { attributes } = span;
    const words = [
      span.kind,
      serviceOf(span),
      attributes['http.request.method_original'] ?? attributes['http.request.method'],
      pathOf(span),
      attributes['http.response.status_code'] ?? '-',
    ];
    const resend = attributes['http.request.resend_count'];
    if (resend !== undefined) words.push(`resend ${resend}`);
    return [`${'  '.repeat(depth)}${words.join(' ')}`, ...shapeOf(children, depth + 1)];
  });
}

/** Text of an expectation written over several indented lines. */
export function shape(text: TemplateStringsArray, ...values: readonly unknown[]): string[] {
  const lines = String.raw(text, ...values)
    .split('\n')
    .filter((line) => line.trim() !== '');
  const margin = Math.min(...lines.map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(margin).trimEnd());
}

/** What one proxied request looks like: the proxy's two spans and the backend's own. */
export function proxied(proxy: string, backend: string, request: string, status = 200): string[] {
  return [
    `SERVER ${proxy} ${request} ${status}`,
    `  CLIENT ${proxy} ${request} ${status}`,
    `    SERVER ${backend} ${request} ${status}`,
  ];
}

/**
 * The same over an upstream connection that is older than the agent: which exchange of it this is,
 * neither end knows, so the backend's span is a root of its own (no local hop without ordinals).
 */
export function proxiedOverOld(proxy: string, backend: string, request: string): string[] {
  return [
    `SERVER ${proxy} ${request} 200`,
    `  CLIENT ${proxy} ${request} 200`,
    `SERVER ${backend} ${request} 200`,
  ];
}
