/** The C program of driver.c as a child: one call, one answer. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Kernel } from '../../src/native/types.ts';

/** What the driver is watched by. */
export interface Watcher {
  readonly kernel: Pick<Kernel, 'ignoreConnection'>;
  watch(tgid: number): void;
}

/** A folder with the compiled program; `remove` it after the tests. */
export function buildDriver(): { readonly folder: string; readonly program: string } {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-driver-'));
  const program = join(folder, 'driver');
  const source = join(import.meta.dirname, 'driver.c');
  execFileSync('cc', ['-std=c11', '-O1', '-pthread', source, '-o', program]);
  return { folder, program };
}

export function removeDriver(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

export class Driver {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string) {
    this.#child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('no stdout');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Watches it, without the sockets through which it is told what to do. */
  watchedBy(tap: Watcher): this {
    for (const fd of [0, 1]) {
      const inode = /socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${this.pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) tap.kernel.ignoreConnection(Number(inode));
    }
    tap.watch(this.pid);
    return this;
  }

  /** The result of one call; a failed one is `-errno`. */
  async call(line: string): Promise<number> {
    this.#child.stdin?.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`driver ended at: ${line}`);
    const [word, number] = value.split(' ');
    return word === 'ok' ? Number(number) : -Number(number);
  }

  /** Calls that must not fail, one after another. */
  async calls(...lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const result = await this.call(line);
      if (result < 0) throw new Error(`${line}: errno ${-result}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
