/**
 * The ways through the structures of the HAProxy processes that are watched: looked for once per
 * executable, in whichever of its processes has a request in progress, until there is one answer.
 */
import { limits } from '../../config/limits.ts';
import type { HaproxyLayout, HaproxyWalk } from '../../handoff/haproxy-layout.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { ExecutableFacts, HaproxyVariables } from '../families.ts';
import { PROC_ROOT } from '../proc/files.ts';
import { codeStart, lookInto } from './process-view.ts';
import type { Candidate } from './structures.ts';
import { Votes } from './votes.ts';

export type WalkState = 'searching' | 'found' | 'given up';

/** What is known of one executable. */
export interface WalkFacts {
  readonly state: WalkState;
  readonly layout: HaproxyLayout | undefined;
  /** Looks at processes that had open connections, and connections in progress that they saw. */
  readonly looks: number;
  readonly samples: number;
}

interface Version {
  readonly variables: HaproxyVariables;
  readonly votes: Votes;
  readonly pids: Set<number>;
  state: WalkState;
  looks: number;
  /** Turns that it is still left alone, idle as it is. */
  idleTurns: number;
  number: number;
  layout: HaproxyLayout | undefined;
}

/** Turns that an idle executable is left alone. */
const IDLE_TURNS = 4;

export class Walks {
  readonly #counters: Counters | undefined;
  readonly #root: string;
  /** Key: versionKey of the executable. */
  readonly #versions = new Map<string, Version>();
  #found = 0;

  constructor(counters?: Counters, root = PROC_ROOT) {
    this.#counters = counters;
    this.#root = root;
  }

  /** A watched process; its executable is looked into from now on. */
  watch(pid: number, { versionKey, haproxyVariables: variables }: ExecutableFacts): void {
    if (variables === undefined) return;
    let version = this.#versions.get(versionKey);
    for (const other of this.#versions.values()) if (other !== version) other.pids.delete(pid);
    if (version === undefined) {
      version = { ...NEW, variables, votes: new Votes(), pids: new Set() };
      this.#versions.set(versionKey, version);
    }
    version.pids.add(pid);
  }

  exited(pid: number): void {
    for (const [key, version] of this.#versions) {
      version.pids.delete(pid);
      // A number that was given stays given.
      if (version.pids.size === 0 && version.state !== 'found') this.#versions.delete(key);
    }
  }

  /** The way through this process; undefined while it is not known. */
  of(pid: number, { versionKey }: ExecutableFacts): HaproxyWalk | undefined {
    const version = this.#versions.get(versionKey);
    const code = version?.layout === undefined ? 0 : codeStart(pid, this.#root);
    if (version?.layout === undefined || code === 0) return undefined;
    return { number: version.number, code, layout: version.layout };
  }

  describe({ versionKey }: ExecutableFacts): WalkFacts | undefined {
    const version = this.#versions.get(versionKey);
    if (version === undefined) return undefined;
    const { state, layout, looks, votes } = version;
    return { state, layout, looks, samples: votes.samples };
  }

  /**
   * To be called every second: one look at each executable that is not known yet. Returns the
   * processes whose way is known now.
   */
  look(): number[] {
    return [...this.#versions.values()]
      .filter(({ state, pids }) => state === 'searching' && pids.size > 0)
      .filter(isDue)
      .flatMap((version) => (this.#lookAt(version) ? [...version.pids] : []));
  }

  /** True when it has brought the answer. */
  #lookAt(version: Version): boolean {
    const { variables, votes, pids } = version;
    let hasConnections = false;
    for (const pid of pids) {
      const { bases, samples } = lookInto(pid, variables, version.looks, this.#root);
      hasConnections ||= bases.length > 0;
      votes.add(version.looks, samples);
      if (samples.length > 0) break;
    }
    if (!hasConnections) {
      version.idleTurns = IDLE_TURNS;
      return false;
    }
    version.looks++;
    const { result } = votes;
    if (result !== undefined) return this.#find(version, result);
    if (version.looks >= limits.haproxyLooksMax) this.#giveUp(version);
    return false;
  }

  #find(version: Version, offsets: Candidate): boolean {
    if (this.#found >= limits.haproxyWalksMax) {
      this.#giveUp(version);
      return false;
    }
    version.number = ++this.#found;
    version.layout = { ...version.variables, ...offsets };
    version.state = 'found';
    this.#counters?.add('discover.haproxy_walks');
    return true;
  }

  #giveUp(version: Version): void {
    version.state = 'given up';
    this.#counters?.add('discover.haproxy_walks_given_up');
  }
}

const NEW = { state: 'searching', looks: 0, idleTurns: 0, number: 0, layout: undefined } as const;

/** Counts the turns. */
function isDue(version: Version): boolean {
  if (version.idleTurns === 0) return true;
  version.idleTurns--;
  return false;
}
