/**
 * Which processes are watched, now and as they come and go: turns filters and appearances into
 * plans. Without filters every process is watched by default, and only those that need more than
 * that (a family with linking state, or exclusion) get a plan.
 */
import { type Exclusions, NO_EXCLUSIONS } from './exclusions.ts';
import type { Inspector } from './plan.ts';
import { PROC_ROOT } from './proc/files.ts';
import { listenersOn, listeningPorts } from './proc/listeners.ts';
import { executablePathOf, listProcesses, type ProcessInfo, readProcess } from './processes.ts';
import {
  currentTargets,
  isNewTarget,
  selectListening,
  selectTargets,
  type TargetFilters,
} from './targets.ts';
import type { AttachPlan, Family } from './types.ts';

export interface WatchPlan extends AttachPlan {
  readonly watch: 'watch' | 'ignore' | 'default';
}

/** Families that forward requests: never excluded for being in front of the agent's collector. */
const PROXIES: readonly Family[] = ['nginx', 'haproxy', 'apache'];
const PROXY_NAMES = ['caddy', 'traefik', 'envoy'];

export class Watcher {
  readonly #inspector: Inspector;
  readonly #filters: TargetFilters;
  readonly #ownPid: number;
  /** Key: pid of a watched process, value: its executable; deleted when it exits. */
  readonly #watched = new Map<number, string>();
  readonly #root: string;
  /** Pids of collectors: excluded until they exit, whatever is learnt of them later. */
  readonly #excluded = new Set<number>();
  /** What `tap.filters` leaves out. */
  #exclusions = NO_EXCLUSIONS;
  /** Pids that run what it leaves out; deleted when they exit or become another program. */
  readonly #leftOut = new Set<number>();
  #hasStarted = false;
  /** Ports of this host that the agent exports to. */
  readonly #ownPorts = new Set<number>();
  /** Inodes of the sockets that listened on the filter's ports at the last look. */
  #listeners = new Set<number>();

  constructor(
    inspector: Inspector,
    filters: TargetFilters,
    ownPid: number,
    root: string = PROC_ROOT,
  ) {
    this.#inspector = inspector;
    this.#filters = filters;
    this.#ownPid = ownPid;
    this.#root = root;
  }

  get watchesAll(): boolean {
    return this.#filters.processes.length === 0 && this.#filters.ports.length === 0;
  }

  /** Names of what is watched, for people: `nginx (3), haproxy`. */
  describe(): string {
    if (this.watchesAll) return 'every process on this host';
    const counts = new Map<string, number>();
    for (const path of this.#watched.values()) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return [...counts].map(([name, count]) => (count > 1 ? `${name} (${count})` : name)).join(', ');
  }

  /**
   * Plans at start; the agent itself and its collectors that are known are always excluded.
   * @throws AgentError when a filter matches nothing.
   */
  start(): WatchPlan[] {
    const { ports } = this.#filters;
    if (ports.length > 0) this.#listeners = this.#findListeners();
    this.#hasStarted = true;
    const plans = this.#planAll(selectTargets(this.#filters, this.#root));
    return [...plans, ...[...this.#excluded, this.#ownPid].map(ignored)];
  }

  /**
   * Other filters of the file, at start or at a reload: the plans of processes that are left out
   * now and were not, and of those that were and are not any more.
   */
  reconfigure(exclusions: Exclusions): WatchPlan[] {
    const before = this.#exclusions;
    this.#exclusions = exclusions;
    if (!this.#hasStarted || (before.isEmpty && exclusions.isEmpty)) return [];
    const all = listProcesses(this.#root);
    const changed = all.filter(({ pid, executablePath }) => {
      if (pid === this.#ownPid || this.#excluded.has(pid)) return false;
      return before.excludes(executablePath) !== exclusions.excludes(executablePath);
    });
    const targets = new Set(currentTargets(this.#filters, all, this.#root).map(({ pid }) => pid));
    return changed.map((info) =>
      exclusions.excludes(info.executablePath)
        ? this.#leaveOut(info.pid)
        : this.#takeBack(info, targets.has(info.pid)),
    );
  }

  /** Workers inherited their policy: they are told as well. */
  #takeBack(info: ProcessInfo, isTarget: boolean): WatchPlan {
    this.#leftOut.delete(info.pid);
    return (isTarget ? this.#plan(info) : undefined) ?? byDefault(info.pid);
  }

  #leaveOut(pid: number): WatchPlan {
    this.#watched.delete(pid);
    this.#leftOut.add(pid);
    return ignored(pid);
  }

  /**
   * Plans for processes that began to listen on a port of the filters since the last look: a server
   * that was restarted is another process. To be called every few seconds; costs next to nothing
   * while the listeners are the same.
   */
  rescan(): WatchPlan[] {
    if (this.#filters.ports.length === 0) return [];
    const listeners = this.#findListeners();
    const isSame = [...listeners].every((inode) => this.#listeners.has(inode));
    this.#listeners = listeners;
    if (isSame) return [];
    const found = selectListening(this.#filters.ports, this.#root);
    return this.#planAll(found.filter(({ pid }) => !this.#watched.has(pid)));
  }

  #findListeners(): Set<number> {
    return listenersOn(this.#filters.ports, listProcesses(this.#root), this.#root);
  }

  #planAll(processes: readonly ProcessInfo[]): WatchPlan[] {
    return processes
      .filter(({ pid }) => pid !== this.#ownPid && !this.#excluded.has(pid))
      .filter(({ pid }) => !this.#leftOut.has(pid))
      .map((info) => this.#planOrLeaveOut(info))
      .filter((plan) => plan !== undefined);
  }

  #planOrLeaveOut(info: ProcessInfo): WatchPlan | undefined {
    const isLeftOut = this.#exclusions.excludes(info.executablePath);
    return isLeftOut ? this.#leaveOut(info.pid) : this.#plan(info);
  }

  /** The plan for a process that appeared or became another program; undefined: nothing to do. */
  appeared(pid: number): WatchPlan | undefined {
    if (pid === this.#ownPid) return undefined;
    const path = executablePathOf(pid, this.#root);
    const wasLeftOut = this.#leftOut.delete(pid);
    const isLeftOut = !this.#excluded.has(pid) && this.#exclusions.excludes(path);
    if (isLeftOut) return this.#leaveOut(pid);
    // The plan for the program before may come after the exec, which ended that policy.
    return this.#planFor(pid, path) ?? (wasLeftOut ? byDefault(pid) : undefined);
  }

  #planFor(pid: number, path: string): WatchPlan | undefined {
    if (this.#isOrdinary(pid, path)) return undefined;
    const info = readProcess(pid, this.#root);
    if (info === undefined) return undefined;
    if (this.#excluded.delete(pid) && this.#listensForAgent(info)) return this.#exclude(pid);
    const executableOf = (parent: number) => this.#watched.get(parent);
    const isTarget = this.#watched.has(pid) || isNewTarget(info, this.#filters, executableOf);
    return isTarget ? this.#plan(info) : undefined;
  }

  /** As `appeared`, for one that opened a connection: it may have been forked, without an exec. */
  connected(pid: number): WatchPlan | undefined {
    const isKnown = [this.#watched, this.#excluded, this.#leftOut].some((set) => set.has(pid));
    return isKnown ? undefined : this.appeared(pid);
  }

  /** Watched without a plan: known from its executable alone, which is all that most execs cost. */
  #isOrdinary(pid: number, path: string): boolean {
    if (!this.watchesAll || this.#watched.has(pid) || this.#excluded.has(pid)) return false;
    return this.#inspector.familyOf(pid, path) === 'other';
  }

  /**
   * Plans of processes about which more became known by looking into them. To be called every
   * second.
   */
  look(): WatchPlan[] {
    return this.#inspector.walks
      .look()
      .map((pid) => readProcess(pid, this.#root))
      .map((info) => (info === undefined ? undefined : this.#plan(info)))
      .filter((plan) => plan !== undefined);
  }

  exited(pid: number): void {
    this.#inspector.walks.exited(pid);
    this.#watched.delete(pid);
    this.#excluded.delete(pid);
    this.#leftOut.delete(pid);
  }

  /**
   * The processes at the other end of the agent's own export: excluded whole, unless one is a proxy
   * (then only the agent's own requests through it are left out). Told before `start`, they are
   * excluded before the first event.
   */
  ownPeersAt(ports: readonly number[]): WatchPlan[] {
    for (const port of ports) this.#ownPorts.add(port);
    const listeners = listeningPorts(listProcesses(this.#root), this.#root);
    return [...listeners]
      .filter(([, open]) => open.some((port) => ports.includes(port)))
      .map(([pid]) => this.ownPeer(pid))
      .filter((plan) => plan !== undefined);
  }

  /** As `ownPeersAt`, for one process. */
  ownPeer(pid: number): WatchPlan | undefined {
    const info = readProcess(pid, this.#root);
    if (info === undefined) return undefined;
    const { family } = this.#inspector.plan(info);
    const isProxy = PROXIES.includes(family) || PROXY_NAMES.includes(info.executableName);
    return isProxy ? undefined : this.#exclude(pid);
  }

  #exclude(pid: number): WatchPlan {
    this.#watched.delete(pid);
    this.#leftOut.delete(pid);
    this.#excluded.add(pid);
    return ignored(pid);
  }

  /** A collector that is told late of its exec has begun to listen already. */
  #listensForAgent(info: ProcessInfo): boolean {
    const ports = listeningPorts([info], this.#root).get(info.pid) ?? [];
    return ports.some((port) => this.#ownPorts.has(port));
  }

  #plan(info: ProcessInfo): WatchPlan | undefined {
    const plan = this.#inspector.plan(info);
    if (this.watchesAll && plan.family === 'other') return undefined;
    this.#watched.set(info.pid, info.executablePath);
    this.#inspector.watch(info);
    return { ...plan, watch: this.watchesAll ? 'default' : 'watch' };
  }
}

function ignored(tgid: number): WatchPlan {
  return { ...NO_PLAN, tgid, watch: 'ignore' };
}

/** Nothing but what every process has. */
function byDefault(tgid: number): WatchPlan {
  return { ...NO_PLAN, tgid, watch: 'default' };
}

const NO_PLAN = {
  executableKey: '',
  family: 'other',
  uprobes: [],
  reasons: [],
} as const;
