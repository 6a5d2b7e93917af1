/** The object store of type s3. */
import { limits } from '../../limits.ts';
import {
  boolean,
  map,
  object,
  optional,
  required,
  section,
  source,
  text,
  withDefault,
  word,
} from '../schema.ts';
import { checkAccessUrl } from './access-url.ts';
import { objectStoreFields, spool } from './delivery.ts';
import { absolutePath } from './text.ts';
import { trust } from './tls.ts';

export const s3 = object(
  {
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
    tls: section(object(trust(absolutePath())), 'Who is trusted.'),
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
    ...objectStoreFields,
    spool: section(
      spool('/var/lib/spantap/spool/s3', limits.storeSpoolBytesMax),
      'Objects that wait on disk while the server is away.',
    ),
  },
  {
    check: ({ accessKey, secretKey, sessionToken, bucket, accessUrl }, report) => {
      checkAccessUrl(accessUrl, report);
      for (const [key, given] of [
        ['access_key', accessKey],
        ['secret_key', secretKey],
      ] as const) {
        if (given?.type !== 'text' || given.value !== '') continue;
        report('error', key, `${key} is empty`, 'give both, or none for the usual AWS sources');
      }
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
