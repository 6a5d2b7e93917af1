/**
 * `--process NAME|PID|PATH` and `--port P`: which processes are meant, at start (`selectTargets`)
 * and when one appears later (`isNewTarget`).
 */
import { AgentError } from '../telemetry/agent-error.ts';
import { PROC_ROOT } from './proc/files.ts';
import { listeningPorts } from './proc/listeners.ts';
import { listProcesses, type ProcessInfo, runSameExecutable } from './processes.ts';

export interface TargetFilters {
  /** Names (comm or file name of the executable), pids, or paths of executables. */
  readonly processes: readonly string[];
  readonly ports: readonly number[];
}

/** How many names an error lists before it says how many more there are. */
const LISTED_MAX = 20;

/**
 * Processes that match a filter, with their workers: descendants that run the same executable, and
 * for a pid all descendants. Without filters: every process.
 * @throws AgentError `process_not_found` or `port_not_found` for a filter that matches nothing.
 */
export function selectTargets(filters: TargetFilters, root = PROC_ROOT): ProcessInfo[] {
  const all = listProcesses(root);
  return chooseTargets(filters, all, root, (problem) => {
    throw problem;
  });
}

/** As `selectTargets` among processes listed now; a filter may match nothing. */
export function currentTargets(
  filters: TargetFilters,
  all: readonly ProcessInfo[],
  root = PROC_ROOT,
): ProcessInfo[] {
  return chooseTargets(filters, all, root, () => {});
}

function chooseTargets(
  filters: TargetFilters,
  all: readonly ProcessInfo[],
  root: string,
  onMissing: (problem: AgentError) => void,
): ProcessInfo[] {
  if (filters.processes.length === 0 && filters.ports.length === 0) return [...all];
  const listening = filters.ports.length === 0 ? new Map() : listeningPorts(all, root);
  const chosen = new Set<number>();
  for (const wanted of filters.processes) {
    const found = all.filter((each) => matchesProcess(each, wanted));
    if (found.length === 0) onMissing(processNotFound(wanted, all));
    for (const each of found) chosen.add(each.pid);
  }
  for (const port of filters.ports) {
    const found = [...listening].filter(([, ports]) => ports.includes(port));
    if (found.length === 0) onMissing(portNotFound(port, listening, all));
    for (const [pid] of found) chosen.add(pid);
  }
  const pids = new Set(filters.processes.filter((wanted) => /^\d+$/.test(wanted)).map(Number));
  return withWorkers(all, chosen, pids);
}

/** Processes that listen on one of `ports` now, with their workers; none is no error. */
export function selectListening(ports: readonly number[], root = PROC_ROOT): ProcessInfo[] {
  return currentTargets({ processes: [], ports }, listProcesses(root), root);
}

/** NAME is comm or the executable's file name, PID a number, PATH contains a slash. */
function matchesProcess(info: ProcessInfo, wanted: string): boolean {
  if (/^\d+$/.test(wanted)) return info.pid === Number(wanted);
  if (wanted.includes('/')) return info.executablePath === wanted;
  return info.comm === wanted || info.executableName === wanted;
}

/**
 * Whether a process that appeared after the start belongs to the targets: it matches a name or
 * path, or it is a worker of a watched process. Listening ports are known only later: see
 * Watcher.rescan.
 */
export function isNewTarget(
  info: ProcessInfo,
  filters: TargetFilters,
  watchedExecutable: (pid: number) => string | undefined,
): boolean {
  if (filters.processes.length === 0 && filters.ports.length === 0) return true;
  if (filters.processes.some((wanted) => matchesProcess(info, wanted))) return true;
  const executable = watchedExecutable(info.parentPid);
  if (executable === undefined || executable === '') return false;
  return executable === info.executablePath || filters.processes.includes(String(info.parentPid));
}

/** Adds descendants of `chosen` that run the same executable, and all descendants of `whole`. */
function withWorkers(
  all: readonly ProcessInfo[],
  chosen: ReadonlySet<number>,
  whole: ReadonlySet<number>,
): ProcessInfo[] {
  const taken = new Map(all.filter(({ pid }) => chosen.has(pid)).map((each) => [each.pid, each]));
  const wholeTaken = new Set(whole);
  for (let grew = true; grew; ) {
    grew = false;
    for (const each of all) {
      const parent = taken.get(each.parentPid);
      if (taken.has(each.pid) || parent === undefined) continue;
      const isWhole = wholeTaken.has(parent.pid);
      if (!isWhole && !runSameExecutable(parent, each)) continue;
      if (isWhole) wholeTaken.add(each.pid);
      taken.set(each.pid, each);
      grew = true;
    }
  }
  return [...taken.values()];
}

function processNotFound(wanted: string, all: readonly ProcessInfo[]): AgentError {
  const names = [...new Set(all.map((each) => each.executableName))].sort();
  return new AgentError('process_not_found', {
    what: `no process matches --process ${wanted}`,
    why: /^\d+$/.test(wanted)
      ? 'there is no process with that pid'
      : 'no running process has that name or executable',
    todo: `start it first, or choose one of: ${shorten(names)}`,
  });
}

function portNotFound(
  port: number,
  listeners: ReadonlyMap<number, number[]>,
  all: readonly ProcessInfo[],
): AgentError {
  const names = new Map(all.map((each) => [each.pid, each.executableName]));
  const lines = new Set<string>();
  for (const [pid, ports] of listeners) {
    for (const each of ports) lines.add(`${each} (${names.get(pid) ?? pid})`);
  }
  return new AgentError('port_not_found', {
    what: `no process listens on --port ${port}`,
    why: 'ports are those of TCP listeners, in any network namespace that a process here lives in',
    todo:
      lines.size === 0
        ? 'start the server first; nothing listens on this host'
        : `start the server first, or choose one of: ${shorten([...lines])}`,
  });
}

function shorten(words: readonly string[]): string {
  const more = words.length - LISTED_MAX;
  const shown = words.slice(0, LISTED_MAX).join(', ');
  return more > 0 ? `${shown}, and ${more} more` : shown;
}
