/**
 * The container that a process runs in: its id from the cgroup path as runtimes build it, and who
 * runs it from the containerd shim above it. Only what the host says counts: cgroups, and processes
 * of root.
 */
import { type ProcessInfo, readProcess } from '../processes.ts';
import { PROC_ROOT, readProcText } from './files.ts';

/** A container as the host sees it, before its runtime was asked. */
export interface ContainerRef {
  /** Most often 64 hex digits; containers of `ctr` have any name. */
  readonly id: string;
  /** Whom to ask; undefined: the cgroup path does not tell. */
  readonly runtime: 'docker' | 'containerd' | 'cri' | undefined;
  /** Of containerd, else ''. */
  readonly namespace: string;
}

/**
 * Docker, containerd, CRI-O, Podman: 64 hex digits as a folder, `<runtime>-<id>.scope` or
 * `<id>.scope`; AWS ECS on Fargate: 32 hex digits, a dash, decimal digits.
 */
const ID = /(?:^|[/:-])([0-9a-f]{64}|[0-9a-f]{32}-\d+)(?:\.scope)?(?:\/|$)/;

/** Where systemd keeps services and sessions of the host; it gives containers scopes. */
const NO_CONTAINER = /^\/($|init\.scope|user\.slice\/|system\.slice\/[^/]+\.(service|slice)(\/|$))/;

/** Processes between one in a container and its shim; beyond, nobody looks. */
const ANCESTORS_MAX = 64;

/** Undefined outside of containers. */
export function readContainer(pid: number, root = PROC_ROOT): ContainerRef | undefined {
  const cgroup = readProcText(`${root}/${pid}/cgroup`) ?? '';
  const paths = pathsOf(cgroup);
  const hexId = parseContainerId(cgroup);
  if (hexId === undefined && paths.every((path) => NO_CONTAINER.test(path))) return undefined;
  const shim = findShim(pid, root);
  const id = hexId ?? nameOf(shim, paths);
  if (id === undefined) return undefined;
  return { id, runtime: runtimeOf(shim, paths), namespace: shim?.namespace ?? '' };
}

/** Lines of /proc/PID/cgroup (`0::/path`, or one per controller); the innermost id counts. */
export function parseContainerId(text: string): string | undefined {
  for (const path of pathsOf(text)) {
    const parts = path.split('/').reverse();
    for (const part of parts) {
      const id = part.match(ID)?.[1];
      if (id !== undefined) return id;
    }
  }
  return undefined;
}

function pathsOf(cgroup: string): string[] {
  return cgroup
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(line.indexOf(':', line.indexOf(':') + 1) + 1));
}

interface Shim {
  readonly namespace: string;
  readonly id: string;
}

/** `containerd-shim-runc-v2 -namespace moby -id ID -address ...`, an ancestor of all it runs. */
function findShim(pid: number, root: string): Shim | undefined {
  let info = readProcess(pid, root);
  for (let depth = 0; depth < ANCESTORS_MAX && info !== undefined; depth += 1) {
    if (isShim(info, root)) return shimOf(info);
    info = info.parentPid > 1 ? readProcess(info.parentPid, root) : undefined;
  }
  return undefined;
}

/** Anybody can call a program like that, but only root can run the one of the host. */
function isShim({ pid, executableName }: ProcessInfo, root: string): boolean {
  if (!executableName.startsWith('containerd-shim')) return false;
  return /^Uid:\s+0\s+0\s/m.test(readProcText(`${root}/${pid}/status`) ?? '');
}

function shimOf({ commandLine }: ProcessInfo): Shim {
  const argumentOf = (flag: string) => {
    const at = commandLine.indexOf(flag);
    return at < 0 ? '' : (commandLine[at + 1] ?? '');
  };
  return { namespace: argumentOf('-namespace'), id: argumentOf('-id') };
}

/** The shim's own name for it, where the cgroup path confirms it: `/default/web`. */
function nameOf(shim: Shim | undefined, paths: readonly string[]): string | undefined {
  if (shim === undefined || shim.id === '') return undefined;
  const { namespace, id } = shim;
  const isIn = (path: string) =>
    path.split('/').some((part) => part === id || part === `${namespace}-${id}.scope`);
  return paths.some(isIn) ? id : undefined;
}

function runtimeOf(shim: Shim | undefined, paths: readonly string[]): ContainerRef['runtime'] {
  if (shim !== undefined && shim.namespace !== '') {
    if (shim.namespace === 'moby') return 'docker';
    return shim.namespace === 'k8s.io' ? 'cri' : 'containerd';
  }
  if (paths.some((path) => /\/crio-[0-9a-f]{64}/.test(path))) return 'cri';
  return paths.some((path) => /\/docker[/-][0-9a-f]{64}/.test(path)) ? 'docker' : undefined;
}
