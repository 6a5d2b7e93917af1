/** Numbers with a unit, as a Collector's configuration writes them. */

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const TIB = 1024 * GIB;

const MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: KIB,
  mib: MIB,
  gib: GIB,
  tib: TIB,
};

/** `1m30s` -> 90000; undefined when it is none. Go's durations without a sign. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let sumMs = 0;
  for (const [, digits = '', unit = ''] of text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) {
    sumMs += Number(digits) * (MS[unit] ?? 0);
  }
  return sumMs;
}

/** `64KiB` -> 65536, `10MB` -> 10000000; undefined when it is none. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]?i?b?)$/i.exec(text);
  const factor = BYTES[match?.[2]?.toLowerCase() ?? 'none'];
  return match === null || factor === undefined ? undefined : Math.round(Number(match[1]) * factor);
}

/** The largest unit that leaves a whole number. */
export function formatDuration(ms: number): string {
  const units = ['h', 'm', 's', 'ms', 'us', 'ns'] as const;
  const unit = units.find((name) => ms !== 0 && Number.isInteger(ms / (MS[name] ?? 1)));
  return ms === 0 ? '0s' : unit === undefined ? `${ms}ms` : `${ms / (MS[unit] ?? 1)}${unit}`;
}

export function formatBytes(count: number): string {
  const units = ['TiB', 'GiB', 'MiB', 'KiB'] as const;
  const unit = units.find(
    (name) => count !== 0 && Number.isInteger(count / (BYTES[name.toLowerCase()] ?? 1)),
  );
  return unit === undefined ? String(count) : `${count / (BYTES[unit.toLowerCase()] ?? 1)}${unit}`;
}
