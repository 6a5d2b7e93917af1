/**
 * Containers by id, asked of their runtimes once. An answer comes some milliseconds later; until
 * then, and when there is none, a container is known by its id only. Nothing waits for it.
 */
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { ContainerRef } from '../proc/container.ts';
import { containerdRuntime } from './containerd.ts';
import { criRuntime } from './cri.ts';
import { dockerRuntime } from './docker.ts';
import { findSocket, socketPaths } from './sockets.ts';
import type { ContainerFacts, Runtime } from './types.ts';

/** What is known of a container; `facts` is filled in when its runtime has answered. */
export interface KnownContainer {
  readonly ref: ContainerRef;
  readonly facts: ContainerFacts | undefined;
}

interface Entry {
  readonly ref: ContainerRef;
  facts: ContainerFacts | undefined;
  tries: number;
}

/** All kinds of runtimes that may be on this host, at their standard places or those of `env`. */
export function runtimesOf(env: NodeJS.ProcessEnv, counters?: Counters): Runtime[] {
  const { docker, containerd, cri } = socketPaths(env);
  return [
    dockerRuntime(docker, counters),
    criRuntime(cri, counters),
    containerdRuntime(containerd, counters),
  ];
}

/** Between two tries, doubled each time. */
const RETRY_MS = 1_000;
const TRIES_MAX = 5;

export class Containers {
  readonly #runtimes: readonly Runtime[];
  readonly #counters: Counters | undefined;
  readonly #retryMs: number;
  /** Key: container id and namespace. */
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: Entry[] = [];
  readonly #retries = new Set<NodeJS.Timeout>();
  #asking = 0;
  #isClosed = false;

  constructor(runtimes: readonly Runtime[], counters?: Counters, retryMs = RETRY_MS) {
    this.#runtimes = runtimes;
    this.#counters = counters;
    this.#retryMs = retryMs;
  }

  /** Before there is traffic that would wait for it: what runtimes that are there take to be asked. */
  async prepare(): Promise<void> {
    const present = this.#runtimes.filter(({ sockets }) => findSocket(sockets) !== undefined);
    await Promise.all(present.map((runtime) => runtime.load?.()));
  }

  /** Never waits: what is not known yet is asked for, and found in the same object later. */
  get(ref: ContainerRef): KnownContainer {
    const key = `${ref.namespace}/${ref.id}`;
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry: Entry = { ref, facts: undefined, tries: 0 };
    if (this.#entries.size >= limits.containersMax) this.#forgetOldest();
    this.#entries.set(key, entry);
    this.#enqueue(entry);
    return entry;
  }

  /** Ends the waiting for further tries. */
  close(): void {
    this.#isClosed = true;
    for (const retry of this.#retries) clearTimeout(retry);
    this.#retries.clear();
    this.#waiting.length = 0;
  }

  /** Whoever holds the object keeps it; another process of that container is asked for anew. */
  #forgetOldest(): void {
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      this.#counters?.add('discover.containers_forgotten');
      break;
    }
  }

  #enqueue(entry: Entry): void {
    if (this.#waiting.length >= limits.containerLookupsWaitingMax) {
      this.#counters?.add('dropped.container_lookups');
      return;
    }
    this.#waiting.push(entry);
    this.#next();
  }

  #next(): void {
    while (this.#asking < limits.containerLookupsMax) {
      const entry = this.#waiting.shift();
      if (entry === undefined) return;
      this.#asking += 1;
      void this.#ask(entry).finally(() => {
        this.#asking -= 1;
        this.#next();
      });
    }
  }

  /** The first runtime that knows it counts; one that cannot be asked may know it later. */
  async #ask(entry: Entry): Promise<void> {
    let hasFailed = false;
    for (const runtime of this.#runtimes) {
      const socketPath = runtime.mayRun(entry.ref) ? findSocket(runtime.sockets) : undefined;
      if (socketPath === undefined) continue;
      this.#counters?.add('discover.container_lookups');
      try {
        entry.facts = await runtime.find(entry.ref, socketPath);
      } catch {
        hasFailed = true;
        this.#counters?.add('discover.container_lookups_failed');
      }
      if (entry.facts !== undefined) return;
    }
    if (hasFailed) this.#retry(entry);
  }

  #retry(entry: Entry): void {
    entry.tries += 1;
    if (entry.tries >= TRIES_MAX || this.#isClosed) return;
    const timer = setTimeout(
      () => {
        this.#retries.delete(timer);
        this.#enqueue(entry);
      },
      this.#retryMs * 2 ** (entry.tries - 1),
    );
    timer.unref();
    this.#retries.add(timer);
  }
}
