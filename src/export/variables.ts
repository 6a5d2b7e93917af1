/**
 * The official packages read their settings from the variables of the process. What is configured
 * is more than those (a file says some of it), so they read it in a moment in which it is there.
 */
import { type Environment, textOf } from '../config/environment.ts';

/** What is said of one signal, else of all; '' when neither is (opentelemetry.io, protocol/exporter). */
export function otlpVariable(
  env: Environment,
  signal: 'TRACES' | 'METRICS' | 'LOGS',
  key: 'ENDPOINT' | 'PROTOCOL',
): string {
  return textOf(env, `OTEL_EXPORTER_OTLP_${signal}_${key}`, `OTEL_EXPORTER_OTLP_${key}`);
}

/** Runs `work` with the OTEL_* variables of `env` over those that are set. Not for later reads. */
export function withVariables<T>(env: Environment, work: () => T): T {
  const names = Object.keys(env).filter((name) => name.startsWith('OTEL_'));
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) set(name, env[name]);
  try {
    return work();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

function set(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
