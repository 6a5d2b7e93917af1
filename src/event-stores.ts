/**
 * The event stores of a configuration (`services.event_stores`), ready to be given events: by id,
 * the first one for everything that names none.
 */
import { hostname } from 'node:os';
import { contentsOf, contentsOfVariables } from './certificate-files.ts';
import { type Environment, variablesOf } from './config/environment.ts';
import type { EventStoreConfig, OtelEventStoreConfig } from './config/file/types.ts';
import { limits } from './config/limits.ts';
import { VERSION } from './config/version.ts';
import type { Protocol } from './export/choose.ts';
import { type LogResource, LogSink } from './export/logs/log-sink.ts';
import { createLogTransport, logProtocol } from './export/logs/receiver.ts';
import { EventFile } from './store/events/event-file.ts';
import { EventQueue, type EventQueueLimits } from './store/events/event-queue.ts';
import { StdoutEvents } from './store/events/stdout-events.ts';
import type { EventSink, EventStore, StoreEvent } from './store/events/types.ts';
import type { StandardOutput } from './store/standard-output.ts';
import type { StoreLog } from './store/types.ts';
import { StoreSet } from './store-set.ts';
import type { Counters } from './telemetry/counters.ts';

export interface EventStoreContext {
  readonly counters: Counters;
  readonly log: StoreLog;
  readonly env: Environment;
  /** Shared with whatever else prints. */
  readonly output: StandardOutput;
  /** How spans are sent, for a store that says neither endpoint nor protocol. */
  readonly spanProtocol: Protocol;
}

const QUEUES = {
  file: { delayMs: 200, failing: 'dropped.events_disk' },
  otel: { delayMs: 1_000, failing: 'dropped.events_away' },
} as const;

export class EventStores extends StoreSet<EventStore> {
  /**
   * Stores of `before` that would be the same again are taken over.
   * @throws AgentError when a file or certificates cannot be used; those that were opened are closed
   */
  static async open(
    configs: readonly EventStoreConfig[],
    context: EventStoreContext,
    before?: EventStores,
  ): Promise<EventStores> {
    const stores = new EventStores();
    try {
      for (const config of configs) {
        const key = keyOf(config, context);
        const store = before?.storeFor(key) ?? (await openEventStore(config, context));
        stores.opened.push({ key, store });
      }
    } catch (error) {
      await stores.close(0, before);
      throw error;
    }
    return stores;
  }

  /** Whether connections are to be reported at all: the first store takes them. */
  get wantsConnections(): boolean {
    return this.find(undefined) !== undefined;
  }

  /** To the store of that id, or the first. */
  add(event: StoreEvent, id?: string): void {
    this.find(id)?.add(event);
  }

  async flush(deadlineMs: number): Promise<void> {
    await Promise.all(this.opened.map(({ store }) => store.flush(deadlineMs)));
  }
}

/** What a store for logs leaves out comes from the section otel, in these words. */
function keyOf(config: EventStoreConfig, { env, spanProtocol }: EventStoreContext): unknown {
  if (config.type !== 'otel') return config;
  const certificates = [...contentsOfVariables(env), ...contentsOf([config.tls?.caFile])];
  return { config, spanProtocol, certificates, variables: variablesOf(env, 'OTEL_EXPORTER_OTLP_') };
}

async function openEventStore(
  config: EventStoreConfig,
  context: EventStoreContext,
): Promise<EventStore> {
  switch (config.type) {
    case 'disabled':
      return disabledEvents(config.id);
    case 'stdout':
      return new StdoutEvents(config.id, context.output, context.counters);
    case 'file':
      return queued(config, await EventFile.open(config), context);
    case 'otel':
      return queued(config, openLogs(config, context), context);
  }
}

function queued(
  { id, type }: Extract<EventStoreConfig, { type: 'file' | 'otel' }>,
  sink: EventSink,
  { counters, log }: EventStoreContext,
): EventStore {
  const { delayMs, failing } = QUEUES[type];
  return new EventQueue({ id, type, sink, counters, log, failing, limits: bounds(delayMs) });
}

function disabledEvents(id: string | undefined): EventStore {
  return {
    id,
    type: 'disabled',
    add: () => undefined,
    flush: async () => undefined,
    close: async () => undefined,
  };
}

function openLogs(config: OtelEventStoreConfig, context: EventStoreContext): LogSink {
  const { env, spanProtocol } = context;
  const protocol = logProtocol(config, env, spanProtocol);
  const transport = createLogTransport(config, protocol, env);
  return new LogSink(transport, protocol === 'http/json' ? 'json' : 'protobuf', resourceOf(config));
}

/** The agent is the source of these logs; whom they are about is in their attributes. */
function resourceOf({ serviceName, environment }: OtelEventStoreConfig): LogResource {
  return {
    'service.name': serviceName,
    'service.version': VERSION,
    'host.name': hostname(),
    ...(environment === undefined ? {} : { 'deployment.environment.name': environment }),
  };
}

function bounds(delayMs: number): EventQueueLimits {
  return {
    eventsMax: limits.eventQueueMax,
    bytesMax: limits.eventQueueBytesMax,
    batchEventsMax: limits.eventBatchMax,
    batchBytesMax: limits.eventBatchBytesMax,
    delayMs,
    retryMs: limits.eventRetryMs,
  };
}
