/** A described span in the shape that the stock serializer reads. */
import { type Attributes, createTraceState } from '@opentelemetry/api';
import type { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { VERSION } from '../../src/config/version.ts';
import type { SpanObject } from '../../src/export/otlp/span-object.ts';
import type { ResourceInfo } from '../../src/export/types.ts';

export type ReadableSpan = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number];

const SCOPE = { name: 'spantap', version: VERSION };
const REMOTE = 0x200;
const resources = new Map<ResourceInfo, ReadableSpan['resource']>();

export function toReadableSpan(span: SpanObject, info: ResourceInfo): ReadableSpan {
  const isRemote = (span.flags & REMOTE) !== 0;
  const traceFlags = span.flags & 0xff;
  const context = {
    traceId: span.traceId,
    spanId: span.spanId,
    traceFlags,
    ...(span.traceState === '' ? {} : { traceState: createTraceState(span.traceState) }),
  };
  const parent = { traceId: span.traceId, spanId: span.parentSpanId, traceFlags, isRemote };
  const readable = {
    name: span.name,
    kind: span.kind - 1,
    spanContext: () => context,
    // A remote flag without a parent id says nothing to the serializer, but is passed on.
    parentSpanContext: parent,
    startTime: toHrTime(span.startNs),
    endTime: toHrTime(span.endNs),
    duration: toHrTime(span.endNs - span.startNs),
    ended: true,
    status: { code: span.status },
    attributes: toAttributes(span),
    events: [],
    links: span.links.map((link) => ({
      context: { traceId: link.traceId, spanId: link.spanId, traceFlags: link.flags & 0xff },
    })),
    resource: resourceFor(info),
    instrumentationScope: SCOPE,
    droppedAttributesCount: span.droppedAttributes,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
  return readable as unknown as ReadableSpan;
}

function toAttributes(span: SpanObject): Attributes {
  return Object.fromEntries(
    span.attributes.map(([name, value]) => {
      const isDouble = typeof value === 'object' && 'double' in value;
      return [name, isDouble ? value.double : value];
    }),
  ) as Attributes;
}

/** The serializer groups by identity. */
function resourceFor(info: ResourceInfo): ReadableSpan['resource'] {
  const known = resources.get(info);
  if (known !== undefined) return known;
  const resource = { attributes: info.attributes } as unknown as ReadableSpan['resource'];
  resources.set(info, resource);
  return resource;
}

function toHrTime(ns: bigint): [number, number] {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
}
