/**
 * The ways through the structures of the HAProxy processes that are watched: looked for once per
 * executable, in whichever of its processes has a request in progress, until there is one answer.
 */
import { limits } from '../../config/limits.ts';
import type { HaproxyLayout, HaproxyWalk } from '../../handoff/haproxy-layout.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { ExecutableFacts } from '../families.ts';
import { PROC_ROOT } from '../proc/files.ts';
import { codeStart, lookInto } from './process-view.ts';
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
  readonly facts: ExecutableFacts;
  readonly votes: Votes;
  readonly pids: Set<number>;
  state: WalkState;
  looks: number;
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
  readonly #idleTurns = new Map<Version, number>();
  #found = 0;

  constructor(counters?: Counters, root = PROC_ROOT) {
    this.#counters = counters;
    this.#root = root;
  }

  /** A watched process; its executable is looked into from now on. */
  watch(pid: number, facts: ExecutableFacts): void {
    if (facts.haproxyVariables === undefined) return;
    let version = this.#versions.get(facts.versionKey);
    for (const other of this.#versions.values()) if (other !== version) other.pids.delete(pid);
    if (version === undefined) {
      version = { ...NEW, facts, votes: new Votes(), pids: new Set() };
      this.#versions.set(facts.versionKey, version);
    }
    version.pids.add(pid);
  }

  exited(pid: number): void {
    for (const [key, version] of this.#versions) {
      version.pids.delete(pid);
      // A number that was given stays given.
      if (version.pids.size === 0 && version.state !== 'found') this.#forget(key, version);
    }
  }

  #forget(key: string, version: Version): void {
    this.#versions.delete(key);
    this.#idleTurns.delete(version);
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
      .filter((version) => this.#isDue(version))
      .flatMap((version) => (this.#lookAt(version) ? [...version.pids] : []));
  }

  #isDue(version: Version): boolean {
    const turns = this.#idleTurns.get(version) ?? 0;
    this.#idleTurns.set(version, Math.max(0, turns - 1));
    return turns === 0;
  }

  /** True when it has brought the answer. */
  #lookAt(version: Version): boolean {
    const { facts, votes, pids } = version;
    const { haproxyVariables } = facts;
    if (haproxyVariables === undefined) return false;
    let hasConnections = false;
    for (const pid of pids) {
      const { bases, samples } = lookInto(pid, haproxyVariables, version.looks, this.#root);
      hasConnections ||= bases.length > 0;
      votes.add(version.looks, samples);
      if (samples.length > 0) break;
    }
    if (!hasConnections) {
      this.#idleTurns.set(version, IDLE_TURNS);
      return false;
    }
    version.looks++;
    if (votes.result !== undefined) return this.#find(version);
    if (version.looks >= limits.haproxyLooksMax) this.#giveUp(version);
    return false;
  }

  #find(version: Version): boolean {
    const { votes, facts } = version;
    const { result } = votes;
    if (result === undefined || facts.haproxyVariables === undefined) return false;
    if (this.#found >= limits.haproxyWalksMax) {
      this.#giveUp(version);
      return false;
    }
    version.number = ++this.#found;
    version.layout = { ...facts.haproxyVariables, ...result };
    version.state = 'found';
    this.#counters?.add('discover.haproxy_walks');
    return true;
  }

  #giveUp(version: Version): void {
    version.state = 'given up';
    this.#counters?.add('discover.haproxy_walks_given_up');
  }
}

const NEW = { state: 'searching', looks: 0, number: 0, layout: undefined } as const;
