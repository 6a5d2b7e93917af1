/** Values that must not come out of the agent, one for each place where a secret can be. */

/** Long enough not to occur by chance; the place says who leaked. */
export function canary(place: string): string {
  return `canary-${place}-q7zk`;
}

/** Covered by the pattern of the configuration wherever it stands. */
export function card(number: number): string {
  return `4111-1111-1111-${number}`;
}

export const CLIENT_ADDRESS = '203.0.113.77';
export const FORWARDED_ADDRESS = '203.0.113.78';

/** In requests. Each place is covered by the defaults or by a rule of `configOf`. */
export const REQUEST_PLACES = [
  'authorization',
  'cookie',
  'proxy-authorization',
  'api-key',
  'custom-header',
  'dropped-header',
  'hashed-header',
  'folded-header',
  'spaced-header',
  'late-header',
  'query-default',
  'query-escaped',
  'query-custom',
  'query-semicolon',
  'query-nested',
  'query-url-user',
  'path-url-user',
  'forwarded-user',
  'target-fragment',
  'target-user',
  'target-password',
  'host-user',
  'referer-user',
  'referer-query',
  'referer-fragment',
  'json',
  'json-deep',
  'json-gzip',
  'json-split',
  'json-untyped',
  'json-as-form',
  'json-as-html',
  'json-mark',
  'json-escaped-key',
  'json-twice',
  'json-brotli',
  'json-zstd',
  'json-part',
  'json-invalid',
  'json-retried',
  'form',
  'form-plus',
  'form-semicolon',
  'multipart',
  'trailer',
] as const;

/** In what backends answer. */
export const RESPONSE_PLACES = [
  'set-cookie',
  'location-user',
  'location-query',
  'location-fragment',
  'location-relative',
  'answer-header',
  'answer-json',
  'answer-gzip',
  'answer-error',
  'answer-long',
  'answer-stream',
  'answer-html',
] as const;

/** Covered without any rule. */
export const DEFAULT_PLACES = [
  'authorization',
  'cookie',
  'proxy-authorization',
  'api-key',
  'spaced-header',
  'late-header',
  'query-default',
  'query-escaped',
  'query-url-user',
  'path-url-user',
  'forwarded-user',
  'target-fragment',
  'target-user',
  'target-password',
  'host-user',
  'referer-user',
  'referer-fragment',
  'set-cookie',
  'location-user',
  'location-fragment',
  'location-relative',
] as const;

/** Only a pattern finds them. */
export const CARDS = {
  path: card(2001),
  escapedPath: card(2002),
  query: card(2003),
  header: card(2004),
  userAgent: card(2005),
  host: card(2006),
  tracestate: card(2007),
  requestId: card(2008),
  text: card(2009),
  escapedJson: card(2010),
  reason: card(2011),
  disposition: card(2012),
  answer: card(2013),
  long: card(2014),
} as const;

/** `qtap.yaml` with every output there is, and rules for all places, with or without a pattern. */
export function configOf(objectStore: string, telemetryPort: number, hasPattern: boolean): string {
  return `version: 2
telemetry: { endpoint: '127.0.0.1:${telemetryPort}', logs: { level: debug } }
limits: { body_size: ${hasPattern ? '1MiB' : '64KiB'} }
otel: { spool: { enabled: false } }
services:
  event_stores: [{ type: stdout }]
  object_stores:
    - ${objectStore}
stacks:
  everything:
    plugins:
      - type: http_capture
        config:
          level: full
          format: json
          rules:
            - { name: text, expr: 'http.req.headers["x-format"] == "text"', level: full, format: text }
      - { type: access_logs, config: { mode: full, format: json } }
      - { type: access_logs, config: { mode: full, format: console } }
      - { type: report_usage }
      - { type: http_metrics }
tap:
  http: { stack: everything }
redaction:
  rules:
    - { type: header, name: X-Custom }
    - { type: header, name: x-dropped, action: drop }
    - { type: header, name: x-hashed, action: hash }
    - { type: header, name: x-forwarded-for, action: ${hasPattern ? 'mask' : 'hash'} }
    - { type: header, name: forwarded }
    - { type: query, name: token }
    - { type: json, path: $..pin }
    - { type: json, path: '$.user["pass word"]', action: drop }
    - { type: form, name: password }
    - { type: form, name: pass word }
${hasPattern ? `    - { type: regex, pattern: '\\b4111-1111-1111-\\d{4}\\b' }` : ''}
`;
}
