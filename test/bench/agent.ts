/** The agent as users run it: its own process, its own exporter. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './build.ts';
import { Child } from './children.ts';
import { failure } from './failure.ts';

/** As tools/setup/start.sh starts it; the variables that it sets are this process's own as well. */
const NODE_FLAGS = ['--max-semi-space-size=2'];
const READY_TIMEOUT_MS = 60_000;
/** Long enough for a last flush to a receiver that is busy. */
const STOP_TIMEOUT_MS = 60_000;

export interface AgentPlan {
  /** Flags of `spantap run`. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly cpus: string;
  /** nice(1); 0 as users run it. */
  readonly nice?: number;
}

/** Values of all counters by name, as --summary-json writes them. */
export type Summary = Readonly<Record<string, number>>;

export class Agent {
  readonly child: Child;
  readonly #summaryFile: string;

  private constructor(child: Child, summaryFile: string) {
    this.child = child;
    this.#summaryFile = summaryFile;
  }

  /** Resolves when the agent says that it is watching. */
  static async start(plan: AgentPlan): Promise<Agent> {
    const summaryFile = join(plan.folder, 'summary.json');
    // For whoever looks for where the time goes: --trace-gc, --perf-basic-prof, ...
    const nodeFlags = process.env.SPANTAP_BENCH_NODE_FLAGS?.split(' ') ?? [];
    const node = [...NODE_FLAGS, ...nodeFlags];
    const args = [...node, 'src/main.ts', 'run', '--summary-json', summaryFile, ...plan.flags];
    const child = new Child({
      name: 'agent',
      command: 'nice',
      args: ['-n', String(plan.nice ?? 0), process.execPath, ...args],
      cpus: plan.cpus,
      cwd: ROOT,
      env: plan.env,
    });
    if (process.env.SPANTAP_BENCH_VERBOSE) child.onLine((line) => console.error(`agent: ${line}`));
    await child.line(/watching/i, READY_TIMEOUT_MS);
    return new Agent(child, summaryFile);
  }

  /** Resident memory now, and the most so far, in MB (2^20). */
  memoryMb(): { rss: number; peak: number } {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    const kb = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
    return { rss: kb('VmRSS') / 1024, peak: kb('VmHWM') / 1024 };
  }

  /** Ends it as a user would, and returns its counters. */
  async stop(): Promise<Summary> {
    const code = await this.child.stop('SIGTERM', STOP_TIMEOUT_MS);
    if (code !== 0 || !existsSync(this.#summaryFile)) {
      throw failure(`the agent ended with ${code}`, `its last words:\n${this.child.tail()}`);
    }
    return JSON.parse(readFileSync(this.#summaryFile, 'utf8')) as Summary;
  }
}

/** Exporting to `endpoint` over HTTP/protobuf, as the standard variables say it. */
export function exportTo(endpoint: string): Record<string, string> {
  return {
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  };
}
