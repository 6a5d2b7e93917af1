/**
 * Which processes are watched, now and as they come and go: turns filters and appearances into
 * plans. Without filters every process is watched by default, and only those that need more than
 * that (a family with linking state, or exclusion) get a plan.
 */

import type { Inspector } from './plan.ts';
import { PROC_ROOT } from './proc/files.ts';
import { listenersOn, listeningPorts } from './proc/listeners.ts';
import { listProcesses, type ProcessInfo, readProcess } from './processes.ts';
import { isNewTarget, selectListening, selectTargets, type TargetFilters } from './targets.ts';
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
   * Plans at start; the agent itself is always excluded.
   * @throws AgentError when a filter matches nothing.
   */
  start(): WatchPlan[] {
    const { ports } = this.#filters;
    if (ports.length > 0) this.#listeners = this.#findListeners();
    return [...this.#planAll(selectTargets(this.#filters, this.#root)), this.ignore(this.#ownPid)];
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
      .filter(({ pid }) => pid !== this.#ownPid)
      .map((info) => this.#plan(info))
      .filter((plan) => plan !== undefined);
  }

  /** The plan for a process that appeared or became another program; undefined: nothing to do. */
  appeared(pid: number): WatchPlan | undefined {
    const info = readProcess(pid, this.#root);
    if (info === undefined || pid === this.#ownPid) return undefined;
    const executableOf = (parent: number) => this.#watched.get(parent);
    const isTarget = this.#watched.has(pid) || isNewTarget(info, this.#filters, executableOf);
    return isTarget ? this.#plan(info) : undefined;
  }

  exited(pid: number): void {
    this.#watched.delete(pid);
  }

  ignore(tgid: number): WatchPlan {
    this.#watched.delete(tgid);
    return { ...NO_PLAN, tgid, watch: 'ignore' };
  }

  /**
   * The process at the other end of the agent's own export: excluded whole, unless it is a proxy
   * (then only the agent's own requests through it are left out).
   */
  ownPeersAt(port: number): WatchPlan[] {
    const listeners = listeningPorts(listProcesses(this.#root), this.#root);
    return [...listeners]
      .filter(([, ports]) => ports.includes(port))
      .map(([pid]) => this.ownPeer(pid))
      .filter((plan) => plan !== undefined);
  }

  /** As `ownPeersAt`, for one process. */
  ownPeer(pid: number): WatchPlan | undefined {
    const info = readProcess(pid, this.#root);
    if (info === undefined) return undefined;
    const { family } = this.#inspector.plan(info);
    const isProxy = PROXIES.includes(family) || PROXY_NAMES.includes(info.executableName);
    return isProxy ? undefined : this.ignore(pid);
  }

  #plan(info: ProcessInfo): WatchPlan | undefined {
    const plan = this.#inspector.plan(info);
    if (this.watchesAll && plan.family === 'other') return undefined;
    this.#watched.set(info.pid, info.executablePath);
    return { ...plan, watch: this.watchesAll ? 'default' : 'watch' };
  }
}

const NO_PLAN = {
  executableKey: '',
  family: 'other',
  uprobes: [],
  reasons: [],
} as const;
