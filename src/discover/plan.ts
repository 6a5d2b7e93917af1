/**
 * What to attach for one process. Cheap for files that were seen before; a new file costs one look
 * at its symbols.
 */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { limits } from '../config/limits.ts';
import type { Counters } from '../telemetry/counters.ts';
import { ExecutableCache } from './executable.ts';
import type { ExecutableFacts } from './families.ts';
import { maySplice } from './haproxy/splices.ts';
import { Walks } from './haproxy/walks.ts';
import { PROC_ROOT } from './proc/files.ts';
import { type ProcessInfo, readProcess } from './processes.ts';
import type { AttachPlan, Family } from './types.ts';

export class Inspector {
  readonly walks: Walks;
  readonly #executables: ExecutableCache;
  readonly #counters: Counters | undefined;
  readonly #root: string;
  /** Key: device and inode. One file is always named by one path, whoever runs it. */
  readonly #paths = new Map<string, string>();

  constructor(counters?: Counters, root = PROC_ROOT) {
    this.walks = new Walks(counters, root);
    this.#executables = new ExecutableCache(counters);
    this.#counters = counters;
    this.#root = root;
  }

  /** The plan for a process; undefined when it is gone or a kernel thread. */
  inspect(pid: number): AttachPlan | undefined {
    const info = readProcess(pid, this.#root);
    return info === undefined ? undefined : this.plan(info);
  }

  /** As `inspect`, for a process that was read already. */
  plan(info: ProcessInfo): AttachPlan {
    const facts = this.facts(info);
    if (facts === undefined) {
      const reasons = ['its executable cannot be read (gone, or no 64-bit ELF file)'];
      return { tgid: info.pid, executableKey: '', family: 'other', uprobes: [], reasons };
    }
    const path = facts.sites.length === 0 ? '' : this.#path(facts.fileKey, info);
    const walk = this.walks.of(info.pid, facts);
    return {
      tgid: info.pid,
      executableKey: facts.fileKey,
      family: facts.family,
      uprobes: facts.sites.map((site) => ({ ...site, path })),
      maySplice: facts.family === 'haproxy' && maySplice(info, this.#root),
      ...(walk === undefined ? {} : { walk }),
      reasons: facts.reasons,
    };
  }

  /** The process is watched: what only looking into it can tell is looked for. */
  watch(info: ProcessInfo): void {
    const facts = this.facts(info);
    if (facts?.family === 'haproxy') this.walks.watch(info.pid, facts);
  }

  #path(fileKey: string, info: ProcessInfo): string {
    const known = this.#paths.get(fileKey);
    if (known !== undefined && keyOf(known) === fileKey) return known;
    const path = reachablePath(info, this.#root);
    if (this.#paths.size >= limits.executablesMax) {
      this.#paths.clear();
      this.#counters?.add('discover.executables_forgotten');
    }
    this.#paths.set(fileKey, path);
    return path;
  }

  /** Of a process of which nothing but the path of its executable was read yet. */
  familyOf(pid: number, executablePath: string): Family {
    const exe = `${this.#root}/${pid}/exe`;
    return this.#executables.get(exe, basename(executablePath))?.family ?? 'other';
  }

  /** What is known of the process's executable. */
  facts(info: ProcessInfo): ExecutableFacts | undefined {
    return this.#executables.get(`${this.#root}/${info.pid}/exe`, info.executableName);
  }
}

/**
 * A path through which the kernel finds the executable from the agent's mount namespace: its own
 * path where that is the same file, through /proc/PID/root for containers, else /proc/PID/exe,
 * which also reaches files that were replaced (but ends with the process).
 */
export function reachablePath(info: ProcessInfo, root = PROC_ROOT): string {
  const exe = `${root}/${info.pid}/exe`;
  const wanted = keyOf(exe);
  const candidates = [info.executablePath, `${root}/${info.pid}/root${info.executablePath}`];
  return candidates.find((path) => wanted !== undefined && keyOf(path) === wanted) ?? exe;
}

function keyOf(path: string): string | undefined {
  try {
    const stat = statSync(path);
    return `${stat.dev}:${stat.ino}`;
  } catch {
    return undefined;
  }
}
