/** Settings that a running agent cannot change: they hold from the next start on. */
import { isDeepStrictEqual } from 'node:util';
import { valueAt } from './place.ts';
import type { Config } from './types.ts';

const PATHS: readonly string[] = [
  'capture.processes',
  'capture.ports',
  'link',
  'limits.head_size',
  'limits.ring_size',
  'limits.kernel_connections',
  'limits.body_memory_size',
  'limits.body_spool',
  'otel.known_methods',
  'otel.spool.max_size',
  'otel.spool.fsync',
  'telemetry.logs',
];

/** Paths whose values differ. */
export function needRestart(running: Config, wanted: Config): string[] {
  return PATHS.filter((path) => !isDeepStrictEqual(valueAt(running, path), valueAt(wanted, path)));
}
