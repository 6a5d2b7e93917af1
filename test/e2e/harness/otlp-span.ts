/** Spans as the Collector's file exporter writes them (OTLP/JSON), in a form tests can ask. */

export type Value = string | number | boolean | readonly Value[];
export type Attributes = Readonly<Record<string, Value>>;

export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: 'SERVER' | 'CLIENT' | 'INTERNAL' | 'other';
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly status: 'unset' | 'ok' | 'error';
  readonly flags: number;
  readonly traceState: string;
  readonly attributes: Attributes;
  readonly resource: Attributes;
  readonly scope: string;
  readonly links: readonly { traceId: string; spanId: string }[];
}

interface JsonValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values?: readonly JsonValue[] };
}

export interface JsonAttribute {
  readonly key: string;
  readonly value: JsonValue;
}

interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind?: number;
  readonly flags?: number;
  readonly traceState?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly JsonAttribute[];
  readonly status?: { readonly code?: number };
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
}

interface JsonTraces {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly JsonAttribute[] };
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name?: string };
      readonly spans?: readonly JsonSpan[];
    }[];
  }[];
}

const KINDS: Readonly<Record<number, OtlpSpan['kind']>> = {
  1: 'INTERNAL',
  2: 'SERVER',
  3: 'CLIENT',
};
const STATUSES = ['unset', 'ok', 'error'] as const;

function plainValue(value: JsonValue): Value {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.intValue !== undefined) return Number(value.intValue);
  if (value.doubleValue !== undefined) return value.doubleValue;
  if (value.boolValue !== undefined) return value.boolValue;
  return (value.arrayValue?.values ?? []).map(plainValue);
}

export function plainAttributes(list: readonly JsonAttribute[] | undefined): Attributes {
  return Object.fromEntries((list ?? []).map(({ key, value }) => [key, plainValue(value)]));
}

/** All spans of one line of the file; a line of metrics holds none. */
export function spansOfLine(line: string): OtlpSpan[] {
  const traces: JsonTraces = JSON.parse(line);
  return (traces.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) => {
    const shared = plainAttributes(resource?.attributes);
    return (scopeSpans ?? []).flatMap(({ scope, spans }) =>
      (spans ?? []).map((span) => plainSpan(span, shared, scope?.name ?? '')),
    );
  });
}

function plainSpan(span: JsonSpan, resource: Attributes, scope: string): OtlpSpan {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? '',
    name: span.name,
    kind: KINDS[span.kind ?? 0] ?? 'other',
    startNs: BigInt(span.startTimeUnixNano),
    endNs: BigInt(span.endTimeUnixNano),
    status: STATUSES[span.status?.code ?? 0] ?? 'unset',
    flags: span.flags ?? 0,
    traceState: span.traceState ?? '',
    attributes: plainAttributes(span.attributes),
    resource,
    scope,
    links: span.links ?? [],
  };
}

/** `url.path` of a SERVER span, the path within `url.full` of a CLIENT span. */
export function pathOf({ attributes }: OtlpSpan): string {
  const path = attributes['url.path'];
  if (typeof path === 'string') return path;
  const full = attributes['url.full'];
  return typeof full === 'string' && URL.canParse(full) ? new URL(full).pathname : '';
}

export function serviceOf({ resource }: OtlpSpan): string {
  return String(resource['service.name'] ?? '');
}
