/**
 * What a user says about object stores: the shapes of `services.object_stores` with everything
 * filled in. The configuration file's own types fit them.
 */
import type { SpoolFolderOptions } from '../spool/open.ts';

export interface Secret {
  readonly value: string;
}

export interface QueueOptions {
  /** Bytes that wait in memory. */
  readonly queueBytes: number;
  /** Writes under way at once. */
  readonly numConsumers: number;
}

export interface RetryOptions {
  readonly enabled: boolean;
  readonly initialIntervalMs: number;
  readonly maxIntervalMs: number;
  readonly maxElapsedTimeMs: number;
}

export interface PackingOptions {
  readonly enabled: boolean;
  /** Larger objects are stored by themselves. */
  readonly maxObjectBytes: number;
  /** A pack is finished at this size, or after this time. */
  readonly segmentBytes: number;
  readonly maxDelayMs: number;
}

interface DeliveryOptions {
  readonly id: string | undefined;
  readonly prefix: string;
  readonly accessUrl: string | undefined;
  readonly packing: PackingOptions;
  readonly sendingQueue: QueueOptions;
  readonly retryOnFailure: RetryOptions;
}

export interface FileStoreOptions extends DeliveryOptions {
  readonly type: 'file';
  readonly directory: string;
  readonly maxBytes: number;
}

export interface S3StoreOptions extends DeliveryOptions {
  readonly type: 's3';
  readonly bucket: string;
  /** Host, host:port. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: Secret | undefined;
  readonly secretKey: Secret | undefined;
  readonly sessionToken: Secret | undefined;
  readonly insecure: boolean;
  readonly addressing: 'auto' | 'path' | 'virtual';
  readonly tls: { readonly caFile: string | undefined; readonly insecureSkipVerify: boolean };
  readonly sse:
    | {
        readonly type: 'AES256' | 'aws:kms' | 'aws:kms:dsse';
        readonly kmsKeyId: string | undefined;
        readonly bucketKey: boolean;
      }
    | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly storageClass: string | undefined;
  readonly ifNoneMatch: 'auto' | 'never';
  readonly spool: SpoolFolderOptions;
}

export interface StdoutStoreOptions {
  readonly type: 'stdout';
  readonly id: string | undefined;
}

export interface DisabledStoreOptions {
  readonly type: 'disabled';
  readonly id: string | undefined;
}

export type ObjectStoreOptions =
  | StdoutStoreOptions
  | FileStoreOptions
  | S3StoreOptions
  | DisabledStoreOptions;
