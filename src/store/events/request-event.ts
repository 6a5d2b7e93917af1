/** The plugin `report_usage`: an exchange as an event, with Qtap's keys. No bodies, no secrets. */
import { rounded } from '../record.ts';
import type { HeaderList, RecordInput } from '../record-input.ts';
import { processAttributes, processOf } from './event-process.ts';
import { filled } from './filled.ts';
import type { EventAttribute, StoreEvent } from './types.ts';

export interface UsageOptions {
  /** Added to those of the exchange. */
  readonly tags: readonly string[];
  /** Request headers whose values are added, as redaction left them. */
  readonly headers: readonly string[];
}

/** `input.request.headers` holds the headers that are asked for, whatever its level. */
export function requestEvent(input: RecordInput, options: UsageOptions): StoreEvent {
  const { request, response, startMs, durationMs = 0 } = input;
  const headers = promoted(request.headers, options.headers);
  return {
    type: 'request',
    timeMs: startMs + durationMs,
    item: filled<unknown>({
      connectionId: input.connectionId,
      endpointId: input.endpointId,
      requestId: input.requestId,
      tags: [...input.tags, ...options.tags],
      timestamp: new Date(startMs).toISOString(),
      direction: input.direction,
      url: request.url,
      path: request.path,
      method: request.method,
      status: response?.status,
      duration: rounded(input.durationMs),
      contentType: response?.contentType,
      agent: request.userAgent,
      bytesSent: request.bodyBytes,
      bytesReceived: response?.bodyBytes,
      headers: Object.keys(headers).length === 0 ? undefined : headers,
      traceId: input.traceId,
      spanId: input.spanId,
    }),
    title: `HTTP ${request.method} (${response?.status ?? input.end}) ${request.url}`,
    attributes: attributesOf(input),
    traceId: input.traceId,
    spanId: input.spanId,
  };
}

/** Under the names that were asked for; repeated fields joined (RFC 9110 5.3). */
function promoted(headers: HeaderList, names: readonly string[]): Record<string, string> {
  const valuesOf = (name: string): string | undefined => {
    const same = headers.filter(([each]) => each.toLowerCase() === name.toLowerCase());
    return same.length === 0 ? undefined : same.map(([, value]) => value).join(', ');
  };
  return filled(Object.fromEntries(names.map((name) => [name, valuesOf(name)])));
}

function attributesOf({ request, response, process }: RecordInput): Record<string, EventAttribute> {
  return {
    ...filled<EventAttribute>({
      'http.request.method': request.method,
      'http.response.status_code': response?.status,
      'url.full': request.url,
      'url.scheme': request.scheme,
      'user_agent.original': request.userAgent,
      'http.request.body.size': request.bodyBytes,
      'http.response.body.size': response?.bodyBytes,
    }),
    ...processAttributes(processOf(process)),
  };
}
