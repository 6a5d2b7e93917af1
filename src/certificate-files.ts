/** Certificates and keys in files: a connection that uses them begins anew when they change. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Environment, textOf } from './config/environment.ts';

/** Names end so in the variables of every signal (opentelemetry.io, protocol/exporter). */
const VARIABLES = /^OTEL_EXPORTER_OTLP_.*(CERTIFICATE|CLIENT_KEY)$/;

/** What the files hold now, as part of what a connection depends on. Who uses one says what is wrong with it. */
export function contentsOf(files: readonly (string | undefined)[]): readonly string[] {
  return files.map((file) => (file === undefined ? '' : digestOf(file)));
}

/** Of the files that the variables name. */
export function contentsOfVariables(env: Environment): readonly string[] {
  const names = Object.keys(env).filter((name) => VARIABLES.test(name));
  return contentsOf(names.sort().map((name) => textOf(env, name) || undefined));
}

function digestOf(file: string): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return 'not readable';
  }
}
