/** A program under test: started by path, watched by its output, ended by pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const PORT_RETRY_MS = 20;

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

export class Program {
  readonly name: string;
  readonly child: ChildProcess;
  /** Everything written to stdout and to stderr so far. */
  stdout = '';
  stderr = '';

  constructor(
    name: string,
    command: string,
    args: readonly string[],
    options: ProgramOptions = {},
  ) {
    this.name = name;
    this.child = spawn(command, args, {
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** What it printed, for the message of a failed test. */
  get output(): string {
    return `${this.name} (pid ${this.pid}):\n${this.stdout}${this.stderr}`;
  }

  /** Resolves when stdout or stderr has a match; rejects when the program ends before. */
  async line(pattern: RegExp): Promise<string> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    for (;;) {
      const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (found) return found[0];
      if (this.hasEnded) throw new Error(`ended before ${pattern}: ${this.output}`);
      const leftMs = deadline - Date.now();
      if (leftMs <= 0)
        throw new Error(`no ${pattern} within ${READY_TIMEOUT_MS} ms: ${this.output}`);
      await this.#more(leftMs);
    }
  }

  /** Resolves at the next output or at the end of the program. */
  async #more(timeoutMs: number): Promise<void> {
    const abort = new AbortController();
    const wait = { signal: abort.signal };
    const events = [
      once(this.child, 'exit', wait),
      ...[this.child.stdout, this.child.stderr].flatMap((s) => (s ? [once(s, 'data', wait)] : [])),
      delay(timeoutMs, undefined, wait),
    ];
    await Promise.race(events);
    for (const event of events) event.catch(() => {}); // ended by the abort
    abort.abort();
  }

  /** Resolves when it accepts connections on the port. */
  async accepts(port: number, host = '127.0.0.1'): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (!(await canConnect(port, host))) {
      if (this.hasEnded) throw new Error(`ended at start: ${this.output}`);
      if (Date.now() > deadline) throw new Error(`port ${port} stays closed: ${this.output}`);
      await delay(PORT_RETRY_MS);
    }
  }

  /** Resolves with the exit code when the program ends by itself. */
  async ended(): Promise<number | null> {
    if (!this.hasEnded)
      await once(this.child, 'close', { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
    return this.child.exitCode;
  }

  signal(name: NodeJS.Signals): void {
    if (!this.hasEnded) this.child.kill(name);
  }

  /** SIGTERM and wait; SIGKILL for one that does not go, which is an error. */
  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const ended = once(this.child, 'close');
    this.child.kill('SIGTERM');
    const killer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(killer);
    if (this.child.signalCode === 'SIGKILL') throw new Error(`did not stop: ${this.output}`);
  }
}

async function canConnect(port: number, host: string): Promise<boolean> {
  const socket = connect(port, host);
  const [event] = await Promise.race([
    once(socket, 'connect').then(() => [true]),
    once(socket, 'error').then(() => [false]),
  ]).catch(() => [false]);
  socket.destroy();
  return event === true;
}
