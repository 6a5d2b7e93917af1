/**
 * The capture worker: owns the addon, drains the ring on a timer and runs the pipeline. Batches of
 * finished exchanges go to the main thread; plans for processes come from it.
 */
import {
  isMainThread,
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads';
import { Attempts } from './capture/attempts.ts';
import { Backlog } from './capture/backlog.ts';
import { LateHooks } from './capture/late-hooks.ts';
import { eventCounter } from './capture/layout.gen.ts';
import { maskMarker, maskTokens } from './capture/mask.ts';
import { Pace } from './capture/pace.ts';
import { Recording, type RecordingOptions } from './capture/recording.ts';
import { ConnectionReporter } from './capture/reports.ts';
import { Sweeper } from './capture/sweeper.ts';
import { limits } from './config/limits.ts';
import type { ExchangeBatch } from './handoff/layout.ts';
import type {
  FromWorker,
  OwnConnection,
  PlanMessage,
  ToWorker,
  TrafficSettings,
} from './handoff/messages.ts';
import { transferOf } from './handoff/transfer.ts';
import { HaproxyWalks } from './haproxy-walks.ts';
import { openKernel } from './native/binding.ts';
import type { Kernel, KernelOptions } from './native/types.ts';
import { Pipeline, type PipelineOptions } from './pipeline.ts';
import { AgentError, messageOf } from './telemetry/agent-error.ts';
import { Counters } from './telemetry/counters.ts';
import { addKernelCounters } from './telemetry/kernel-counters.ts';

export interface WorkerOptions {
  readonly kernel: Omit<KernelOptions, 'traffic'>;
  readonly pipeline: Pick<PipelineOptions, 'ownTgid' | 'bodies' | 'link'>;
  /** For bodies that do not fit into memory; without it they are cut. Absolute path. */
  readonly bodyFolder?: string;
  /** What holds until a message of kind `traffic` comes. */
  readonly traffic: TrafficSettings;
  /** Applied before the worker says that it is ready. */
  readonly plans: readonly PlanMessage[];
  /** The agent's own connections that are open already. */
  readonly ownConnections?: readonly OwnConnection[];
  /** For tests; limits.sweepIntervalMs when absent. */
  readonly sweepIntervalMs?: number;
  /** Present for `spantap record`: the ring goes to a file as well. */
  readonly recording?: RecordingOptions;
}

const BATCH_BYTES = 1024 * 1024;
/** Batches per turn of the event loop, so that messages of the main thread are not starved. */
const BATCHES_PER_TURN = 16;
/** Between two looks whether the disk has caught up with bodies, and how long it may take. */
const WRITES_MS = 1;
const WRITES_MAX_MS = 1_000;
const TICK_MS = 50;
/** Ticks after which finished exchanges are handed over, also when they are few. */
const TICKS_PER_HANDOVER = 2;
const COUNTERS_MS = 1000;
/** At the exit of system calls instead, which slows down every call of the host (bpf/README.md). */
const IN_SOCKETS = 'capture in sockets (Linux 6.5), so all system calls are looked at';
/** How long the last events of an own connection may lie in the ring after its end. */
const OWN_GRACE_NS = 5e9;

export class CaptureWorker {
  readonly #options: WorkerOptions;
  readonly #port: MessagePort;
  readonly #counters = new Counters();
  readonly #kernel: Kernel;
  readonly #pipeline: Pipeline;
  readonly #reporter: ConnectionReporter;
  readonly #sweeper: Sweeper;
  readonly #haproxy: HaproxyWalks;
  readonly #recording: Recording | undefined;
  readonly #backlog: Backlog;
  /** Benchmarks hide their ground truth from the linker (capture/mask.ts). */
  readonly #maskMarker = maskMarker(process.env);
  readonly #startNs = now();
  readonly #hooks: LateHooks;
  readonly #pace: Pace;
  #tickNs = 0;
  #ticks = 0;
  #countersNs = 0;
  #isStopping = false;
  #isClosing = false;
  #hasBodyFolder = false;
  /** Since when much waits for the disk; 0: it does not. */
  #behindNs = 0;
  /** Over all connections: without them what was lost at the end of one is not counted. */
  readonly #walks = new Attempts((why) =>
    this.#tellUnavailable('the count of what is lost last', why),
  );
  #lostRecords = 0;
  /** Batches that the main thread has not given back. */
  #underWay = 0;

  constructor(
    options: WorkerOptions,
    port: MessagePort,
    kernel = openKernel(kernelOptions(options)),
  ) {
    this.#options = options;
    this.#port = port;
    this.#kernel = kernel;
    this.#backlog = new Backlog({
      drain: (batch, isLast) => kernel.drain(batch, isLast),
      batchBytes: BATCH_BYTES,
      bytesMax: limits.backlogBytesMax,
    });
    this.#sweeper = this.#createSweeper();
    this.#haproxy = this.#createHaproxy();
    this.#pace = new Pace(kernel.ringBytes, this.#startNs);
    this.#hooks = new LateHooks(kernel, (what, why) => this.#tellUnavailable(what, why));
    const { recording } = options;
    const warn = (message: string) => this.#send({ kind: 'log', level: 'warn', message });
    this.#recording = recording && new Recording(recording, this.#startNs, warn);
    this.#reporter = this.#createReporter();
    this.#pipeline = new Pipeline({
      ...options.pipeline,
      traffic: options.traffic,
      counters: this.#counters,
      connections: this.#reporter,
      onBatch: (batch) => this.#handOver(batch),
      onProcess: (process) => this.#send({ kind: 'process', process }),
      onAppeared: (appearance) => this.#send(appearance),
      onExited: (tgid) => this.#send({ kind: 'exited', tgid }),
      onOwnPeer: (tgid) => this.#send({ kind: 'own-peer', tgid }),
      onLog: (level, message) => this.#send({ kind: 'log', level, message }),
      ignoreConnection: (inode) => this.#kernel.ignoreConnection(inode),
      forgetConnection: (inode) => this.#kernel.forgetConnection(inode),
      onUnixSocket: () => this.#hooks.followCloses(),
    });
  }

  #createReporter(): ConnectionReporter {
    const { pipeline, traffic } = this.#options;
    return new ConnectionReporter({
      counters: this.#counters,
      settings: traffic,
      ownTgid: pipeline.ownTgid,
      emit: (reports) => this.#send({ kind: 'connections', reports }),
      isOwn: (connection) => this.#pipeline.isOwnEnd(connection),
      isGivenUp: (connection) => this.#pipeline.isGivenUp(connection),
    });
  }

  #createHaproxy(): HaproxyWalks {
    return new HaproxyWalks({
      kernel: this.#kernel,
      counters: this.#counters,
      detach: (plan) => this.#hooks.detach(plan),
      unavailable: (what, why) => this.#tellUnavailable(what, why),
      log: (level, message) => this.#send({ kind: 'log', level, message }),
    });
  }

  #createSweeper(): Sweeper {
    const { sweepIntervalMs } = this.#options;
    const options = {
      kernel: this.#kernel,
      counters: this.#counters,
      unavailable: (why: string) =>
        this.#tellUnavailable('the search for sockets that ended unseen', why),
      ...(sweepIntervalMs === undefined ? {} : { intervalMs: sweepIntervalMs }),
    };
    return new Sweeper(options, this.#startNs);
  }

  start(): void {
    const { plans, ownConnections = [] } = this.#options;
    this.#port.on('message', (message: ToWorker) => this.receive(message));
    for (const plan of plans) this.#apply(plan);
    for (const connection of ownConnections) this.#pipeline.openOwn(connection);
    if (keepsBodies(this.#options.traffic)) void this.#openBodyFolder();
    this.#send({ kind: 'ready' });
    const { socketRefusal } = this.#kernel;
    if (socketRefusal !== undefined) this.#tellUnavailable(IN_SOCKETS, socketRefusal);
    this.#turn();
  }

  receive(message: ToWorker): void {
    switch (message.kind) {
      case 'plan':
        return this.#apply(message);
      case 'traffic':
        return this.#setTraffic(message.settings);
      case 'return':
        this.#underWay--;
        return this.#pipeline.reuse(message.batch);
      case 'want-body':
        return this.#pipeline.bodies.want(message.number);
      case 'read-body':
        return void this.#sendBody(message.number);
      case 'reported':
        return this.#reporter.taken(message.count);
      case 'own-opened':
        return this.#pipeline.openOwn(message.connection);
      case 'own-closed':
        return this.#pipeline.closeOwn(message.id, now() + OWN_GRACE_NS);
      case 'stop':
        this.#isStopping = true;
        return;
      case 'close':
        return void this.#close();
    }
  }

  /** The kernel side first: what it stops to deliver is not missed then. */
  #setTraffic(settings: TrafficSettings): void {
    this.#kernel.setTraffic(settings);
    this.#pipeline.setTraffic(settings);
    if (keepsBodies(settings)) void this.#openBodyFolder();
    this.#reporter.change(settings, this.#pipeline.connections, now());
    this.#send({ kind: 'traffic-set' });
  }

  #turn(): void {
    const drainedBytes = this.#consume(BATCHES_PER_TURN);
    const nowNs = now();
    this.#housekeeping(nowNs);
    const pauseMs = this.#pace.next(drainedBytes, nowNs);
    if (this.#isStopping || this.#recording?.isFull(nowNs)) this.#finish();
    else if (this.#waitsForDisk()) setTimeout(this.#nextTurn, WRITES_MS);
    else if (!this.#backlog.isEmpty) setImmediate(this.#nextTurn);
    else setTimeout(this.#nextTurn, pauseMs);
  }

  readonly #nextTurn = () => this.#turn();

  /** Processes what the rings hold, at most so many batches; returns the bytes that were taken. */
  #consume(batchesMax: number, isLast = false): number {
    let drainedBytes = this.#backlog.fill(now(), isLast);
    for (let i = 0; i < batchesMax; i++) {
      if (!isLast && this.#waitsForDisk()) break;
      const taken = this.#backlog.next();
      if (taken === undefined) break;
      this.#takeMessages();
      const records = taken.bytes.subarray(0, taken.lenBytes);
      if (this.#maskMarker !== null) maskTokens(taken.bytes, taken.lenBytes, this.#maskMarker);
      this.#take(records);
      this.#backlog.release(taken);
      if (!this.#backlog.isEmpty || isLast) drainedBytes += this.#backlog.fill(now(), isLast);
    }
    this.#counters.add('capture.bytes', drainedBytes);
    return drainedBytes;
  }

  /**
   * Whether bodies on their way to the disk get a moment before more of them come: records wait in
   * the backlog meanwhile. A disk that is slow for longer is not waited for.
   */
  #waitsForDisk(): boolean {
    if (!this.#pipeline.bodies.isBehind) {
      this.#behindNs = 0;
      return false;
    }
    const nowNs = now();
    if (this.#behindNs === 0) this.#behindNs = nowNs;
    return nowNs - this.#behindNs < WRITES_MAX_MS * 1e6 && !this.#backlog.isHalfFull;
  }

  #take(records: Uint8Array): void {
    this.#recording?.append(records);
    this.#pipeline.consume(records);
  }

  /**
   * What the main thread said before these records were made: a connection of its own is told
   * before its first byte is sent, so no request on it is taken for anybody else's.
   */
  #takeMessages(): void {
    for (;;) {
      const got: { message: ToWorker } | undefined = receiveMessageOnPort(this.#port);
      if (got === undefined) return;
      this.receive(got.message);
    }
  }

  #housekeeping(nowNs: number): void {
    if (nowNs - this.#tickNs >= TICK_MS * 1e6) {
      this.#tickNs = nowNs;
      const doneNs = this.#backlog.doneNs(nowNs);
      this.#pipeline.tick(doneNs);
      this.#reporter.tick(doneNs);
      this.#sweeper.tick(nowNs);
      if (++this.#ticks % TICKS_PER_HANDOVER === 0) this.#pipeline.flush();
    }
    if (nowNs - this.#countersNs >= COUNTERS_MS * 1e6) {
      this.#countersNs = nowNs;
      this.#sendCounters();
      this.#endLate();
    }
  }

  /** Beyond the limit the main thread is too slow: what it cannot take is dropped and counted. */
  #handOver(batch: ExchangeBatch): void {
    if (this.#underWay >= limits.handoffBatchesMax && !this.#isStopping) {
      this.#counters.add('dropped.handoff', batch.count);
      this.#pipeline.reuse(batch);
      return;
    }
    this.#underWay++;
    this.#send({ kind: 'batch', batch }, transferOf(batch));
  }

  #sendCounters(): void {
    const values = this.#kernel.counters();
    if (values[eventCounter.COUNTER_READ_UNSEEN] > 0) this.#hooks.followSplices();
    addKernelCounters(this.#counters, values);
    this.#haproxy.tick();
    this.#send({ kind: 'counters', values: this.#counters.values });
  }

  /** Probes before the policy: without them HAProxy's requests would look like its own. */
  #apply(plan: PlanMessage): void {
    const { tgid, family, resource } = plan;
    const attached = this.#haproxy.isAlone(plan) ? [] : this.#hooks.attach(plan);
    const hasProbes =
      this.#haproxy.offer(plan, attached.length > 0) ||
      attached.some(({ program }) => program === 'haproxy_back_try_conn_req');
    const kernelFamily = family === 'apache' ? 'other' : family;
    this.#kernel.setPolicy(tgid, { watch: plan.watch, family: kernelFamily });
    this.#pipeline.setFamily(tgid, family, hasProbes);
    if (plan.maySplice === true) this.#hooks.followSplices();
    this.#recording?.note({ kind: 'plan', tgid, family, hasProbes, resource });
  }

  #tellUnavailable(what: string, why: string): void {
    this.#send({ kind: 'unavailable', what, why });
  }

  /** Takes what is left, ends what is open, and lets the thread end. */
  #finish(): void {
    const open = this.#stopCapture();
    this.#consume(Number.POSITIVE_INFINITY, true);
    this.#take(open);
    this.#pipeline.finish(now());
    this.#reporter.finish(now());
    this.#sendCounters();
    this.#recording?.close();
    this.#kernel.close();
    this.#send({ kind: 'stopped' });
    void this.#pipeline.bodies.settled().then(() => this.#close());
  }

  /** The main thread wants no more bodies: the thread ends. */
  async #close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    await this.#pipeline.bodies.close();
    this.#port.close();
  }

  /** Until it is there, or when it cannot be, what does not fit into memory is cut. */
  async #openBodyFolder(): Promise<void> {
    const { bodyFolder } = this.#options;
    if (bodyFolder === undefined || this.#hasBodyFolder) return;
    this.#hasBodyFolder = true;
    try {
      await this.#pipeline.bodies.useFolder(bodyFolder);
    } catch (error) {
      this.#tellUnavailable('bodies on disk', messageOf(error));
    }
  }

  async #sendBody(number: number): Promise<void> {
    const bytes = await this.#pipeline.bodies.read(number);
    this.#send({ kind: 'body', number, bytes }, [bytes.buffer]);
  }

  #send(message: FromWorker, transfer?: ArrayBuffer[]): void {
    this.#port.postMessage(message, transfer);
  }

  /** Close events may be among what was lost lately. */
  #endLate(): void {
    const lost = this.#counters.get('lost.ring_full');
    if (lost === this.#lostRecords) return;
    this.#lostRecords = lost;
    this.#walks.try(() => this.#kernel.endLate());
  }

  /** Close records of what is open; without them what was lost there at the end is not counted. */
  #stopCapture(): Uint8Array {
    return this.#walks.try(() => this.#kernel.stop()) ?? new Uint8Array(0);
  }
}

function keepsBodies({ bodyBytesMax: { ingress, egress } }: TrafficSettings): boolean {
  return Math.max(ingress.request, ingress.response, egress.request, egress.response) > 0;
}

function kernelOptions({ kernel, traffic }: WorkerOptions): KernelOptions {
  return { ...kernel, traffic };
}

function now(): number {
  return Number(process.hrtime.bigint());
}

function run(port: MessagePort): void {
  try {
    new CaptureWorker(workerData as WorkerOptions, port).start();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const failure: FromWorker = { kind: 'failed', code: error.code, text: error.text };
    port.postMessage(failure);
    port.close();
  }
}

if (!isMainThread && parentPort !== null) run(parentPort);
