/**
 * Paired slices: what a hook costs is each slice with it against the mean of its neighbours
 * without it, all inside one load run (two separate runs differ by 20 % on such machines).
 */

/** Median and quartiles of the differences, in per cent; n slices. */
export interface Paired {
  readonly median: number;
  readonly q1: number;
  readonly q3: number;
  readonly n: number;
}

export interface Measured {
  readonly variant: string;
  readonly value: number;
}

/** Quantile by linear interpolation between the sorted values; NaN when there are none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * Difference in per cent of each `variant` slice to the mean of the nearest `baseline` slices on
 * either side. A slice with only one neighbour is left out: drift would count as a cost.
 */
export function pairedDifferences(
  slices: readonly Measured[],
  variant: string,
  baseline: string,
): number[] {
  const differences: number[] = [];
  slices.forEach((slice, index) => {
    if (slice.variant !== variant) return;
    const before = slices.slice(0, index).findLast((other) => other.variant === baseline);
    const after = slices.slice(index + 1).find((other) => other.variant === baseline);
    if (!before || !after) return;
    differences.push((slice.value / ((before.value + after.value) / 2) - 1) * 100);
  });
  return differences;
}

export function paired(slices: readonly Measured[], variant: string, baseline: string): Paired {
  const differences = pairedDifferences(slices, variant, baseline);
  return {
    median: round(median(differences)),
    q1: round(quantile(differences, 0.25)),
    q3: round(quantile(differences, 0.75)),
    n: differences.length,
  };
}

/** Three digits behind the point: more would be noise in a result line. Never -0. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000 + 0;
}
