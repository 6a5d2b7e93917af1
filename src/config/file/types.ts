/** The types of the configuration as the stages see it: everything filled in, units as named. */
import type { ValueOf, ValueSource } from './schema.ts';
import type { objectQueue, packing, retryOnFailure, spool } from './sections/delivery.ts';
import type { eventStoreSchema, objectStoreSchema, services } from './sections/services.ts';

export type { ValueSource };

export type ServicesConfig = ValueOf<typeof services>;

export type EventStoreConfig = ValueOf<typeof eventStoreSchema>;
export type OtelEventStoreConfig = Extract<EventStoreConfig, { type: 'otel' }>;
export type FileEventStoreConfig = Extract<EventStoreConfig, { type: 'file' }>;

export type ObjectStoreConfig = ValueOf<typeof objectStoreSchema>;
export type S3StoreConfig = Extract<ObjectStoreConfig, { type: 's3' }>;
export type FileStoreConfig = Extract<ObjectStoreConfig, { type: 'file' }>;

export type PackingConfig = ValueOf<typeof packing>;
export type ObjectQueueConfig = ValueOf<typeof objectQueue>;
export type RetryConfig = ValueOf<ReturnType<typeof retryOnFailure>>;
export type SpoolConfig = ValueOf<ReturnType<typeof spool>>;
