/** The main thread's handle on the capture worker: typed messages, start, stop. */
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { HeldBodies } from './handoff/held-bodies.ts';
import type { ExchangeBatch } from './handoff/layout.ts';
import type {
  FromWorker,
  OwnConnection,
  PlanMessage,
  ToWorker,
  TrafficSettings,
} from './handoff/messages.ts';
import { transferOf } from './handoff/transfer.ts';
import { AgentError } from './telemetry/agent-error.ts';
import type { WorkerOptions } from './worker.ts';

/**
 * Half of V8's default: measured, it costs no time and saves memory. As a flag, since the flag that
 * keeps the main thread's small (tools/setup/start.sh) would be taken for the worker's as well; the
 * heap that runs already does not change with it.
 */
const WORKER_HEAP_FLAG = '--max-semi-space-size=8';

type MessageOf<Kind extends FromWorker['kind']> = Extract<FromWorker, { kind: Kind }>;

/** What the thread's handle takes itself. */
type OwnKind = 'ready' | 'failed' | 'stopped' | 'body' | 'traffic-set';

/** One function for each kind of message that the worker sends while it runs. */
export type CaptureHandlers = {
  readonly [Kind in Exclude<FromWorker['kind'], OwnKind>]: (message: MessageOf<Kind>) => void;
};

/** How long the last bodies may take to be decided after the end of the capture. */
const LAST_BODIES_MS = 5_000;

export class CaptureThread {
  /** Bodies that a batch names and does not carry. */
  readonly bodies: HeldBodies;
  readonly #worker: Worker;
  readonly #handlers: CaptureHandlers;
  /** Resolves when the worker has flushed everything (stop, or a recording that is full). */
  readonly stopped: Promise<void>;
  /** Resolves when the thread is gone, which it may be before anybody stops it. */
  readonly #exited: Promise<void>;
  #onReady: () => void = () => undefined;
  #onFailed: (error: unknown) => void = () => undefined;
  #onStopped: () => void = () => undefined;
  /** Who waits until settings hold, oldest first. */
  readonly #onTraffic: (() => void)[] = [];
  #hasExited = false;

  private constructor(options: WorkerOptions, handlers: CaptureHandlers) {
    this.#handlers = handlers;
    this.stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
    setFlagsFromString(WORKER_HEAP_FLAG);
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: options });
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.bodies = new HeldBodies((message) => this.#send(message));
    this.#exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    void this.#exited.then(() => this.#ended());
  }

  /** @throws AgentError when the kernel side cannot be loaded. */
  static async start(options: WorkerOptions, handlers: CaptureHandlers): Promise<CaptureThread> {
    const thread = new CaptureThread(options, handlers);
    await thread.ready();
    return thread;
  }

  /** Takes messages at once, in their order before the first event; `ready` is to be awaited. */
  static launch(options: WorkerOptions, handlers: CaptureHandlers): CaptureThread {
    return new CaptureThread(options, handlers);
  }

  /** @throws AgentError when the kernel side cannot be loaded. */
  async ready(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#onReady = resolve;
      this.#onFailed = reject;
      this.#worker.once('error', reject);
    });
    this.#worker.off('error', this.#onFailed);
    this.#worker.on('error', (error) => {
      throw error;
    });
  }

  plan(plan: PlanMessage): void {
    this.#send(plan);
  }

  /** Also for connections that are open. Resolves when they hold, or the thread has ended. */
  async traffic(settings: TrafficSettings): Promise<void> {
    if (this.#hasExited) return;
    this.#send({ kind: 'traffic', settings });
    await new Promise<void>((resolve) => this.#onTraffic.push(resolve));
  }

  /** Gives a batch's buffers back to the worker. */
  returnBatch(batch: ExchangeBatch): void {
    const message: ToWorker = { kind: 'return', batch };
    this.#worker.postMessage(message, transferOf(batch));
  }

  ownOpened(connection: OwnConnection): void {
    this.#send({ kind: 'own-opened', connection });
  }

  ownClosed(id: number): void {
    this.#send({ kind: 'own-closed', id });
  }

  /**
   * Drains what is left and ends the thread. Batches that come meanwhile are handled as always: the
   * thread lasts until all of them were given back and the bodies that were asked for have crossed.
   */
  async stop(): Promise<void> {
    this.#send({ kind: 'stop' });
    await this.stopped;
    const late = setTimeout(() => this.#send({ kind: 'close' }), LAST_BODIES_MS);
    await this.#exited;
    clearTimeout(late);
  }

  #ended(): void {
    this.#hasExited = true;
    this.bodies.end();
    for (const resolve of this.#onTraffic.splice(0)) resolve();
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        return this.#onReady();
      case 'failed':
        return this.#onFailed(new AgentError(message.code, message.text));
      case 'stopped':
        return this.#onStopped();
      case 'body':
        return this.bodies.receive(message);
      case 'traffic-set':
        return this.#onTraffic.shift()?.();
      default:
        // The handler of a kind takes that kind's message; the compiler cannot follow the pair.
        (this.#handlers[message.kind] as (message: FromWorker) => void)(message);
        if (message.kind === 'connections') {
          this.#send({ kind: 'reported', count: message.reports.length });
        }
    }
  }
}
