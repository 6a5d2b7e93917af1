/** `services`: where connection events and captured exchanges go. */
import { bytes, list, object, variant, withDefault } from '../schema.ts';
import { GIB, MIB, TIB } from '../units.ts';
import { checkAccessUrl } from './access-url.ts';
import { eventStoreField, objectStoreFields } from './delivery.ts';
import { eventStoreSchema } from './event-stores.ts';
import { s3 } from './s3.ts';
import { absolutePath, QPOINT_SERVICE, storeId } from './text.ts';

export const objectStoreSchema = variant(
  'type',
  {
    stdout: {
      doc: 'Records on standard output, as text or JSON, with their bodies.',
      object: object({ id: storeId, eventStore: eventStoreField }),
    },
    file: {
      doc: 'Records and bodies as files below a directory.',
      object: object(
        {
          directory: withDefault(
            absolutePath(),
            '/var/lib/spantap/objects',
            'Created with mode 0700 when it is missing.',
          ),
          maxBytes: withDefault(
            bytes(MIB, 1024 * TIB),
            10 * GIB,
            'Beyond it nothing more is written, and that is counted.',
          ),
          ...objectStoreFields,
        },
        { check: ({ accessUrl }, report) => checkAccessUrl(accessUrl, report) },
      ),
    },
    s3: { doc: 'Any server that speaks S3.', object: s3 },
    disabled: { doc: 'Nowhere.', object: object({ id: storeId, eventStore: eventStoreField }) },
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
