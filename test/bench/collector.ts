/** The real OpenTelemetry Collector as a sink: otel-config/sidecar.yaml, its exporter replaced. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AgentError } from '../../src/telemetry/agent-error.ts';
import { collectorProgram } from '../../tools/setup/collector.ts';
import { choosePorts } from './backends.ts';
import { ROOT } from './build.ts';
import { Child } from './children.ts';
import { failure } from './failure.ts';

const START_TIMEOUT_MS = 30_000;

export interface Collector {
  readonly child: Child;
  readonly endpoint: string;
}

export async function startCollector(cpus: string): Promise<Collector> {
  const [grpc = 0, http = 0, health = 0] = await choosePorts(3);
  const configs = [
    join(ROOT, 'otel-config', 'sidecar.yaml'),
    join(import.meta.dirname, 'collector-sink.yaml'),
  ];
  const child = new Child({
    name: 'collector',
    command: program(),
    args: configs.flatMap((file) => ['--config', file]),
    cpus,
    env: {
      SPANTAP_OTLP_GRPC: `127.0.0.1:${grpc}`,
      SPANTAP_OTLP_HTTP: `127.0.0.1:${http}`,
      SPANTAP_HEALTH: `127.0.0.1:${health}`,
    },
  });
  await answers(`http://127.0.0.1:${health}/`, child);
  return { child, endpoint: `http://127.0.0.1:${http}` };
}

/** The one that the set-up built, or another of the same make. */
function program(): string {
  const path = process.env.SPANTAP_BENCH_COLLECTOR ?? collectorProgram();
  if (existsSync(path)) return path;
  throw new AgentError('program_missing', {
    what: `there is no OpenTelemetry Collector at ${path}`,
    todo: '`npm run bench` builds it; SPANTAP_BENCH_COLLECTOR names another',
  });
}

/** Its log is silenced, so that it costs what it costs users: its health is asked instead. */
async function answers(url: string, child: Child): Promise<void> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const isUp = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (isUp) return;
    if (performance.now() > deadlineMs || child.process.exitCode !== null) {
      throw failure('the collector does not start', child.tail());
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
