/** Options of stores as the configuration would fill them in, and a log that remembers. */
import { join } from 'node:path';
import type { FileStoreOptions, S3StoreOptions } from '../../src/store/options.ts';
import type { StoreLog } from '../../src/store/types.ts';

const DELIVERY = {
  id: undefined,
  prefix: 'tap',
  accessUrl: undefined,
  packing: { enabled: false, maxObjectBytes: 65_536, segmentBytes: 8_388_608, maxDelayMs: 30_000 },
  sendingQueue: { queueBytes: 64 * 1024 * 1024, numConsumers: 8 },
  retryOnFailure: {
    enabled: true,
    initialIntervalMs: 20,
    maxIntervalMs: 200,
    maxElapsedTimeMs: 86_400_000,
  },
};

export function fileOptions(folder: string, more: Partial<FileStoreOptions> = {}) {
  const directory = join(folder, 'objects');
  const maxBytes = 10 * 1024 * 1024 * 1024;
  return { type: 'file', directory, maxBytes, ...DELIVERY, ...more } satisfies FileStoreOptions;
}

export function s3Options(folder: string, more: Partial<S3StoreOptions> = {}): S3StoreOptions {
  return {
    type: 's3',
    bucket: 'bodies',
    endpoint: 's3.amazonaws.com',
    region: 'us-east-1',
    accessKey: undefined,
    secretKey: undefined,
    sessionToken: undefined,
    insecure: true,
    addressing: 'auto',
    tls: { caFile: undefined, insecureSkipVerify: false },
    sse: undefined,
    tags: {},
    storageClass: undefined,
    ifNoneMatch: 'auto',
    spool: {
      enabled: true,
      directory: join(folder, 'spool'),
      maxBytes: 64 * 1024 * 1024,
      fsync: false,
    },
    ...DELIVERY,
    ...more,
  };
}

export class Lines implements StoreLog {
  readonly lines: string[] = [];
  info(message: string): void {
    this.lines.push(`info ${message}`);
  }
  warn(message: string): void {
    this.lines.push(`warn ${message}`);
  }
}
