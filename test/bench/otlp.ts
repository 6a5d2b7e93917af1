/**
 * A decoder for OTLP/protobuf trace requests that reads only what the benchmarks ask: fast enough
 * to count at any rate that the agent reaches. Independent of the agent's encoder on purpose.
 *
 * Wire format: opentelemetry/proto/collector/trace/v1/trace_service.proto and trace/v1/trace.proto.
 */

export const SERVER = 2;
export const CLIENT = 3;

/** Of one span, what a link is checked with. Ids are 8 bytes as a latin1 string, '' for none. */
export interface BenchSpan {
  spanId: string;
  parentId: string;
  kind: number;
  /** Unix time, ns (to 256 ns). */
  startNs: number;
  endNs: number;
  localPort: number;
  peerPort: number;
  /** Ordinal of the exchange on its connection; 0 when the span does not say. */
  exchange: number;
  tier: string;
  confidence: number;
  resendCount: number;
  status: number;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Walks the fields of one message; `value` holds varints and fixed64, [start, end) the rest. */
class Fields {
  readonly bytes: Buffer;
  at: number;
  end: number;
  field = 0;
  wire = 0;
  value = 0;
  start = 0;

  constructor(bytes: Buffer, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  next(): boolean {
    if (this.at >= this.end) return false;
    const tag = this.#varint();
    this.field = tag >>> 3;
    this.wire = tag & 7;
    if (this.wire === VARINT) this.value = this.#varint();
    else if (this.wire === BYTES) this.#skip(this.#varint());
    else if (this.wire === FIXED64) {
      this.value =
        this.bytes.readUInt32LE(this.at + 4) * 2 ** 32 + this.bytes.readUInt32LE(this.at);
      this.at += 8;
    } else if (this.wire === FIXED32) this.#skip(4);
    else throw new Error(`wire type ${this.wire} at byte ${this.at}`);
    return true;
  }

  /** A walker over the message that this field holds. */
  inner(): Fields {
    return new Fields(this.bytes, this.start, this.at);
  }

  text(): string {
    return this.bytes.toString('latin1', this.start, this.at);
  }

  #skip(lenBytes: number): void {
    this.start = this.at;
    this.at += lenBytes;
    if (this.at > this.end) throw new Error(`a field ends beyond its message, byte ${this.start}`);
  }

  #varint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new Error('the message ends inside a number');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  }
}

/** Calls `visit` with the walker standing on each span of the request. */
function eachSpan(body: Buffer, visit: (request: Fields) => void): void {
  const request = new Fields(body, 0, body.length);
  while (request.next()) {
    if (request.field !== 1) continue;
    const resource = request.inner();
    while (resource.next()) {
      if (resource.field !== 2) continue;
      const scope = resource.inner();
      while (scope.next()) if (scope.field === 2) visit(scope);
    }
  }
}

/** Spans in one ExportTraceServiceRequest. */
export function countSpans(body: Buffer): number {
  let count = 0;
  eachSpan(body, () => count++);
  return count;
}

/** Decodes one ExportTraceServiceRequest; throws when it is not one. */
export function decodeSpans(body: Buffer): BenchSpan[] {
  const spans: BenchSpan[] = [];
  eachSpan(body, (field) => spans.push(decodeSpan(field.inner())));
  return spans;
}

function decodeSpan(fields: Fields): BenchSpan {
  const span: BenchSpan = {
    spanId: '',
    parentId: '',
    kind: 0,
    startNs: 0,
    endNs: 0,
    localPort: 0,
    peerPort: 0,
    exchange: 0,
    tier: 'none',
    confidence: 0,
    resendCount: 0,
    status: 0,
  };
  while (fields.next()) {
    switch (fields.field) {
      case 2:
        span.spanId = fields.text();
        break;
      case 4:
        span.parentId = fields.text();
        break;
      case 6:
        span.kind = fields.value;
        break;
      case 7:
        span.startNs = fields.value;
        break;
      case 8:
        span.endNs = fields.value;
        break;
      case 9:
        decodeAttribute(span, fields.inner());
        break;
    }
  }
  return span;
}

/** KeyValue { key = 1; value = 2 }. */
function decodeAttribute(span: BenchSpan, fields: Fields): void {
  let key = '';
  while (fields.next()) {
    if (fields.field === 1) key = fields.text();
    else if (fields.field === 2) applyAttribute(span, key, fields.inner());
  }
}

/** AnyValue { string = 1; bool = 2; int = 3; double = 4; ... }. */
function applyAttribute(span: BenchSpan, key: string, value: Fields): void {
  if (!value.next()) return;
  switch (key) {
    case 'network.local.port':
      span.localPort = value.value;
      break;
    case 'network.peer.port':
      span.peerPort = value.value;
      break;
    case 'spantap.connection.exchange':
      span.exchange = value.value;
      break;
    case 'spantap.link.tier':
      span.tier = value.text();
      break;
    case 'spantap.link.confidence':
      span.confidence =
        value.wire === FIXED64 ? value.bytes.readDoubleLE(value.at - 8) : value.value;
      break;
    case 'http.request.resend_count':
      span.resendCount = value.value;
      break;
    case 'http.response.status_code':
      span.status = value.value;
      break;
  }
}
