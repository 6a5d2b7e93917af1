/**
 * Programs that a benchmark starts: pinned to cores, watched for their first words, and ended
 * whatever happens. Nothing outlives the run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { failure } from './failure.ts';

const STOP_TIMEOUT_MS = 15_000;
const TAIL_LINES = 30;

export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Cores as taskset takes them: `0`, `1`, `0,1`. */
  readonly cpus: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const running = new Set<Child>();

export class Child {
  readonly name: string;
  readonly process: ChildProcess;
  /** Resolves with the exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
  readonly #listeners = new Set<(line: string) => void>();
  readonly #tail: string[] = [];

  constructor(program: Program) {
    this.name = program.name;
    // taskset execs the program: the pid is the program's own.
    this.process = spawn('taskset', ['-c', program.cpus, program.command, ...program.args], {
      cwd: program.cwd,
      env: { ...process.env, ...program.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // close, not exit: its last lines have been read by then.
    this.exited = once(this.process, 'close').then(([code, signal]) => {
      running.delete(this);
      return (code ?? signal) as number | string;
    });
    // A child that has ended is noticed by `exited`; what is still written to it goes nowhere.
    this.process.stdin?.on('error', () => {});
    for (const stream of [this.process.stdout, this.process.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#line(line));
    }
    running.add(this);
  }

  get pid(): number {
    if (this.process.pid === undefined) throw failure(`${this.name} did not start`);
    return this.process.pid;
  }

  /** Calls `listener` for every line of stdout and stderr; returns how to stop that. */
  onLine(listener: (line: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first line that matches, from now on. Rejects when the program ends or time is over. */
  async line(pattern: RegExp, timeoutMs: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const forget = this.onLine((line) => pattern.test(line) && resolve(line));
    const timer = setTimeout(() => reject(this.#error(`said nothing like ${pattern}`)), timeoutMs);
    const ended = this.exited.then((code) => reject(this.#error(`ended (${code})`)));
    ended.catch(() => {});
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      forget();
    }
  }

  write(text: string): void {
    this.process.stdin?.write(text);
  }

  /** Ends it and waits; SIGKILL when it does not end in time. Returns exit code or signal. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = STOP_TIMEOUT_MS) {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill(signal);
    }
    const timer = setTimeout(() => this.process.kill('SIGKILL'), timeoutMs);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }

  /** The last lines it wrote, for an error message. */
  tail(): string {
    return this.#tail.join('\n');
  }

  #line(line: string): void {
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    for (const listener of this.#listeners) listener(line);
  }

  #error(what: string): Error {
    return failure(`${this.name} ${what}`, `its last words:\n${this.tail()}`);
  }
}

/** Ends whatever is still running, last started first. */
export async function stopAll(): Promise<void> {
  for (const child of [...running].reverse()) await child.stop();
}

/** Direct children of a process, from /proc. */
export function childPids(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** Waits until `condition` holds. */
export async function until(
  condition: () => boolean,
  what: string,
  timeoutMs: number,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw failure(what, `not within ${timeoutMs} ms`);
    await sleep(10);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
