/** The types of the configuration as the stages see it: everything filled in, units as named. */
import type { ValueOf, ValueSource } from './schema.ts';
import type { limits, link, telemetry } from './sections/agent.ts';
import type { spool } from './sections/delivery.ts';
import type { eventStoreSchema } from './sections/event-stores.ts';
import type { redaction } from './sections/redaction.ts';
import type { root } from './sections/root.ts';
import type { objectStoreSchema } from './sections/services.ts';
import type { pluginSchema, rulekit } from './sections/stacks.ts';
import type { tags, tap } from './sections/tap.ts';

export type { ValueSource };

export type Config = ValueOf<typeof root>;

export type EventStoreConfig = ValueOf<typeof eventStoreSchema>;
export type OtelEventStoreConfig = Extract<EventStoreConfig, { type: 'otel' }>;

export type ObjectStoreConfig = ValueOf<typeof objectStoreSchema>;

export type SpoolConfig = ValueOf<ReturnType<typeof spool>>;

export type PluginConfig = ValueOf<typeof pluginSchema>;
export type HttpCaptureConfig = Extract<PluginConfig, { type: 'http_capture' }>['config'];
export type CaptureRuleConfig = HttpCaptureConfig['rules'][number];
export type MacroConfig = ValueOf<typeof rulekit>['macros'][number];
export type TapConfig = ValueOf<typeof tap>;
export type TagConfig = ValueOf<typeof tags>[number];

export type RedactionConfig = ValueOf<typeof redaction>;

export type LinkConfig = ValueOf<typeof link>;
export type LimitsConfig = ValueOf<typeof limits>;
export type TelemetryConfig = ValueOf<typeof telemetry>;
