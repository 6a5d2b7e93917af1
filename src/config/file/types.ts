/** The types of the configuration as the stages see it: everything filled in, units as named. */
import type { ValueOf, ValueSource } from './schema.ts';
import type { capture, limits, link, telemetry } from './sections/agent.ts';
import type { objectQueue, packing, retryOnFailure, spool } from './sections/delivery.ts';
import type { eventStoreSchema } from './sections/event-stores.ts';
import type { otel, sampling } from './sections/otel.ts';
import type { redaction, redactionRule } from './sections/redaction.ts';
import type { root } from './sections/root.ts';
import type { objectStoreSchema, services } from './sections/services.ts';

import type { pluginSchema, rulekit, stackSchema } from './sections/stacks.ts';
import type { tags, tap } from './sections/tap.ts';

export type { ValueSource };

export type Config = ValueOf<typeof root>;

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

export type StackConfig = ValueOf<typeof stackSchema>;
export type PluginConfig = ValueOf<typeof pluginSchema>;
export type HttpCaptureConfig = Extract<PluginConfig, { type: 'http_capture' }>['config'];
export type CaptureRuleConfig = HttpCaptureConfig['rules'][number];
export type MacroConfig = ValueOf<typeof rulekit>['macros'][number];
export type TapConfig = ValueOf<typeof tap>;
export type TagConfig = ValueOf<typeof tags>[number];

export type OtelConfig = ValueOf<typeof otel>;
export type SamplingConfig = ValueOf<typeof sampling>;
export type RedactionConfig = ValueOf<typeof redaction>;
export type RedactionRuleConfig = ValueOf<typeof redactionRule>;

export type CaptureConfig = ValueOf<typeof capture>;
export type LinkConfig = ValueOf<typeof link>;
export type LimitsConfig = ValueOf<typeof limits>;
export type TelemetryConfig = ValueOf<typeof telemetry>;
