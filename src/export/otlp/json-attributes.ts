/** Attributes in OTLP/JSON (opentelemetry-proto docs/specification.md, "JSON Protobuf Encoding"). */
import type { SpanValue } from './span-object.ts';

export function toAttributes(attributes: Readonly<Record<string, SpanValue>>): unknown[] {
  return toKeyValues(Object.entries(attributes));
}

/** The same of pairs. */
export function toKeyValues(entries: readonly (readonly [string, SpanValue])[]): unknown[] {
  return entries.map(([key, value]) => ({ key, value: toValue(value) }));
}

function toValue(value: SpanValue): unknown {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  if ('double' in value) return { doubleValue: value.double };
  return { arrayValue: { values: value.map(toValue) } };
}
