/** The OpenTelemetry Collector as users start it, with a second --config that writes to a file. */
import { existsSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { collectorProgram } from '../../../tools/setup/collector.ts';
import { logsOfLine, type OtlpLog } from './otlp-log.ts';
import { type OtlpSpan, spansOfLine } from './otlp-span.ts';
import { freePorts } from './ports.ts';
import { Program } from './program.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const SPANS_TIMEOUT_MS = 30_000;
/** A watcher may miss a change on some file systems; looking again is cheap. */
const LOOK_AGAIN_MS = 250;

export class Collector {
  readonly program: Program;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly #output: string;

  constructor(program: Program, output: string, grpcPort: number, httpPort: number) {
    this.program = program;
    this.#output = output;
    this.grpcPort = grpcPort;
    this.httpPort = httpPort;
  }

  /** The file's whole lines so far: OTLP/JSON, traces, metrics and logs. */
  lines(): string[] {
    if (!existsSync(this.#output)) return [];
    const text = readFileSync(this.#output, 'utf8');
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter(Boolean);
  }

  spans(): OtlpSpan[] {
    return this.lines().flatMap(spansOfLine);
  }

  /** Resolves with what `select` makes of all spans as soon as it is not undefined. */
  async await<T>(what: string, select: (spans: OtlpSpan[]) => T | undefined): Promise<T> {
    return this.awaitLines(what, (lines) => select(lines.flatMap(spansOfLine)));
  }

  awaitLogs<T>(what: string, select: (logs: OtlpLog[]) => T | undefined): Promise<T> {
    return this.awaitLines(what, (lines) => select(lines.flatMap(logsOfLine)));
  }

  /** The same for what `select` makes of the lines. */
  async awaitLines<T>(what: string, select: (lines: string[]) => T | undefined): Promise<T> {
    const deadline = Date.now() + SPANS_TIMEOUT_MS;
    for (;;) {
      const found = select(this.lines());
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`${what} did not arrive: ${this.#describe()}`);
      await this.#change();
    }
  }

  async #change(): Promise<void> {
    const abort = new AbortController();
    const watcher = existsSync(this.#output) ? watch(this.#output) : undefined;
    const changed = new Promise<void>((resolve) => watcher?.once('change', () => resolve()));
    await Promise.race([changed, delay(LOOK_AGAIN_MS, undefined, { signal: abort.signal })]);
    abort.abort();
    watcher?.close();
  }

  #describe(): string {
    const seen = this.spans().map(({ kind, attributes, resource }) =>
      JSON.stringify({ kind, service: resource['service.name'], ...attributes }),
    );
    return `${seen.length} spans, the last of them:\n${seen.slice(-20).join('\n')}`;
  }

  async stop(): Promise<void> {
    await this.program.stop();
  }
}

/** Where a collector listens. */
export type CollectorPorts = Readonly<Record<'grpc' | 'http' | 'health', number>>;

export function chooseCollectorPorts(): Promise<CollectorPorts> {
  return freePorts('grpc', 'http', 'health');
}

export async function startCollector(folder: string, chosen?: CollectorPorts): Promise<Collector> {
  const ports = chosen ?? (await chooseCollectorPorts());
  const output = join(folder, 'spans.jsonl');
  const configs = [
    join(ROOT, 'otel-config', 'sidecar.yaml'),
    join(ROOT, 'test', 'e2e', 'collector', 'to-file.yaml'),
  ];
  const flags = configs.flatMap((file) => ['--config', file]);
  const program = new Program('collector', collectorProgram(), flags, {
    env: {
      SPANTAP_OTLP_GRPC: `127.0.0.1:${ports.grpc}`,
      SPANTAP_OTLP_HTTP: `127.0.0.1:${ports.http}`,
      SPANTAP_HEALTH: `127.0.0.1:${ports.health}`,
      SPANTAP_TEST_OUTPUT: output,
    },
  });
  await program.line(/Everything is ready/);
  return new Collector(program, output, ports.grpc, ports.http);
}
