/**
 * The request as OTLP/JSON: ids in hex, 64-bit integers as strings, enums as numbers
 * (opentelemetry-proto docs/specification.md, "JSON Protobuf Encoding"). Meant for collectors that
 * take nothing else; it costs several times what protobuf does.
 */
import { VERSION } from '../../config/version.ts';
import { U32, U32_COLUMNS } from '../../handoff/layout.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { Rows } from '../rows.ts';
import type { SpanDescriber } from '../span.ts';
import { toAttributes, toKeyValues } from './json-attributes.ts';
import type { RequestBuilder } from './request.ts';
import { type Resources, SCOPE_NAME } from './resource.ts';
import { type SpanObject, SpanObjects } from './span-object.ts';

/** Around a resource and its spans. */
const FRAME_BYTES = 256;

export class JsonRequest implements RequestBuilder {
  readonly #objects: SpanObjects;
  readonly #resources: Resources;
  readonly #spans: { readonly process: number; readonly json: string; readonly bytes: number }[] =
    [];
  #spansBytes = 0;

  constructor(resources: Resources, attributeBytesMax: number, counters: Counters) {
    this.#resources = resources;
    this.#objects = new SpanObjects(attributeBytesMax, counters);
  }

  get spans(): number {
    return this.#spans.length;
  }

  get bytes(): number {
    return this.#spansBytes;
  }

  add(rows: Rows, index: number, describer: SpanDescriber): void {
    describer.describe(rows, index, this.#objects);
    const process = rows.u32[index * U32_COLUMNS + U32.process];
    const json = JSON.stringify(toJson(this.#objects.span));
    const isNew = !this.#spans.some((span) => span.process === process);
    const bytes = Buffer.byteLength(json) + 1 + (isNew ? this.#frameBytes(process) : 0);
    this.#spans.push({ process, json, bytes });
    this.#spansBytes += bytes;
  }

  undoTo(spans: number): void {
    for (const span of this.#spans.splice(spans)) this.#spansBytes -= span.bytes;
  }

  seal(): Uint8Array {
    const byProcess = Map.groupBy(this.#spans, (span) => span.process);
    const resourceSpans = [...byProcess].map(([process, spans]) => {
      const resource = JSON.stringify(this.#resource(process));
      const scope = JSON.stringify({ name: SCOPE_NAME, version: VERSION });
      const list = spans.map((span) => span.json).join(',');
      return `{"resource":${resource},"scopeSpans":[{"scope":${scope},"spans":[${list}]}]}`;
    });
    this.undoTo(0);
    return Buffer.from(`{"resourceSpans":[${resourceSpans.join(',')}]}`);
  }

  /** Strings made it; there is no buffer to be filled. */
  reuse(): void {}

  #resource(process: number): unknown {
    const { attributes } = this.#resources.get(process).info;
    return { attributes: toAttributes(attributes) };
  }

  #frameBytes(process: number): number {
    return FRAME_BYTES + Buffer.byteLength(JSON.stringify(this.#resource(process)));
  }
}

function toJson(span: SpanObject): unknown {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.traceState === '' ? {} : { traceState: span.traceState }),
    ...(span.parentSpanId === '' ? {} : { parentSpanId: span.parentSpanId }),
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: String(span.startNs),
    endTimeUnixNano: String(span.endNs),
    attributes: toKeyValues(span.attributes),
    droppedAttributesCount: span.droppedAttributes,
    links: span.links.map((link) => ({ ...link, attributes: [] })),
    status: { code: span.status },
    flags: span.flags,
  };
}
