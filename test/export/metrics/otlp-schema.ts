/** OTLP metrics read with protobufjs, by the field numbers of opentelemetry/proto/metrics/v1. */
import protobuf from 'protobufjs';

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Request { repeated ResourceMetrics resource_metrics = 1; }
  message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; }
  message Scope { string name = 1; string version = 2; }
  message Metric {
    string name = 1; string description = 2; string unit = 3;
    oneof data { Sum sum = 7; Histogram histogram = 9; }
  }
  message Sum {
    repeated NumberPoint data_points = 1; int32 aggregation_temporality = 2; bool is_monotonic = 3;
  }
  message Histogram { repeated HistogramPoint data_points = 1; int32 aggregation_temporality = 2; }
  message NumberPoint {
    repeated KeyValue attributes = 7;
    fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
    oneof value { double as_double = 4; sfixed64 as_int = 6; }
  }
  message HistogramPoint {
    repeated KeyValue attributes = 9;
    fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
    fixed64 count = 4; optional double sum = 5;
    repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7;
    repeated Exemplar exemplars = 8;
  }
  message Exemplar {
    fixed64 time_unix_nano = 2; bytes span_id = 4; bytes trace_id = 5;
    oneof value { double as_double = 3; sfixed64 as_int = 6; }
  }
  message KeyValue { string key = 1; Value value = 2; }
  message Value {
    oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; }
  }
`);

const Request = root.lookupType('Request');

/** As OTLP/JSON has it, but for ids, which are base64. */
export function decodeMetrics(bytes: Uint8Array): unknown {
  return Request.toObject(Request.decode(bytes), { longs: String, bytes: String });
}
