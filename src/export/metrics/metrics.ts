/**
 * Everything that is counted, for everyone who reads it: the agent's own counters, and the
 * exchanges of the services that it observes.
 */

import { within } from '../../spool/rest.ts';
import type { Counters } from '../../telemetry/counters.ts';
import { AgentMetrics, agentResource } from './agent-metrics.ts';
import { HttpMetrics, type HttpMetricsOptions } from './http-metrics.ts';
import { Deltas } from './otlp/deltas.ts';
import type { MetricPush } from './otlp/push.ts';
import { type OpenEndpoint, openReaders, type ReaderParts, type Wanted } from './readers.ts';

export interface MetricsParts
  extends Omit<ReaderParts, 'sources' | 'deltas'>,
    Pick<HttpMetricsOptions, 'resourceOf' | 'knownMethods'> {
  readonly version: string;
  /** Of all threads, at the moment; `counters` are this thread's. */
  readonly allCounters: () => Counters;
}

interface Readers {
  readonly pushes: readonly MetricPush[];
  readonly endpoint: OpenEndpoint | undefined;
}

/** A receiver that is silent is not waited for. */
const STOP_DEADLINE_MS = 2_000;

export class Metrics {
  readonly #http: HttpMetrics;
  readonly #parts: ReaderParts;
  #readers: Readers = { pushes: [], endpoint: undefined };

  private constructor(http: HttpMetrics, parts: ReaderParts) {
    this.#http = http;
    this.#parts = parts;
  }

  /** @throws AgentError when the settings are wrong or the endpoint that was asked for is taken */
  static async start(wanted: Wanted, parts: MetricsParts): Promise<Metrics> {
    const { version, allCounters, clock } = parts;
    const http = new HttpMetrics(parts);
    const own = new AgentMetrics(
      agentResource(wanted.env, version),
      allCounters,
      clock.unixNowNs(),
    );
    const deltas = { otlp: new Deltas(), console: new Deltas() };
    const metrics = new Metrics(http, { ...parts, deltas, sources: [own, http] });
    await metrics.reconfigure(wanted);
    return metrics;
  }

  /** Counts exchanges; undefined when nobody would read it. Ask again after `reconfigure`. */
  get http(): HttpMetrics | undefined {
    const { pushes, endpoint } = this.#readers;
    return pushes.length > 0 || endpoint !== undefined ? this.#http : undefined;
  }

  /** Port of the endpoint; undefined when there is none. */
  get port(): number | undefined {
    return this.#readers.endpoint?.server.port;
  }

  /**
   * Other settings for the same counts. Those who read so far get what there is, then go.
   * @throws AgentError as `start`; then everything stays as it is
   */
  async reconfigure(wanted: Wanted): Promise<void> {
    const before = this.#readers;
    const { endpoint, startPushes } = await openReaders(wanted, this.#parts, before.endpoint);
    const isKept = endpoint === before.endpoint;
    await close(isKept ? { ...before, endpoint: undefined } : before);
    this.#readers = { endpoint, pushes: startPushes() };
  }

  /** Sends the last values and ends the endpoint; waits for a silent receiver only so long. */
  async stop(): Promise<void> {
    const readers = this.#readers;
    this.#readers = { pushes: [], endpoint: undefined };
    await close(readers);
  }
}

async function close({ pushes, endpoint }: Readers): Promise<void> {
  const ends = [...pushes.map((push) => push.stop()), endpoint?.server.close()];
  await within(STOP_DEADLINE_MS, Promise.allSettled(ends));
}
