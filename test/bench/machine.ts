/** What a figure means nothing without: machine, kernel, versions, date. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { ROOT } from './build.ts';
import { failure } from './failure.ts';
import type { ProxyKind } from './proxies.ts';

/** Called before the run: a load average above its own share means that others were at work. */
export function machine(): Record<string, string | number> {
  return {
    loadAverage: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  };
}

export function versions(proxy?: ProxyKind): Record<string, string> {
  return {
    commit: git(['rev-parse', '--short', 'HEAD']) + (git(['status', '--porcelain']) ? '+' : ''),
    node: process.version,
    ...(proxy ? { [proxy]: proxyVersion(proxy) } : {}),
  };
}

function git(args: string[]): string {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
}

function proxyVersion(proxy: ProxyKind): string {
  const command = {
    nginx: ['nginx', '-v'],
    haproxy: ['haproxy', '-v'],
    caddy: ['caddy', 'version'],
  };
  const [program = '', flag = ''] = command[proxy];
  // nginx prints its version on stderr.
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' });
  return /\d+\.\d+\.\d+/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown';
}

/** Ticks that a core was busy and that passed, since boot. */
export interface CoreTime {
  readonly busy: number;
  readonly total: number;
}

/** From /proc/stat: everything but idle and iowait is busy. */
export function coreTime(core: string): CoreTime {
  const line = readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`cpu${core} `));
  const ticks = (line ?? '').split(' ').slice(1, 9).map(Number);
  const total = ticks.reduce((sum, each) => sum + each, 0);
  return { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), total };
}

export function busyShare(before: CoreTime, after: CoreTime): number {
  return (after.busy - before.busy) / Math.max(1, after.total - before.total);
}

/** How busy a core was, over several spans of time together. */
export class BusyTime {
  readonly #core: string;
  #start: CoreTime = { busy: 0, total: 0 };
  #busy = 0;
  #total = 0;

  constructor(core: string) {
    this.#core = core;
  }

  begin(): void {
    this.#start = coreTime(this.#core);
  }

  end(): void {
    const { busy, total } = coreTime(this.#core);
    this.#busy += busy - this.#start.busy;
    this.#total += total - this.#start.total;
  }

  get share(): number {
    return this.#busy / Math.max(1, this.#total);
  }
}

/**
 * Puts every thread of this process on `cpus`, so that the proxy has its core alone. On a machine
 * with one core nothing can be kept apart, and the benchmarks refuse.
 */
export function pinSelf(cpuList: string): void {
  if (cpus().length < 2) throw failure('the benchmarks need two cores');
  // A thread that ends meanwhile makes taskset fail; what counts is where this one runs.
  spawnSync('taskset', ['-acp', cpuList, String(process.pid)]);
  if (!readFileSync('/proc/self/status', 'utf8').includes(`Cpus_allowed_list:\t${cpuList}\n`)) {
    throw failure(`this process could not be put on core ${cpuList}`);
  }
}
