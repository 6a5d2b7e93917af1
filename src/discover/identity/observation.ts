/** What /proc tells of a process at first sight: kept after its end, so that late spans find it. */
import type { Counters } from '../../telemetry/counters.ts';
import type { Inspector } from '../plan.ts';
import { type ContainerRef, readContainer } from '../proc/container.ts';
import { type Environment, readEnvironment, readNginxEnvironment } from '../proc/environment.ts';
import { type Owner, readOwner } from '../proc/owner.ts';
import { type ProcessInfo, readProcess, runSameExecutable } from '../processes.ts';

export interface Observation {
  readonly info: ProcessInfo;
  /** What it was forked from, as far up as the same executable runs: the service's first process. */
  readonly first: ProcessInfo;
  readonly owner: Owner | undefined;
  /** The variables that were asked for. */
  readonly environment: Environment;
  readonly container: ContainerRef | undefined;
}

/** Workers of workers; beyond, the last one found stands for the service. */
const GENERATIONS_MAX = 16;

export class Observer {
  readonly #inspector: Inspector;
  readonly #root: string;
  readonly #counters: Counters | undefined;

  constructor(inspector: Inspector, root: string, counters: Counters | undefined) {
    this.#inspector = inspector;
    this.#root = root;
    this.#counters = counters;
  }

  /** @param variables names of environment variables; no other is kept */
  observe(info: ProcessInfo, variables: ReadonlySet<string>): Observation {
    return {
      info,
      first: this.#firstOfService(info),
      owner: readOwner(info.pid, this.#root),
      environment: this.environment(info, variables),
      container: readContainer(info.pid, this.#root),
    };
  }

  environment(info: ProcessInfo, variables: ReadonlySet<string>): Environment {
    const symbols = this.#inspector.facts(info)?.nginxArguments;
    const [counters, root] = [this.#counters, this.#root];
    if (symbols !== undefined) {
      const saved = readNginxEnvironment(info, symbols, variables, counters, root);
      if (saved.size > 0) return saved;
    }
    return readEnvironment(info.pid, variables, counters, root);
  }

  #firstOfService(info: ProcessInfo): ProcessInfo {
    let first = info;
    for (let depth = 0; depth < GENERATIONS_MAX; depth += 1) {
      const parent = readProcess(first.parentPid, this.#root);
      if (parent === undefined || !runSameExecutable(parent, first)) break;
      first = parent;
    }
    return first;
  }
}
