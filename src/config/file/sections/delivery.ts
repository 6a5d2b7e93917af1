/** Queue, retry and spool of everything that sends: named as in a Collector's exporters. */
import { limits } from '../../limits.ts';
import {
  boolean,
  bytes,
  duration,
  integer,
  object,
  optional,
  section,
  text,
  withDefault,
} from '../schema.ts';
import { GIB, KIB, MIB, TIB } from '../units.ts';
import { absolutePath, storeId } from './text.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NO_STORAGE = 'what waits is kept by the section `spool`';

/** Full jitter: each delay is random between 0 and a bound that doubles. */
export function retryOnFailure(elapsedMs: number, elapsedMaxMs = 7 * 24 * HOUR_MS) {
  return object(
    {
      enabled: withDefault(boolean(), true, 'Offer again what a receiver could not take.'),
      initialIntervalMs: withDefault(
        duration(1, MINUTE_MS),
        500,
        'Bound of the first delay; it doubles each time.',
      ),
      maxIntervalMs: withDefault(duration(1, HOUR_MS), 5_000, 'Bound of every later delay.'),
      maxElapsedTimeMs: withDefault(
        duration(1, elapsedMaxMs),
        elapsedMs,
        'After that it is given up, and counted.',
      ),
    },
    {
      unsupported: {
        multiplier: 'delays double',
        randomization_factor: 'delays are random between 0 and their bound (full jitter)',
      },
    },
  );
}

/** What waits on disk while the receiver is away; survives restarts. Mode 0600. */
export function spool(directory: string, maxBytes: number) {
  return object({
    enabled: withDefault(boolean(), true, 'Keep on disk what does not fit into memory.'),
    directory: withDefault(absolutePath(), directory, 'Created with mode 0700 when it is missing.'),
    maxBytes: withDefault(
      bytes(MIB, TIB),
      maxBytes,
      'Beyond it the newest is dropped, and counted.',
    ),
    fsync: withDefault(
      boolean(),
      false,
      'Survive a power failure too, not only the end of the process.',
    ),
  });
}

/** Spans that wait in memory. */
export const sendingQueue = object(
  {
    queueSize: withDefault(
      integer(1, 2 ** 24),
      limits.exportQueueSpansMax,
      'Spans that wait at most; more are dropped, and counted.',
    ),
    numConsumers: withDefault(
      integer(1, 64),
      limits.exportRequestsMax,
      'Requests under way at once.',
    ),
    batch: section(
      object(
        {
          flushTimeoutMs: withDefault(
            duration(0, MINUTE_MS),
            1_000,
            'A batch that is not full leaves after this time.',
          ),
          maxSize: withDefault(
            integer(1, limits.exportBatchSpansMax),
            limits.exportBatchSpansMax,
            'Spans in one request at most.',
          ),
        },
        { unsupported: { min_size: 'a batch leaves when it is full or after flush_timeout' } },
      ),
      'When requests leave.',
    ),
  },
  {
    unsupported: {
      enabled: 'there is always a queue',
      storage: NO_STORAGE,
      sizer: 'queue_size and max_size count spans',
      block_on_overflow:
        'capture never waits; what does not fit is spooled or dropped, and counted',
      wait_for_result: 'capture never waits',
    },
  },
);

/** Objects that wait in memory to be written. */
const objectQueue = object(
  {
    queueBytes: withDefault(
      bytes(MIB, 16 * GIB),
      limits.storeQueueBytesMax,
      'Bytes that wait in memory at most; more go to the spool.',
    ),
    numConsumers: withDefault(integer(1, 64), limits.storeRequestsMax, 'Writes under way at once.'),
  },
  {
    unsupported: {
      enabled: 'there is always a queue',
      storage: NO_STORAGE,
      sizer: 'queue_size is bytes',
    },
  },
);

/** Small objects stored together; a reference names the object and the range in it. */
const packing = object({
  enabled: withDefault(
    boolean(),
    false,
    'Write small bodies and records into common objects; equal bodies are then stored again.',
  ),
  maxObjectBytes: withDefault(
    bytes(1, 64 * MIB),
    64 * KIB,
    'Larger ones are stored by themselves.',
  ),
  segmentBytes: withDefault(
    bytes(64 * KIB, GIB),
    8 * MIB,
    'A common object is finished when it has this size.',
  ),
  maxDelayMs: withDefault(duration(100, HOUR_MS), 30_000, 'Or after this time.'),
});

const eventStoreReference = object({
  id: optional(
    text('the id of an event store'),
    'The event store that gets the note about each object; the first when left out.',
  ),
  disabled: withDefault(boolean(), false, 'Send no such notes.'),
});

export const eventStoreField = section(
  eventStoreReference,
  'Where a note about each stored object goes.',
);

/** Of every store that keeps objects under keys. */
export const objectStoreFields = {
  id: storeId,
  prefix: withDefault(
    text('a key prefix without slashes at its ends', { pattern: /^$|^[^/]+(\/[^/]+)*$/ }),
    '',
    'Put before `<yyyy>/<mm>/<dd>/...` of every key.',
  ),
  accessUrl: optional(
    text('a URL template', { pattern: /./ }),
    'URL for people; `{{SCHEME}}`, `{{ENDPOINT}}`, `{{BUCKET}}`, `{{DIGEST}}` (the whole key) and `{{SHA256}}` are filled in.',
  ),
  packing: section(packing, 'Storing small objects together.'),
  sendingQueue: section(objectQueue, 'Objects that wait in memory.'),
  retryOnFailure: section(retryOnFailure(limits.storeRetryMs), 'When a write failed.'),
  eventStore: eventStoreField,
} as const;
