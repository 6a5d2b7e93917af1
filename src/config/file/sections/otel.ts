/** `otel` and `sampling`: which spans leave, and how. The keys are those of a Collector's exporters. */
import { limits } from '../../limits.ts';
import {
  boolean,
  duration,
  list,
  map,
  number,
  object,
  optional,
  section,
  source,
  text,
  withDefault,
  word,
} from '../schema.ts';
import { GIB } from '../units.ts';
import { retryOnFailure, sendingQueue, spool } from './delivery.ts';
import { HEADER_NAME, OTLP_PROTOCOLS, otlpEndpoint } from './text.ts';
import { clientTls } from './tls.ts';

/** Where spans wait when nobody names a directory. */
export const SPAN_SPOOL_DIRECTORY = '/var/lib/spantap/spool/otel';
const COLLECTOR = 'a Collector names exporters; here the section otel is the exporter';

const exporters = { otlp: 'over OTLP', none: 'nowhere' } as const;
const capturedHeaders = list(text('the name of a header, or *', { pattern: HEADER_NAME }));

export const otel = object(
  {
    endpoint: optional(
      otlpEndpoint(),
      'Where OTLP goes. Left out: a collector that listens on this host, else trees on the terminal.',
    ),
    tracesEndpoint: optional(otlpEndpoint(), 'Where spans go instead, the whole URL for HTTP.'),
    metricsEndpoint: optional(otlpEndpoint(), 'Where metrics go instead, the whole URL for HTTP.'),
    logsEndpoint: optional(
      otlpEndpoint(),
      'Where events of event stores of type otel go instead, the whole URL for HTTP.',
    ),
    protocol: optional(
      word(OTLP_PROTOCOLS, { aliases: { http: 'http/protobuf' } }),
      'Left out: http/protobuf, or what the collector of this host speaks.',
    ),
    headers: withDefault(
      map(source(true), 'names of headers'),
      {},
      'Sent with each request: text, or `{type: env, value: NAME}`.',
    ),
    compression: withDefault(word({ none: 'as it is', gzip: 'gzip' }), 'none', 'Of requests.'),
    timeoutMs: withDefault(duration(1, 600_000), 10_000, 'Of one request.'),
    tls: section(clientTls, 'TLS towards the receiver.'),
    retryOnFailure: section(
      retryOnFailure(limits.exportRetryMs, limits.exportRetryMs),
      'When a request failed.',
    ),
    sendingQueue: section(sendingQueue, 'Spans that wait in memory.'),
    spool: section(
      spool(SPAN_SPOOL_DIRECTORY, GIB),
      'Spans that wait on disk while the receiver is away.',
    ),
    tracesExporters: optional(
      list(word({ ...exporters, console: 'trees on the terminal' })),
      'Where spans go. Left out: otlp where there is a receiver, else console.',
    ),
    metricsExporters: optional(
      list(
        word({
          ...exporters,
          prometheus: 'telemetry.endpoint, /metrics',
          console: 'on standard output, as text for Prometheus',
        }),
      ),
      'Where metrics go. Left out: otlp where an endpoint is configured.',
    ),
    metricsIntervalMs: withDefault(
      duration(1_000, 3_600_000),
      60_000,
      'How often metrics are sent.',
    ),
    requestHeaders: withDefault(
      capturedHeaders,
      ['*'],
      'Request headers that become attributes from level details on; `*`: all. Redacted.',
    ),
    responseHeaders: withDefault(
      capturedHeaders,
      ['*'],
      'Response headers that become attributes from level details on; `*`: all. Redacted.',
    ),
    knownMethods: optional(
      list(text('a method', { pattern: HEADER_NAME }), 1),
      'Methods that are not `_OTHER`; replaces the list of the semantic conventions.',
    ),
  },
  {
    unsupported: {
      otlp: COLLECTOR,
      exporters: COLLECTOR,
      otlphttp: COLLECTOR,
      otlp_http: COLLECTOR,
      encoding: 'the key is protocol: http/protobuf or http/json',
      auth: 'give the header: headers: {authorization: {type: env, value: NAME}}',
      proxy_url: 'proxies come from the environment: HTTPS_PROXY',
    },
  },
);

export const sampling = object({
  default: withDefault(
    number(0, 1),
    1,
    'Share of the hops that are kept when no rule says otherwise.',
  ),
  maxPerSecond: optional(
    number(0, 1e9),
    'Hops that are kept in a second at most; left out: no bound.',
  ),
  parentBased: withDefault(
    boolean(),
    true,
    'Keep what the caller (traceparent) keeps and leave out what it leaves out; false where callers are not to be trusted.',
  ),
});
