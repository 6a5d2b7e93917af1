/** OTLP logs read with protobufjs: numbers and types of the fields that the agent writes. */
import protobuf from 'protobufjs';

const { root } = protobuf.parse(`syntax = "proto3";
  message Request { repeated ResourceLogs resource_logs = 1; }
  message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; }
  message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message Scope { string name = 1; string version = 2; }
  message LogRecord {
    fixed64 time_unix_nano = 1;
    int32 severity_number = 2;
    string severity_text = 3;
    AnyValue body = 5;
    repeated KeyValue attributes = 6;
    bytes trace_id = 9;
    bytes span_id = 10;
    fixed64 observed_time_unix_nano = 11;
    string event_name = 12;
  }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue { oneof value {
    string string_value = 1;
    bool bool_value = 2;
    int64 int_value = 3;
    double double_value = 4;
    Array array_value = 5;
    List kvlist_value = 6;
  } }
  message Array { repeated AnyValue values = 1; }
  message List { repeated KeyValue values = 1; }
`);
const Request = root.lookupType('Request');

interface Value {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: readonly Value[] };
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] };
}

interface KeyValue {
  readonly key: string;
  readonly value: Value;
}

export interface LogRequest {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly logRecords: readonly LogRecord[];
    }[];
  }[];
}

export interface LogRecord {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: Value;
  readonly attributes: readonly KeyValue[];
  /** Hex. */
  readonly traceId?: string;
  readonly spanId?: string;
}

/** In the shape of OTLP/JSON, so that both encodings compare deeply. */
export function decodeLogs(bytes: Uint8Array): LogRequest {
  const request = Request.toObject(Request.decode(bytes), { longs: String, bytes: Buffer });
  return JSON.parse(JSON.stringify(request, (_, value) => (isBytes(value) ? hexOf(value) : value)));
}

/** Buffers have become this by the time a replacer sees them. */
function isBytes(value: unknown): value is { readonly data: readonly number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
}

function hexOf({ data }: { readonly data: readonly number[] }): string {
  return Buffer.from(data).toString('hex');
}

export function plain(attributes: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));
}

export function plainValue(value: Value): unknown {
  if (value.kvlistValue !== undefined) return plain(value.kvlistValue.values ?? []);
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plainValue);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue;
}
