/** The agent's parts that report connections, wired as in the agent: worker, events, stores. */
import { closeSync, openSync } from 'node:fs';
import { CaptureThread } from '../../../src/capture-thread.ts';
import type { EventStoreConfig } from '../../../src/config/file/types.ts';
import { KERNEL_DEFAULTS } from '../../../src/config/kernel-defaults.ts';
import { limits } from '../../../src/config/limits.ts';
import { VERSION } from '../../../src/config/version.ts';
import { ConnectionEvents } from '../../../src/connection-events.ts';
import { Identities } from '../../../src/discover/identity/identities.ts';
import { Inspector } from '../../../src/discover/plan.ts';
import { Watcher } from '../../../src/discover/watcher.ts';
import { EventStores } from '../../../src/event-stores.ts';
import { WallClock } from '../../../src/export/clock.ts';
import { planMessage } from '../../../src/handoff/plan-message.ts';
import { allTraffic } from '../../../src/handoff/traffic.ts';
import { StandardOutput } from '../../../src/store/standard-output.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { Lines } from '../../store/options.ts';

export interface ReportingOptions {
  readonly pids: readonly number[];
  readonly stores: readonly EventStoreConfig[];
  /** What stands for standard output. */
  readonly outputFile: string;
}

const DEADLINE_MS = 10_000;
const ignore = () => undefined;

export class ReportingAgent {
  readonly thread: CaptureThread;
  readonly stores: EventStores;
  /** Of the worker, as it sent them last. */
  workerCounters = new Counters();
  readonly #clock: WallClock;
  readonly #fd: number;

  private constructor(thread: CaptureThread, stores: EventStores, clock: WallClock, fd: number) {
    this.thread = thread;
    this.stores = stores;
    this.#clock = clock;
    this.#fd = fd;
  }

  static async start({ pids, stores: configs, outputFile }: ReportingOptions) {
    const counters = new Counters();
    const log = new Lines();
    const clock = new WallClock();
    clock.start();
    const fd = openSync(outputFile, 'w');
    const output = new StandardOutput({ bytesMax: limits.stdoutQueueBytesMax, log, fd });
    const context = { counters, log, env: {}, output, spanProtocol: 'http/protobuf' } as const;
    const stores = await EventStores.open(configs, context);
    const inspector = new Inspector(counters);
    const identities = new Identities({ inspector, version: VERSION, counters });
    const events = new ConnectionEvents({
      processOf: ({ tgid, startNs, comm }) => identities.get(tgid, startNs, comm),
      toUnixMs: (timeNs) => clock.toUnixMs(timeNs),
      // Everywhere, so that one run shows all of them.
      add: (event) => {
        for (const { id } of configs) stores.add(event, id);
      },
    });
    const processes = pids.map(String);
    const watcher = new Watcher(inspector, { processes, ports: [] }, process.pid);
    const plans = watcher.start().map((plan) => planMessage(plan));
    const options = {
      kernel: {
        watchAll: false,
        ...KERNEL_DEFAULTS,
      },
      pipeline: { ownTgid: process.pid },
      traffic: { ...allTraffic(0), reportsConnections: true },
      plans,
    };
    const thread = await CaptureThread.start(options, {
      batch: ({ batch }) => agent.thread.returnBatch(batch),
      connections: ({ reports }) => events.take(reports),
      counters: ({ values }) => {
        agent.workerCounters = new Counters(values);
      },
      process: ignore,
      appeared: ignore,
      exited: ignore,
      'own-peer': ignore,
      log: ignore,
      unavailable: ignore,
    });
    const agent = new ReportingAgent(thread, stores, clock, fd);
    return agent;
  }

  /** As the agent ends: capture first, then what it left. */
  async stop(): Promise<void> {
    await this.thread.stop();
    await this.stores.close(DEADLINE_MS);
    this.#clock.stop();
    closeSync(this.#fd);
  }
}
