/** The load generator as a benchmark steers it; see load/loadgen.c for what it does. */
import { Child } from './children.ts';

export interface LoadPlan {
  readonly binary: string;
  readonly cpus: string;
  readonly port: number;
  readonly connections: number;
  readonly secondsMax: number;
  /** undefined: until `stop` or secondsMax. */
  readonly requests?: number;
  /** Requests/s; 0 or undefined: closed loop. */
  readonly rate?: number;
  readonly token?: 'query' | 'header';
  readonly log?: string;
}

/** One interval of a run: times in ns, CPU time by the name given to `watch`. */
export interface Interval {
  readonly label: string;
  readonly fromNs: number;
  readonly toNs: number;
  readonly count: number;
  readonly failed: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly meanNs: number;
  readonly cpuNs: Readonly<Record<string, number>>;
}

export interface LoadEnd {
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
  readonly reconnects: number;
  readonly unanswered: number;
}

const ANSWER_TIMEOUT_MS = 10_000;

export class Load {
  readonly child: Child;
  /** CLOCK_REALTIME minus CLOCK_MONOTONIC when the run began, ns. */
  wallOffsetNs = 0;
  /** How the run ended; rejects when the generator failed. */
  readonly end: Promise<LoadEnd>;

  private constructor(child: Child, secondsMax: number) {
    this.child = child;
    const timeoutMs = secondsMax * 1000 + 30_000;
    this.end = child.line(/"event":"end"/, timeoutMs).then((line) => JSON.parse(line) as LoadEnd);
    // Whoever waits for `end` learns of a failure; until then it is not unhandled.
    this.end.catch(() => {});
  }

  static async start(plan: LoadPlan): Promise<Load> {
    const child = new Child({
      name: 'loadgen',
      command: plan.binary,
      args: [
        ...['--connect', `127.0.0.1:${plan.port}`, '--connections', String(plan.connections)],
        ...['--seconds', String(plan.secondsMax), '--rate', String(plan.rate ?? 0)],
        ...(plan.requests ? ['--requests', String(plan.requests)] : []),
        ...(plan.token ? ['--token', plan.token] : []),
        ...(plan.log ? ['--log', plan.log] : []),
      ],
      cpus: plan.cpus,
    });
    const load = new Load(child, plan.secondsMax);
    const start = JSON.parse(await child.line(/"event":"start"/, ANSWER_TIMEOUT_MS)) as {
      monotonicNs: number;
      realtimeNs: number;
    };
    load.wallOffsetNs = start.realtimeNs - start.monotonicNs;
    return load;
  }

  /** Ends the current interval, returns it, and begins the next. */
  async mark(label: string): Promise<Interval> {
    const answer = this.child.line(/"event":"mark"/, ANSWER_TIMEOUT_MS);
    this.child.write(`mark ${label}\n`);
    return JSON.parse(await answer) as Interval;
  }

  /** Adds the CPU time of a process (all its threads) to every interval from now on. */
  watch(name: string, pid: number): void {
    this.child.write(`pid ${name} ${pid}\n`);
  }

  /** The same for every process of the proxy: `proxy0`, `proxy1`, ... */
  watchProxy(pids: readonly number[]): void {
    for (const [index, pid] of pids.entries()) this.watch(`proxy${index}`, pid);
  }

  setRate(requestsPerSecond: number): void {
    this.child.write(`rate ${requestsPerSecond}\n`);
  }

  pause(): void {
    this.child.write('pause\n');
  }

  resume(): void {
    this.child.write('resume\n');
  }

  async stop(): Promise<LoadEnd> {
    this.child.write('stop\n');
    return this.end;
  }
}
