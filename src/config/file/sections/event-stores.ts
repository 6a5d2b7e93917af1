/** `services.event_stores`: where connection events go. */
import {
  boolean,
  bytes,
  integer,
  map,
  object,
  optional,
  required,
  source,
  text,
  variant,
  withDefault,
  word,
} from '../schema.ts';
import { KIB, MIB, TIB } from '../units.ts';
import { absolutePath, OTLP_PROTOCOLS, otlpEndpoint, QPOINT_SERVICE, storeId } from './text.ts';
import { trust } from './tls.ts';

const QTAP_TLS = object({
  enabled: withDefault(boolean(), false, 'Speak TLS although no scheme says so.'),
  ...trust(absolutePath()),
});

export const eventStoreSchema = variant(
  'type',
  {
    stdout: { doc: 'A JSON line each on standard output.', object: object({ id: storeId }) },
    file: {
      doc: 'A JSON line each in a file (mode 0600).',
      object: object({
        id: storeId,
        path: required(absolutePath(), 'The file; older ones get `.1`, `.2` and so on.'),
        maxBytes: withDefault(bytes(64 * KIB, TIB), 100 * MIB, 'A new file is begun at this size.'),
        maxBackups: withDefault(integer(0, 1_000), 5, 'Older files that are kept.'),
      }),
    },
    otel: {
      doc: 'OTLP logs. What is left out is as in the section `otel`.',
      object: object({
        id: storeId,
        endpoint: optional(
          otlpEndpoint(true),
          '`{{NAME}}` is replaced by the environment variable NAME.',
        ),
        protocol: optional(
          word(OTLP_PROTOCOLS, {
            aliases: { http: 'http/protobuf' },
            unsupported: { stdout: 'use a store of type stdout' },
          }),
          '`http` is another name of `http/protobuf`.',
        ),
        headers: optional(map(source(true), 'names of headers'), 'Sent with each request.'),
        serviceName: withDefault(text('a name'), 'spantap', 'The attribute service.name.'),
        environment: optional(text('a name'), 'The attribute deployment.environment.name.'),
        tls: optional(QTAP_TLS, 'TLS where the endpoint has no scheme.'),
      }),
    },
    disabled: { doc: 'Nowhere.', object: object({ id: storeId }) },
  },
  {
    axiom: 'use a store of type otel with the OTLP endpoint of Axiom',
    pulse: QPOINT_SERVICE,
    'pulse-streaming': QPOINT_SERVICE,
    'pulse-legacy': QPOINT_SERVICE,
  },
);
