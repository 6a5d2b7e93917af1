/** `services`: where connection events and captured exchanges go. */
import {
  boolean,
  bytes,
  integer,
  list,
  map,
  object,
  optional,
  required,
  section,
  source,
  text,
  variant,
  withDefault,
  word,
} from '../schema.ts';
import { eventStoreReference, objectQueue, packing, retryOnFailure, spool } from './delivery.ts';
import { absolutePath, otlpEndpoint } from './text.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const QPOINT_SERVICE = 'it belongs to the Qpoint service; spantap sends to stores of your own only';

const id = optional(text('a name'), 'Name by which plugins and object stores choose it.');
const eventStore = section(eventStoreReference, 'Where a note about each stored object goes.');
const accessUrl = optional(
  text('a URL template', { pattern: /./ }),
  'URL for people; `{{SCHEME}}`, `{{ENDPOINT}}`, `{{BUCKET}}`, `{{DIGEST}}` (the whole key) and `{{SHA256}}` are filled in.',
);
const prefix = withDefault(
  text('a key prefix without slashes at its ends', { pattern: /^$|^[^/]+(\/[^/]+)*$/ }),
  '',
  'Put before `<yyyy>/<mm>/<dd>/...` of every key.',
);
const delivery = {
  packing: section(packing, 'Storing small objects together.'),
  sendingQueue: section(objectQueue, 'Objects that wait in memory.'),
  retryOnFailure: section(retryOnFailure(24 * 3_600_000), 'When a write failed.'),
} as const;

const QTAP_TLS = object({
  enabled: withDefault(boolean(), false, 'Speak TLS although no scheme says so.'),
  insecureSkipVerify: withDefault(boolean(), false, 'Accept any certificate of the server.'),
  caFile: optional(
    absolutePath(),
    'Certificates (PEM) of the authorities to trust instead of the usual ones.',
  ),
});

export const eventStoreSchema = variant(
  'type',
  {
    stdout: { doc: 'A JSON line each on standard output.', object: object({ id }) },
    file: {
      doc: 'A JSON line each in a file (mode 0600).',
      object: object({
        id,
        path: required(absolutePath(), 'The file; older ones get `.1`, `.2` and so on.'),
        maxBytes: withDefault(
          bytes(64 * 1024, 1024 * GIB),
          100 * MIB,
          'A new file is begun at this size.',
        ),
        maxBackups: withDefault(integer(0, 1_000), 5, 'Older files that are kept.'),
      }),
    },
    otel: {
      doc: 'OTLP logs. What is left out is as in the section `otel`.',
      object: object({
        id,
        endpoint: optional(
          otlpEndpoint(true),
          '`{{NAME}}` is replaced by the environment variable NAME.',
        ),
        protocol: optional(
          word(
            {
              grpc: 'OTLP/gRPC',
              'http/protobuf': 'OTLP/HTTP, protobuf',
              'http/json': 'OTLP/HTTP, JSON',
            },
            {
              aliases: { http: 'http/protobuf' },
              unsupported: { stdout: 'use a store of type stdout' },
            },
          ),
          '`http` is another name of `http/protobuf`.',
        ),
        headers: optional(map(source(true), 'names of headers'), 'Sent with each request.'),
        serviceName: withDefault(text('a name'), 'spantap', 'The attribute service.name.'),
        environment: optional(text('a name'), 'The attribute deployment.environment.name.'),
        tls: optional(QTAP_TLS, 'TLS where the endpoint has no scheme.'),
      }),
    },
    disabled: { doc: 'Nowhere.', object: object({ id }) },
  },
  {
    axiom: 'use a store of type otel with the OTLP endpoint of Axiom',
    pulse: QPOINT_SERVICE,
    'pulse-streaming': QPOINT_SERVICE,
    'pulse-legacy': QPOINT_SERVICE,
  },
);

const s3 = object(
  {
    id,
    bucket: required(text('the name of a bucket', { pattern: /^[^/\s]+$/ }), 'It must exist.'),
    endpoint: withDefault(
      text('host or host:port, without a scheme', { pattern: /^(?!\w+:\/\/)[^/\s]+$/ }),
      's3.amazonaws.com',
      'Host of the S3 server, with `:port` where it is not the usual one.',
    ),
    region: withDefault(
      text('a region', { pattern: /^\S+$/ }),
      'us-east-1',
      'Part of the signature; must be the one of the bucket.',
    ),
    accessKey: optional(
      source(),
      'Without keys, the usual AWS sources are asked: environment, profile, web identity, container, instance.',
    ),
    secretKey: optional(source(), 'Together with `access_key`.'),
    sessionToken: optional(source(), 'Of temporary keys.'),
    insecure: withDefault(boolean(), false, 'Speak HTTP instead of HTTPS.'),
    addressing: withDefault(
      word({
        auto: 'virtual for amazonaws.com, else path',
        path: '`https://endpoint/bucket/key`',
        virtual: '`https://bucket.endpoint/key`',
      }),
      'auto',
      'How a URL names the bucket.',
    ),
    prefix,
    accessUrl,
    tls: section(
      object({
        caFile: optional(
          absolutePath(),
          'Certificates (PEM) of the authorities to trust instead of the usual ones.',
        ),
        insecureSkipVerify: withDefault(boolean(), false, 'Accept any certificate of the server.'),
      }),
      'Who is trusted.',
    ),
    sse: optional(
      object(
        {
          type: required(
            word({
              AES256: 'keys of the server',
              'aws:kms': 'keys of KMS',
              'aws:kms:dsse': 'two layers, keys of KMS',
            }),
            'The header x-amz-server-side-encryption.',
          ),
          kmsKeyId: optional(
            text('the id of a key'),
            'The key of KMS; the default key of the bucket when left out.',
          ),
          bucketKey: withDefault(boolean(), false, 'Ask KMS once for many objects.'),
        },
        {
          check: ({ type, kmsKeyId }, report) => {
            if (type !== 'AES256' || kmsKeyId === undefined) return;
            report(
              'error',
              'kms_key_id',
              'kms_key_id has no meaning for AES256',
              'use type aws:kms',
            );
          },
        },
      ),
      'Encryption by the server; the default of the bucket when left out.',
    ),
    tags: withDefault(
      map(text('text'), 'names of tags'),
      {},
      'Tags of every object, for rules of life cycle.',
    ),
    storageClass: optional(
      text('a storage class', { pattern: /^[A-Z0-9_]+$/ }),
      'Such as STANDARD_IA; the default of the bucket when left out.',
    ),
    ifNoneMatch: withDefault(
      word({
        auto: 'ask, until the server says that it cannot',
        never: 'overwrite: the content is the same',
      }),
      'auto',
      'Whether to send `If-None-Match: *` so that what is stored already is not sent again.',
    ),
    ...delivery,
    spool: section(
      spool('/var/lib/spantap/spool/s3', 4 * GIB),
      'Objects that wait on disk while the server is away.',
    ),
    eventStore,
  },
  {
    check: ({ accessKey, secretKey, sessionToken, bucket }, report) => {
      if ((accessKey === undefined) !== (secretKey === undefined)) {
        const [given, missing] =
          accessKey === undefined ? ['secret_key', 'access_key'] : ['access_key', 'secret_key'];
        report(
          'error',
          given,
          `${given} without ${missing}`,
          'give both, or none for the usual AWS sources',
        );
      } else if (sessionToken !== undefined && accessKey === undefined) {
        report('error', 'session_token', 'session_token without access_key and secret_key');
      }
      if (bucket === bucket.toLowerCase()) return;
      const hint = `S3 allows no upper-case letters in names of buckets; is it ${bucket.toLowerCase()}?`;
      report('warning', 'bucket', `bucket ${bucket} has upper-case letters`, hint);
    },
    unsupported: {
      force_path_style: 'the key is addressing: path',
      path_style: 'the key is addressing: path',
      s3_bucket: 'the key is bucket',
      s3_prefix: 'the key is prefix',
    },
  },
);

export const objectStoreSchema = variant(
  'type',
  {
    stdout: {
      doc: 'Records on standard output, as text or JSON, with their bodies.',
      object: object({ id, eventStore }),
    },
    file: {
      doc: 'Records and bodies as files below a directory.',
      object: object({
        id,
        directory: withDefault(
          absolutePath(),
          '/var/lib/spantap/objects',
          'Created with mode 0700 when it is missing.',
        ),
        prefix,
        accessUrl,
        maxBytes: withDefault(
          bytes(MIB, 1024 * 1024 * GIB),
          10 * GIB,
          'Beyond it nothing more is written, and that is counted.',
        ),
        ...delivery,
        eventStore,
      }),
    },
    s3: { doc: 'Any server that speaks S3.', object: s3 },
    disabled: { doc: 'Nowhere.', object: object({ id, eventStore }) },
  },
  {
    otel: 'spantap sends spans over OTLP (section otel); records and bodies go to stdout, file or s3',
    qpoint: QPOINT_SERVICE,
  },
);

export const services = object(
  {
    eventStores: withDefault(
      list(eventStoreSchema),
      [],
      'Where connection events go; the first is the default, none: nowhere.',
    ),
    objectStores: withDefault(
      list(objectStoreSchema),
      [],
      'Where records and bodies go; the first is the default, none: nowhere.',
    ),
  },
  {
    unsupported: {
      event_store: 'the key is event_stores, a list',
      object_store: 'the key is object_stores, a list',
      qscan: 'Qtap scans payloads with it; spantap does not',
    },
    ignored: {
      qscan: { why: 'spantap has no scanner to switch off', values: ['{"type":"disabled"}'] },
    },
  },
);
