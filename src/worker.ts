/**
 * The capture worker: owns the addon, drains the ring on a timer and runs the pipeline. Batches of
 * finished exchanges go to the main thread; plans for processes come from it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type EventFileHead, EventFileWriter } from './capture/event-file.ts';
import { eventCounter } from './capture/layout.gen.ts';
import { maskMarker, maskTokens } from './capture/mask.ts';
import { limits } from './config/limits.ts';
import type { ExchangeBatch } from './handoff/layout.ts';
import type { FromWorker, PlanMessage, ToWorker } from './handoff/messages.ts';
import { transferOf } from './handoff/transfer.ts';
import { openKernel } from './native/binding.ts';
import type { Kernel, KernelOptions } from './native/types.ts';
import { Pipeline, type PipelineOptions } from './pipeline.ts';
import { AgentError } from './telemetry/agent-error.ts';
import { Counters } from './telemetry/counters.ts';
import { addKernelCounters } from './telemetry/kernel-counters.ts';

export interface WorkerOptions {
  readonly kernel: KernelOptions;
  readonly pipeline: Pick<PipelineOptions, 'ownTgid' | 'bodyBytesMax'>;
  /** Applied before the worker says that it is ready. */
  readonly plans: readonly PlanMessage[];
  /** Present for `spantap record`: the ring goes to a file as well. */
  readonly recording?: {
    readonly file: string;
    readonly bytesMax: number;
    readonly secondsMax: number;
    readonly head: EventFileHead;
  };
}

/** 2 to 5 ms keep the ring far from full without a wakeup per event (reference/capture.md 3). */
const POLL_MS = 5;
const BATCH_BYTES = 1024 * 1024;
/** Batches per turn of the event loop, so that messages of the main thread are not starved. */
const BATCHES_PER_TURN = 16;
const TICK_MS = 50;
const COUNTERS_MS = 1000;

class CaptureWorker {
  readonly #options: WorkerOptions;
  readonly #counters = new Counters();
  readonly #kernel: Kernel;
  readonly #pipeline: Pipeline;
  readonly #recording: EventFileWriter | undefined;
  readonly #batch = new Uint8Array(BATCH_BYTES);
  /** Benchmarks hide their ground truth from the linker (capture/mask.ts). */
  readonly #maskMarker = maskMarker(process.env);
  readonly #startNs = now();
  /** Key: file, program, offset. One probe serves all processes that map the file. */
  readonly #uprobes = new Map<string, number>();
  #tickNs = 0;
  #countersNs = 0;
  #isStopping = false;
  #isSplicing = false;
  /** Batches that the main thread has not given back. */
  #underWay = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#kernel = openKernel(options.kernel);
    this.#recording = openRecording(options);
    this.#pipeline = new Pipeline({
      ...options.pipeline,
      counters: this.#counters,
      onBatch: (batch) => this.#handOver(batch),
      onProcess: (process) => send({ kind: 'process', process }),
      onAppeared: (tgid) => send({ kind: 'appeared', tgid }),
      onExited: (tgid) => send({ kind: 'exited', tgid }),
      onOwnPeer: (tgid) => send({ kind: 'own-peer', tgid }),
      onLog: (level, message) => send({ kind: 'log', level, message }),
      ignoreConnection: (inode) => this.#kernel.ignoreConnection(inode),
      forgetConnection: (inode) => this.#kernel.forgetConnection(inode),
      onUnixSocket: () =>
        this.#follow('the end of Unix sockets', () => this.#kernel.followCloses()),
    });
  }

  start(): void {
    for (const plan of this.#options.plans) this.#apply(plan);
    send({ kind: 'ready' });
    this.#turn();
  }

  receive(message: ToWorker): void {
    switch (message.kind) {
      case 'plan':
        return this.#apply(message);
      case 'return':
        this.#underWay--;
        return this.#pipeline.reuse(message.batch);
      case 'own-opened':
        return this.#pipeline.openOwn(message.connection);
      case 'own-closed':
        return this.#pipeline.closeOwn(message.id, now());
      case 'stop':
        this.#isStopping = true;
    }
  }

  #turn(): void {
    const isBehind = this.#drain(BATCHES_PER_TURN);
    this.#housekeeping();
    if (this.#isStopping || this.#isRecordingFull()) this.#finish();
    else if (isBehind) setImmediate(() => this.#turn());
    else setTimeout(() => this.#turn(), POLL_MS);
  }

  /** True when the rings may hold more than was taken. */
  #drain(batchesMax: number, isLast = false): boolean {
    for (let i = 0; i < batchesMax; i++) {
      const length = this.#kernel.drain(this.#batch, isLast);
      if (length === 0) return false;
      this.#counters.add('capture.bytes', length);
      const records = this.#batch.subarray(0, length);
      if (this.#maskMarker !== null) maskTokens(this.#batch, length, this.#maskMarker);
      this.#recording?.append(records);
      this.#pipeline.consume(records);
      if (length < BATCH_BYTES / 2) return false;
    }
    return true;
  }

  #housekeeping(): void {
    const nowNs = now();
    if (nowNs - this.#tickNs >= TICK_MS * 1e6) {
      this.#tickNs = nowNs;
      this.#pipeline.tick(nowNs);
    }
    if (nowNs - this.#countersNs >= COUNTERS_MS * 1e6) {
      this.#countersNs = nowNs;
      this.#sendCounters();
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
    send({ kind: 'batch', batch }, transferOf(batch));
  }

  #sendCounters(): void {
    const values = this.#kernel.counters();
    if (values[eventCounter.COUNTER_READ_UNSEEN] > 0) this.#followSplices();
    addKernelCounters(this.#counters, values);
    send({ kind: 'counters', values: this.#counters.values });
  }

  #apply(plan: PlanMessage): void {
    const family = plan.family === 'apache' ? 'other' : plan.family;
    this.#kernel.setPolicy(plan.tgid, { watch: plan.watch, family });
    this.#pipeline.setFamily(plan.tgid, plan.family);
    if (family === 'haproxy') this.#followSplices();
    for (const site of plan.uprobes) this.#attach(plan.executableKey, site);
    const { tgid, family: name, resource } = plan;
    this.#recording?.note({ kind: 'plan', tgid, family: name, resource });
  }

  #attach(executableKey: string, site: PlanMessage['uprobes'][number]): void {
    const key = `${executableKey} ${site.program} ${site.offset}`;
    if (this.#uprobes.has(key)) return;
    try {
      const { program, path, offset, isReturn } = site;
      this.#uprobes.set(key, this.#kernel.attachUprobe(program, path, offset, isReturn));
    } catch (error) {
      send({ kind: 'unavailable', what: `${site.program} in ${site.path}`, why: messageOf(error) });
    }
  }

  #followSplices(): void {
    if (this.#isSplicing) return;
    this.#isSplicing = true;
    this.#follow('reads by splice()', () => this.#kernel.followSplices());
  }

  /** What has its price, so that only hosts where it happens pay it. */
  #follow(what: string, attach: () => void): void {
    try {
      attach();
    } catch (error) {
      send({ kind: 'unavailable', what, why: messageOf(error) });
    }
  }

  #isRecordingFull(): boolean {
    const { recording } = this.#options;
    if (recording === undefined || this.#recording === undefined) return false;
    const seconds = (now() - this.#startNs) / 1e9;
    return this.#recording.bytes >= recording.bytesMax || seconds >= recording.secondsMax;
  }

  /** Takes what is left, ends what is open, and lets the thread end. */
  #finish(): void {
    this.#drain(Number.POSITIVE_INFINITY, true);
    this.#pipeline.finish(now());
    this.#sendCounters();
    this.#recording?.close();
    this.#kernel.close();
    send({ kind: 'stopped' });
    parentPort?.close();
  }
}

function now(): number {
  return Number(process.hrtime.bigint());
}

function openRecording({ recording }: WorkerOptions): EventFileWriter | undefined {
  return recording && new EventFileWriter(recording.file, recording.head);
}

function send(message: FromWorker, transfer?: ArrayBuffer[]): void {
  parentPort?.postMessage(message, transfer);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  const worker = new CaptureWorker(workerData as WorkerOptions);
  parentPort?.on('message', (message: ToWorker) => worker.receive(message));
  worker.start();
} catch (error) {
  if (!(error instanceof AgentError)) throw error;
  send({ kind: 'failed', code: error.code, text: error.text });
  parentPort?.close();
}
