/**
 * Where everything goes: spans, records and bodies, events. One object for one configuration; over a
 * reload what is left as it is stays open.
 */
import type { Environment } from './config/environment.ts';
import type { Config } from './config/file/types.ts';
import { EventStores } from './event-stores.ts';
import { type ExporterContext, type OpenedExporter, openExporter } from './exporters.ts';
import { ObjectStores } from './object-stores.ts';
import type { StandardOutput } from './store/standard-output.ts';

export interface OutletContext extends ExporterContext {
  /** Shared by records, events and access logs. */
  readonly output: StandardOutput;
}

export interface OutletInput {
  readonly config: Config;
  readonly env: Environment;
  /** Heads come without secrets. */
  readonly isRedacted: boolean;
  readonly context: OutletContext;
}

/** What can be ended, but for what its successor took over. */
interface Ending {
  close(deadlineMs: number): Promise<void>;
}

export class Outlets {
  readonly exporter: OpenedExporter;
  readonly objects: ObjectStores;
  readonly events: EventStores;

  private constructor(exporter: OpenedExporter, objects: ObjectStores, events: EventStores) {
    this.exporter = exporter;
    this.objects = objects;
    this.events = events;
  }

  /** @throws AgentError when one cannot be used; then those of `before` are as they were */
  static async open(input: OutletInput, before?: Outlets): Promise<Outlets> {
    const { config, env, isRedacted, context } = input;
    const { objectStores, eventStores } = config.services;
    const opened: Ending[] = [];
    try {
      const exporter = await openExporter(config, env, isRedacted, context, before?.exporter);
      const hasNewExporter = exporter.exporter !== before?.exporter.exporter;
      if (hasNewExporter) opened.push(exporter.exporter);
      const eventContext = { ...context, env, spanProtocol: exporter.choice.protocol };
      const events = await EventStores.open(eventStores, eventContext, before?.events);
      opened.push({ close: (deadlineMs) => events.close(deadlineMs, before?.events) });
      const objects = await ObjectStores.open(objectStores, context, before?.objects);
      return new Outlets(exporter, objects, events);
    } catch (error) {
      await Promise.all(opened.map((each) => each.close(0)));
      throw error;
    }
  }

  /** Sends and stores what waits, and ends what `next` did not take over. */
  async close(deadlineMs: number, next?: Outlets): Promise<void> {
    const { exporter } = this.exporter;
    const isTaken = next?.exporter.exporter === exporter;
    // Notes about objects are events: these end last.
    await Promise.all([
      this.objects.close(deadlineMs, next?.objects),
      isTaken ? undefined : exporter.close(deadlineMs),
    ]);
    await this.events.close(deadlineMs, next?.events);
  }
}
