/**
 * Who each observed process is. Read from /proc at first sight; what its container's runtime says
 * comes later and makes a new object, as do other `tags`. One object per process otherwise, because
 * encoders group spans by the identity of its resource.
 */
import type { TagConfig } from '../../config/file/types.ts';
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { Inspector } from '../plan.ts';
import { PROC_ROOT } from '../proc/files.ts';
import { type HostFacts, readHost } from '../proc/host.ts';
import { isSameStart, type ProcessInfo, readProcess } from '../processes.ts';
import type { Containers, KnownContainer } from '../runtime/containers.ts';
import type { ContainerFacts } from '../runtime/types.ts';
import { Describer, wantedVariables } from './describer.ts';
import { type Observation, Observer } from './observation.ts';
import type { Identity } from './types.ts';

export interface IdentityOptions {
  readonly inspector: Inspector;
  /** Of the agent. */
  readonly version: string;
  /** Who asks container runtimes; without, containers are known by their ids. */
  readonly containers?: Containers;
  readonly counters?: Counters;
  readonly host?: HostFacts;
  readonly root?: string;
}

/** A process by pid and start time, which are known to 10 ms. */
interface Key {
  readonly pid: number;
  readonly startTicks: number;
}

interface Entry {
  readonly key: Key;
  /** Undefined: it ended before it was read. */
  readonly observation: Observation | undefined;
  readonly container: KnownContainer | undefined;
  /** What `identity` was made from, besides. */
  readonly containerFacts: ContainerFacts | undefined;
  readonly tags: readonly TagConfig[];
  readonly identity: Identity;
}

const TICK_NS = 10_000_000;

export class Identities {
  readonly #options: IdentityOptions;
  readonly #root: string;
  readonly #observer: Observer;
  readonly #describer: Describer;
  readonly #byProcess = new Map<string, Entry>();
  /** Of them, the newest of each pid: found without building a text. */
  readonly #byPid = new Map<number, Entry>();
  #tags: readonly TagConfig[] = [];
  #variables = wantedVariables([]);

  constructor(options: IdentityOptions) {
    const { inspector, counters, version, host = readHost(), root = PROC_ROOT } = options;
    this.#options = options;
    this.#root = root;
    this.#observer = new Observer(inspector, root, counters);
    this.#describer = new Describer(host, version, counters);
  }

  /** From the file, at start and at each reload: also processes that are known get other tags. */
  configure({ tags }: { readonly tags: readonly TagConfig[] }): void {
    this.#tags = tags;
    this.#variables = wantedVariables(tags);
  }

  /**
   * Read at first sight and kept after the end of the process. `startNs` is the kernel's start time;
   * `comm` names processes that ended before they were read (nothing more is known of them).
   */
  get(pid: number, startNs: number, comm: string): Identity {
    const startTicks = Math.floor(startNs / TICK_NS);
    const newest = this.#byPid.get(pid);
    const known =
      newest?.key.startTicks === startTicks
        ? newest
        : this.#byProcess.get(textOf({ pid, startTicks }));
    if (known === undefined) return this.#keep(this.#meet({ pid, startTicks }, comm)).identity;
    if (known.tags === this.#tags && known.container?.facts === known.containerFacts) {
      return known.identity;
    }
    return this.#keep(this.#renew(known)).identity;
  }

  /** After exec: the process is another program now, with the same pid and start time. */
  forget(pid: number, startNs: number): void {
    this.#byProcess.delete(textOf({ pid, startTicks: Math.floor(startNs / TICK_NS) }));
    this.#byPid.delete(pid);
  }

  #keep(entry: Entry): Entry {
    const key = textOf(entry.key);
    const { pid } = entry.key;
    const before = this.#byProcess.get(key);
    if (before === undefined && this.#byProcess.size >= limits.resourcesMax) this.#forgetOldest();
    if (before === undefined || this.#byPid.get(pid) === before) this.#byPid.set(pid, entry);
    this.#byProcess.set(key, entry);
    return entry;
  }

  #forgetOldest(): void {
    for (const [key, oldest] of this.#byProcess) {
      this.#byProcess.delete(key);
      if (this.#byPid.get(oldest.key.pid) === oldest) this.#byPid.delete(oldest.key.pid);
      this.#options.counters?.add('discover.resources_forgotten');
      break;
    }
  }

  #meet(key: Key, comm: string): Entry {
    const info = this.#running(key);
    if (info === undefined) {
      const identity = this.#describer.describeGone(key.pid, comm);
      const nothing = { observation: undefined, container: undefined, containerFacts: undefined };
      return { key, ...nothing, tags: this.#tags, identity };
    }
    const observation = this.#observer.observe(info, this.#variables);
    const ref = observation.container;
    const unasked = ref === undefined ? undefined : { ref, facts: undefined };
    const container = ref === undefined ? undefined : this.#options.containers?.get(ref);
    return this.#describe(key, observation, container ?? unasked);
  }

  /** Undefined when it has ended, or its pid belongs to another process now. */
  #running({ pid, startTicks }: Key): ProcessInfo | undefined {
    const info = readProcess(pid, this.#root);
    return info !== undefined && isSameStart(startTicks * TICK_NS, info.startNs) ? info : undefined;
  }

  /** What was observed stays, but for variables that only the new tags name. */
  #renew(entry: Entry): Entry {
    const { key, observation, container } = entry;
    if (observation === undefined) return { ...entry, tags: this.#tags };
    const isReadAgain = entry.tags !== this.#tags && this.#running(key) !== undefined;
    if (!isReadAgain) return this.#describe(key, observation, container);
    const environment = this.#observer.environment(observation.info, this.#variables);
    return this.#describe(key, { ...observation, environment }, container);
  }

  #describe(key: Key, observation: Observation, container: KnownContainer | undefined): Entry {
    const tags = this.#tags;
    const containerFacts = container?.facts;
    const identity = this.#describer.describe(observation, container, tags);
    return { key, observation, container, containerFacts, tags, identity };
  }
}

function textOf({ pid, startTicks }: Key): string {
  return `${pid}:${startTicks}`;
}
