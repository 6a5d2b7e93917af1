/**
 * An event as an OTLP log record: Qtap's attributes `event.type` and `event` (its keys, flattened
 * with dots), and the semantic conventions' beside them.
 */
import type { StoreEvent } from '../../store/events/types.ts';
import { encodeAttributes, field } from '../attributes.ts';
import type { AttributeValue } from '../types.ts';

/** SEVERITY_NUMBER_INFO. */
const INFO = 9;
const NS_PER_MS = 1_000_000n;

type Attributes = Readonly<Record<string, AttributeValue>>;

/** The name of the event; `event.type` has it in Qtap's word. */
function nameOf({ type }: StoreEvent): string {
  return `spantap.${type}`;
}

/**
 * LogRecord { time_unix_nano = 1; severity_number = 2; severity_text = 3; body = 5; attributes = 6;
 * trace_id = 9; span_id = 10; observed_time_unix_nano = 11; event_name = 12 }.
 */
export function encodeLogRecord(event: StoreEvent, observedMs: number): Buffer {
  const { title, attributes, traceId, spanId } = event;
  return Buffer.concat([
    fixed64(1, nanoseconds(event.timeMs)),
    Buffer.from([2 << 3, INFO]),
    field(3, Buffer.from('INFO')),
    field(5, field(1, Buffer.from(title))),
    encodeAttributes(6, { 'event.type': event.type, ...attributes }),
    field(6, encodeMap('event', flatten(event.item))),
    ...(traceId === '' ? [] : [field(9, Buffer.from(traceId, 'hex'))]),
    ...(spanId === '' ? [] : [field(10, Buffer.from(spanId, 'hex'))]),
    fixed64(11, nanoseconds(observedMs)),
    field(12, Buffer.from(nameOf(event))),
  ]);
}

/** opentelemetry-proto docs/specification.md, "JSON Protobuf Encoding". */
export function jsonLogRecord(event: StoreEvent, observedMs: number): unknown {
  const { title, attributes, traceId, spanId } = event;
  const values = toKeyValues(flatten(event.item));
  return {
    timeUnixNano: String(nanoseconds(event.timeMs)),
    observedTimeUnixNano: String(nanoseconds(observedMs)),
    severityNumber: INFO,
    severityText: 'INFO',
    eventName: nameOf(event),
    body: { stringValue: title },
    attributes: [
      ...toKeyValues({ 'event.type': event.type, ...attributes }),
      { key: 'event', value: { kvlistValue: { values } } },
    ],
    ...(traceId === '' ? {} : { traceId }),
    ...(spanId === '' ? {} : { spanId }),
  };
}

export function toKeyValues(attributes: Attributes): unknown[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: toValue(value) }));
}

function toValue(value: AttributeValue): unknown {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  return { arrayValue: { values: value.map(toValue) } };
}

/** `{source: {address: {ip}}}` as `source.address.ip`. */
function flatten(item: StoreEvent['item']): Attributes {
  const flat: Record<string, AttributeValue> = {};
  const walk = (value: unknown, path: string): void => {
    if (isAttribute(value)) flat[path] = value;
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        walk(inner, path === '' ? key : `${path}.${key}`);
      }
    }
  };
  walk(item, '');
  return flat;
}

function isAttribute(value: unknown): value is AttributeValue {
  if (Array.isArray(value)) return value.every((each) => typeof each === 'string');
  return ['string', 'number', 'boolean'].includes(typeof value);
}

/** KeyValue of an AnyValue { kvlist_value = 6: KeyValueList { values = 1 } }. */
function encodeMap(name: string, attributes: Attributes): Buffer {
  const list = field(6, encodeAttributes(1, attributes));
  return Buffer.concat([field(1, Buffer.from(name)), field(2, list)]);
}

function nanoseconds(ms: number): bigint {
  const whole = Math.floor(ms);
  return BigInt(whole) * NS_PER_MS + BigInt(Math.round((ms - whole) * 1e6));
}

function fixed64(number: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = (number << 3) | 1;
  bytes.writeBigUInt64LE(value, 1);
  return bytes;
}
