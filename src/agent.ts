/**
 * The agent: wires the stages. Reads like the drawing in README.md:
 *
 *     bpf -> native -> capture -> protocol -> link   in the capture worker (pipeline.ts)
 *         -> rules -> store -> export                here (delivery.ts), with discovery
 */
import { BatchLine } from './batch-line.ts';
import { CaptureThread } from './capture-thread.ts';
import type { Config, LimitsConfig } from './config/file/types.ts';
import { limits } from './config/limits.ts';
import { VERSION } from './config/version.ts';
import { Delivery } from './delivery.ts';
import { Identities } from './discover/identity/identities.ts';
import type { Identity } from './discover/identity/types.ts';
import { receive } from './discover/newcomers.ts';
import { Inspector } from './discover/plan.ts';
import { readProcess } from './discover/processes.ts';
import { Containers, runtimesOf } from './discover/runtime/containers.ts';
import { Watcher, type WatchPlan } from './discover/watcher.ts';
import { WallClock } from './export/clock.ts';
import { localPorts } from './export/local-ports.ts';
import { Metrics } from './export/metrics/metrics.ts';
import type { Wanted } from './export/metrics/readers.ts';
import { readExportSettings } from './export/settings.ts';
import type { ObservedProcess } from './handoff/layout.ts';
import type {
  Appearance,
  ConnectionReport,
  OwnConnection,
  PlanMessage,
  TrafficSettings,
} from './handoff/messages.ts';
import { planMessage } from './handoff/plan-message.ts';
import { allTraffic } from './handoff/traffic.ts';
import { giveBackMemory } from './native/binding.ts';
import { watchOwnConnections } from './own-connections.ts';
import { exclusionsOf } from './process-filters.ts';
import type { PendingLimits } from './store/pending-bodies.ts';
import { StandardOutput } from './store/standard-output.ts';
import { Counters } from './telemetry/counters.ts';
import { type Log, routeDiagnostics } from './telemetry/log.ts';
import { trafficOf } from './traffic.ts';
import type { WorkerOptions } from './worker.ts';

/** What a file, the environment and flags say together. */
export interface Configured {
  readonly config: Config;
  /** With what the file says in the words of the OTEL_* variables. */
  readonly env: NodeJS.ProcessEnv;
  /** telemetry.endpoint was given: it is an error when it cannot be had. */
  readonly isEndpointAsked?: boolean;
}

export interface AgentOptions extends Configured {
  readonly log: Log;
  /** Record to a file instead of exporting. */
  readonly recording?: WorkerOptions['recording'];
}

/** Spans that are still on their way at the end get this long. */
const FLUSH_DEADLINE_MS = 5_000;
const RESCAN_INTERVAL_MS = 3_000;
/** Between two looks into processes whose structures are not known yet. */
const LOOK_INTERVAL_MS = 1_000;
/** After this time what only starting needed is given back: 10 to 20 MB. */
const STARTED_MS = 5_000;

export class Agent {
  readonly #options: AgentOptions;
  readonly #counters = new Counters();
  /** The worker's counters, as it sent them last. */
  #workerCounters = new Counters();
  readonly #clock = new WallClock();
  readonly #inspector: Inspector;
  readonly #watcher: Watcher;
  readonly #containers: Containers;
  readonly #identities: Identities;
  readonly #output: StandardOutput;
  /** By index as in a batch's `process` column. */
  readonly #processes: ObservedProcess[] = [];
  readonly #batches = new BatchLine({
    read: (batch) => this.#delivery?.add(batch, this.#capture?.bodies),
    done: (batch) => this.#capture?.returnBatch(batch),
  });
  #delivery: Delivery | undefined;
  #capture: CaptureThread | undefined;
  #metrics: Metrics | undefined;
  #isCapturing = false;
  #endOwnConnections = () => {};
  /** The agent's own open connections, by their id. */
  readonly #own = new Map<number, OwnConnection>();
  /** Ports of this host that the agent exports to, as far as known. */
  readonly #ownPorts = new Set<number>();
  #rescans: NodeJS.Timeout | undefined;
  #looks: NodeJS.Timeout | undefined;
  #startedLongAgo: NodeJS.Timeout | undefined;

  private constructor(options: AgentOptions) {
    this.#options = options;
    const { log } = options;
    this.#output = new StandardOutput({ bytesMax: limits.stdoutQueueBytesMax, log });
    this.#inspector = new Inspector(this.#counters);
    const { processes, ports } = options.config.capture;
    this.#watcher = new Watcher(this.#inspector, { processes, ports }, process.pid);
    this.#containers = new Containers(runtimesOf(options.env, this.#counters), this.#counters);
    this.#identities = new Identities({
      inspector: this.#inspector,
      containers: this.#containers,
      version: VERSION,
      counters: this.#counters,
    });
    this.#identities.configure(options.config);
    this.#watcher.reconfigure(exclusionsOf(options.config));
  }

  /** @throws AgentError when a filter matches nothing or the kernel side cannot be loaded. */
  static async start(options: AgentOptions): Promise<Agent> {
    const agent = new Agent(options);
    agent.#endOwnConnections = watchOwnConnections({
      opened: (connection) => agent.#ownOpened(connection),
      closed: (id) => agent.#ownClosed(id),
    });
    await agent.#containers.prepare();
    await agent.#startExport();
    await agent.#startCapture();
    agent.#startRescans();
    agent.#startLooks();
    agent.#startedLongAgo = setTimeout(giveBackMemory, STARTED_MS);
    return agent;
  }

  /** Both threads' counters as one. */
  counters(): Counters {
    const sum = new Counters();
    sum.values.forEach((_, index) => {
      sum.values[index] = this.#counters.values[index] + this.#workerCounters.values[index];
    });
    return sum;
  }

  describe(): string {
    return this.#watcher.describe();
  }

  /** Resolves when a recording has reached its limits. */
  get ended(): Promise<void> {
    return this.#capture?.stopped ?? Promise.resolve();
  }

  /**
   * Another configuration, applied as a whole: what cannot be applied leaves everything as it is.
   * Exchanges that finish from now on follow it; what waits under the old one is sent.
   * @throws AgentError when a store, an endpoint or a certificate cannot be used
   */
  async configure(configured: Configured): Promise<void> {
    const before = this.#delivery;
    const next = await this.#openDelivery(configured);
    try {
      await this.#metrics?.reconfigure(toWanted(configured));
    } catch (error) {
      await next.close(0, before);
      throw error;
    }
    this.#delivery = next;
    this.#identities.configure(configured.config);
    for (const plan of this.#watcher.reconfigure(exclusionsOf(configured.config))) {
      this.#apply(plan);
    }
    await this.#capture?.traffic(this.#trafficOf(configured.config));
    // A batch that waits for its bodies is read by the old one.
    await this.#batches.pause();
    await before?.close(FLUSH_DEADLINE_MS, next);
  }

  /** Takes what the kernel still holds, sends it, and leaves nothing behind. */
  async stop(): Promise<void> {
    clearInterval(this.#rescans);
    clearInterval(this.#looks);
    clearTimeout(this.#startedLongAgo);
    this.#isCapturing = false;
    this.#containers.close();
    await this.#capture?.stop();
    await this.#batches.settled();
    await this.#delivery?.close(FLUSH_DEADLINE_MS);
    await this.#output.close(FLUSH_DEADLINE_MS);
    await this.#metrics?.stop();
    this.#endOwnConnections();
    this.#clock.stop();
  }

  async #startExport(): Promise<void> {
    const { log, recording } = this.#options;
    if (recording !== undefined) return;
    this.#clock.start();
    routeDiagnostics(log);
    this.#metrics = await this.#startMetrics();
    this.#delivery = await this.#openDelivery(this.#options);
  }

  #startMetrics(): Promise<Metrics> {
    const { env, log } = this.#options;
    return Metrics.start(toWanted(this.#options), {
      log,
      knownMethods: readExportSettings(env).knownMethods,
      version: VERSION,
      counters: this.#counters,
      allCounters: () => this.counters(),
      clock: this.#clock,
      resourceOf: (index) => this.#identityOf(index).resource,
      isReady: () => this.#isCapturing,
      out: process.stdout,
    });
  }

  async #openDelivery({ config, env }: Configured): Promise<Delivery> {
    const context = {
      clock: this.#clock,
      counters: this.#counters,
      log: this.#options.log,
      resourceOf: (index: number) => this.#identityOf(index).resource,
      viewOf: (index: number) => this.#identityOf(index),
      processOf: ({ tgid, startNs, comm }: ConnectionReport) =>
        this.#identities.get(tgid, startNs, comm),
      output: this.#output,
    };
    const metrics = this.#metrics === undefined ? {} : { metrics: this.#metrics };
    const delivery = await Delivery.open({ config, env, context, ...metrics }, this.#delivery);
    this.#excludePeersAt(localPorts(env, delivery.choice));
    return delivery;
  }

  /** Who listens on a port is known only by looking: a restarted server is found so. */
  #startRescans(): void {
    if (this.#options.config.capture.ports.length === 0) return;
    this.#rescans = setInterval(() => {
      for (const plan of this.#watcher.rescan()) this.#apply(plan);
    }, RESCAN_INTERVAL_MS);
  }

  #startLooks(): void {
    this.#looks = setInterval(() => {
      for (const plan of this.#watcher.look()) this.#apply(plan);
    }, LOOK_INTERVAL_MS);
  }

  async #startCapture(): Promise<void> {
    const { config, recording, log } = this.#options;
    const { limits: bounds } = config;
    // A recording keeps what the kernel gives; nobody asks for bodies.
    const hasBodyFolder = bounds.bodySpool.enabled && recording === undefined;
    const plans = this.#watcher.start().map((plan) => this.#toMessage(plan));
    const options: WorkerOptions = {
      kernel: {
        watchAll: this.#watcher.watchesAll,
        ringBytes: bounds.ringBytes,
        ringBytesMin: limits.ringBytesMin,
        connectionsMax: bounds.kernelConnections,
        headBytesMax: bounds.headBytes,
      },
      pipeline: { ownTgid: process.pid, bodies: bodyBounds(bounds), link: config.link },
      ...(hasBodyFolder ? { bodyFolder: bounds.bodySpool.directory } : {}),
      traffic: this.#trafficOf(config),
      plans,
      ownConnections: [...this.#own.values()],
      ...(recording === undefined ? {} : { recording }),
    };
    this.#capture = CaptureThread.launch(options, {
      batch: ({ batch }) => this.#batches.add(batch),
      connections: ({ reports }) => this.#delivery?.tell(reports),
      process: ({ process }) => this.#announce(process),
      counters: ({ values }) => {
        this.#workerCounters = new Counters(values);
      },
      appeared: (appearance) => this.#appeared(appearance),
      exited: ({ tgid }) => this.#watcher.exited(tgid),
      'own-peer': ({ tgid }) => this.#apply(this.#watcher.ownPeer(tgid)),
      log: ({ level: logLevel, message }) => log[logLevel](message),
      unavailable: ({ what, why }) => log.warn(`not attached: ${what}: ${why}`),
    });
    await this.#capture.ready();
    this.#isCapturing = true;
  }

  /** A recording has no rules: it is of everything. */
  #trafficOf({ tap, limits: bounds }: Config): TrafficSettings {
    const bodyBytesMax = bounds.bodyBytes;
    if (this.#delivery === undefined) return allTraffic(bodyBytesMax);
    const copied = this.#delivery.mostCopied;
    return trafficOf({
      tap,
      copied,
      bodyBytesMax,
      reportsConnections: this.#delivery.wantsConnections,
    });
  }

  /** The process at the other end is looked up as well: a collector of this host is left out. */
  #ownOpened(connection: OwnConnection): void {
    this.#own.set(connection.id, connection);
    this.#capture?.ownOpened(connection);
    const { local, remote } = connection;
    if (local.address === remote.address) this.#excludePeersAt([remote.port]);
  }

  #ownClosed(id: number): void {
    this.#own.delete(id);
    this.#capture?.ownClosed(id);
  }

  /** Before the capture starts, the watcher keeps what it finds for its first plans. */
  #excludePeersAt(ports: readonly number[]): void {
    const news = ports.filter((port) => !this.#ownPorts.has(port));
    if (news.length === 0) return;
    for (const port of news) this.#ownPorts.add(port);
    for (const plan of this.#watcher.ownPeersAt(news)) this.#apply(plan);
  }

  #appeared(appearance: Appearance): void {
    this.#apply(receive(appearance, this.#watcher, this.#identities));
  }

  #apply(plan: WatchPlan | undefined): void {
    if (plan !== undefined) this.#capture?.plan(this.#toMessage(plan));
  }

  #toMessage(plan: WatchPlan): PlanMessage {
    for (const reason of plan.reasons) this.#options.log.warn(`pid ${plan.tgid}: ${reason}`);
    const isRecording = this.#options.recording !== undefined;
    return planMessage(plan, isRecording ? this.#resourceFor(plan.tgid) : {});
  }

  #announce(process: ObservedProcess): void {
    this.#processes[process.index] = process;
    // Read now: the process may be gone when its first span is built.
    this.#identityOf(process.index);
  }

  #identityOf(index: number): Identity {
    const { tgid, startNs, comm } = this.#processes[index];
    return this.#identities.get(tgid, startNs, comm);
  }

  #resourceFor(tgid: number): Readonly<Record<string, unknown>> {
    const info = readProcess(tgid);
    if (info === undefined) return {};
    return this.#identities.get(tgid, info.startNs, info.comm).resource.attributes;
  }
}

function toWanted({ config, env, isEndpointAsked = false }: Configured): Wanted {
  return { env, isEndpointAsked, telemetry: config.telemetry };
}

function bodyBounds({ bodyMemoryBytes, bodySpool }: LimitsConfig): Partial<PendingLimits> {
  return { memoryBytesMax: bodyMemoryBytes, diskBytesMax: bodySpool.maxBytes };
}
