/** The receiver process as a benchmark uses it, and the spans that it kept. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, sleep } from './children.ts';
import { type BenchSpan, decodeSpans } from './otlp.ts';
import type { ReceiverReport } from './receiver.ts';

const ANSWER_TIMEOUT_MS = 30_000;
const POLL_MS = 250;

export class Receiver {
  readonly child: Child;
  readonly port: number;

  private constructor(child: Child, port: number) {
    this.child = child;
    this.port = port;
  }

  /** `file`: where bodies are kept; '' counts and discards. `marker`: see receiver.ts. */
  static async start(cpus: string, file = '', marker = ''): Promise<Receiver> {
    const child = new Child({
      name: 'receiver',
      command: process.execPath,
      args: [join(import.meta.dirname, 'receiver.ts'), file, marker],
      cpus,
    });
    const line = await child.line(/"event":"start"/, ANSWER_TIMEOUT_MS);
    return new Receiver(child, (JSON.parse(line) as { port: number }).port);
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async report(): Promise<ReceiverReport> {
    const answer = this.child.line(/"event":"report"/, ANSWER_TIMEOUT_MS);
    this.child.write('report\n');
    return JSON.parse(await answer) as ReceiverReport;
  }

  /** Waits until `expected` spans are there, or nothing came for `quietMs`. */
  async settled(expected: number, quietMs: number): Promise<ReceiverReport> {
    let last = await this.report();
    let lastChangeMs = performance.now();
    while (last.spans < expected && performance.now() - lastChangeMs < quietMs) {
      await sleep(POLL_MS);
      const now = await this.report();
      if (now.spans !== last.spans) lastChangeMs = performance.now();
      last = now;
    }
    return last;
  }

  async stop(): Promise<ReceiverReport> {
    const answer = this.child.line(/"event":"end"/, ANSWER_TIMEOUT_MS);
    await Promise.all([answer, this.child.stop()]);
    return JSON.parse(await answer) as ReceiverReport;
  }
}

/** The spans in a file of length-prefixed bodies. */
export function readSpans(file: string): BenchSpan[] {
  const bytes = readFileSync(file);
  const spans: BenchSpan[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    for (const span of decodeSpans(bytes.subarray(at + 4, end))) spans.push(span);
    at = end;
  }
  return spans;
}
