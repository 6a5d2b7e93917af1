/**
 * An event as an OTLP log record: Qtap's attributes `event.type` and `event` (its keys, flattened
 * with dots), and the semantic conventions' beside them.
 */
import type { StoreEvent } from '../../store/events/types.ts';
import { toAttributes } from '../otlp/json-attributes.ts';
import { ProtoWriter, sizeOfField, sizeOfText } from '../otlp/proto-writer.ts';
import type { AttributeValue } from '../types.ts';

/** SEVERITY_NUMBER_INFO. */
const INFO = 9;
const NS_PER_MS = 1_000_000n;

type Attributes = Readonly<Record<string, AttributeValue>>;

/** The name of the event; `event.type` has it in Qtap's word. */
function nameOf({ type }: StoreEvent): string {
  return `spantap.${type}`;
}

const record = new ProtoWriter();
const list = new ProtoWriter();

/**
 * LogRecord { time_unix_nano = 1; severity_number = 2; severity_text = 3; body = 5; attributes = 6;
 * trace_id = 9; span_id = 10; observed_time_unix_nano = 11; event_name = 12 }. Valid until the next
 * call.
 */
export function encodeLogRecord(event: StoreEvent, observedMs: number): Buffer {
  const { title, attributes, traceId, spanId } = event;
  record.reset();
  record.fixed64(1, nanoseconds(event.timeMs));
  record.small(2, INFO);
  record.text(3, 'INFO');
  const titleBytes = sizeOfText(title);
  record.begin(5, sizeOfField(titleBytes));
  record.text(1, title);
  record.keyValue(6, 'event.type', event.type);
  record.attributes(6, attributes);
  writeMap('event', event.item);
  if (traceId !== '') record.raw(9, Buffer.from(traceId, 'hex'));
  if (spanId !== '') record.raw(10, Buffer.from(spanId, 'hex'));
  record.fixed64(11, nanoseconds(observedMs));
  record.text(12, nameOf(event));
  return record.bytes;
}

/** KeyValue of an AnyValue { kvlist_value = 6: KeyValueList { values = 1 } }. */
function writeMap(name: string, item: StoreEvent['item']): void {
  list.reset();
  eachLeaf(item, '', (path, value) => list.keyValue(1, path, value));
  const valueBytes = sizeOfField(list.lenBytes);
  record.begin(6, sizeOfField(sizeOfText(name)) + sizeOfField(valueBytes));
  record.text(1, name);
  record.begin(2, valueBytes);
  record.raw(6, list.bytes);
}

/** opentelemetry-proto docs/specification.md, "JSON Protobuf Encoding". */
export function jsonLogRecord(event: StoreEvent, observedMs: number): unknown {
  const { title, attributes, traceId, spanId } = event;
  const values = toAttributes(flatten(event.item));
  return {
    timeUnixNano: String(nanoseconds(event.timeMs)),
    observedTimeUnixNano: String(nanoseconds(observedMs)),
    severityNumber: INFO,
    severityText: 'INFO',
    eventName: nameOf(event),
    body: { stringValue: title },
    attributes: [
      ...toAttributes({ 'event.type': event.type, ...attributes }),
      { key: 'event', value: { kvlistValue: { values } } },
    ],
    ...(traceId === '' ? {} : { traceId }),
    ...(spanId === '' ? {} : { spanId }),
  };
}

/** `{source: {address: {ip}}}` as `source.address.ip`. */
function eachLeaf(
  value: object,
  path: string,
  take: (path: string, value: AttributeValue) => void,
): void {
  for (const [key, inner] of Object.entries(value)) {
    const innerPath = path === '' ? key : `${path}.${key}`;
    if (isAttribute(inner)) take(innerPath, inner);
    else if (typeof inner === 'object' && inner !== null) eachLeaf(inner, innerPath, take);
  }
}

function flatten(item: StoreEvent['item']): Attributes {
  const flat: Record<string, AttributeValue> = {};
  eachLeaf(item, '', (path, value) => {
    flat[path] = value;
  });
  return flat;
}

function isAttribute(value: unknown): value is AttributeValue {
  if (Array.isArray(value)) return value.every((each) => typeof each === 'string');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function nanoseconds(ms: number): bigint {
  const whole = Math.floor(ms);
  return BigInt(whole) * NS_PER_MS + BigInt(Math.round((ms - whole) * 1e6));
}
