/** Builders of what the stage before hands over. */
import type {
  BodyInput,
  HeaderList,
  RecordInput,
  RequestInput,
  ResponseInput,
} from '../../src/store/record-input.ts';

export function bodyOf(content: string | Uint8Array, more: Partial<BodyInput> = {}): BodyInput {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return {
    bytes,
    lenBytes: bytes.length,
    isTruncated: false,
    isRedacted: false,
    sha256: undefined,
    wholeSha256: undefined,
    isLenInexact: false,
    ...more,
  };
}

export function requestOf(
  method: string,
  url: string,
  headers: HeaderList = [],
  more: Partial<RequestInput> = {},
): RequestInput {
  const { protocol, pathname, search, host } = new URL(url);
  return {
    method,
    url,
    scheme: protocol.slice(0, -1),
    path: pathname + search,
    authority: host,
    protocol: 'http1',
    userAgent: headerOf(headers, 'user-agent'),
    headers,
    body: undefined,
    bodyBytes: more.body?.lenBytes ?? 0,
    contentType: headerOf(headers, 'content-type'),
    ...more,
  };
}

export function responseOf(
  status: number,
  headers: HeaderList = [],
  more: Partial<ResponseInput> = {},
): ResponseInput {
  const contentType = headerOf(headers, 'content-type');
  const bodyBytes = more.body?.lenBytes ?? 0;
  return { status, headers, body: undefined, bodyBytes, contentType, ...more };
}

function headerOf(headers: HeaderList, name: string): string | undefined {
  return headers.find(([each]) => each.toLowerCase() === name)?.[1];
}

export function inputOf(
  request: RequestInput,
  response: ResponseInput | undefined,
  more: Partial<RecordInput> = {},
): RecordInput {
  return {
    level: 'full',
    traceId: '',
    spanId: '',
    parentSpanId: '',
    linkTier: 'none',
    linkConfidence: 0,
    direction: 'ingress',
    startMs: Date.UTC(2026, 10, 21, 12),
    durationMs: 12,
    ttfbMs: undefined,
    end: 'complete',
    hasLoss: false,
    process: {
      pid: 987,
      exe: '/usr/sbin/haproxy',
      name: 'haproxy',
      container: { name: 'haproxy-demo', image: 'haproxy:2.9' },
      pod: undefined,
    },
    connectionId: 'c1',
    local: '',
    peer: '',
    endpointId: 'localhost',
    requestId: '',
    tags: [],
    request,
    response,
    changes: undefined,
    changeLines: [],
    ...more,
  };
}
