/**
 * Names as the OpenTelemetry specification maps them ("Prometheus and OpenMetrics
 * Compatibility"): what Prometheus does not allow becomes `_`, units are spelled out behind the
 * name, counters end with `_total`.
 */
import type { MetricData } from '../types.ts';

/** UCUM to what Prometheus calls it. */
const UNITS: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes' };

export interface Family {
  /** Without the suffixes that single samples have. */
  readonly name: string;
  /** Empty for plain numbers. */
  readonly unit: string;
}

export function familyOf({ name, unit }: Pick<MetricData, 'name' | 'unit'>): Family {
  const plain = sanitize(name);
  const word = UNITS[unit] ?? '';
  return {
    name: word === '' || plain.endsWith(`_${word}`) ? plain : `${plain}_${word}`,
    unit: word,
  };
}

/** `[a-zA-Z_][a-zA-Z0-9_]*`; several underscores in a row are one. */
export function sanitize(name: string): string {
  const plain = name.replace(/[^a-zA-Z0-9]+/g, '_');
  return /^\d/.test(plain) ? `_${plain}` : plain;
}
