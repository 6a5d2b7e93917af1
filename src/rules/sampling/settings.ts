/** OTEL_TRACES_SAMPLER and its argument: a word or a number that is not known is a warning. */
import { type Environment, textOf } from '../../config/environment.ts';
import type { SamplerName } from './sampler.ts';

export interface SamplerSettings {
  readonly name: SamplerName;
  /** Share of the traces that is kept when no rule says otherwise; for the ratio samplers. */
  readonly ratio: number;
  readonly warnings: readonly string[];
}

const NAMES: readonly SamplerName[] = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
];

export function readSamplerSettings(env: Environment): SamplerSettings {
  const warnings: string[] = [];
  const name = readName(env, warnings);
  return { name, ratio: readRatio(env, warnings), warnings };
}

function readName(env: Environment, warnings: string[]): SamplerName {
  const text = textOf(env, 'OTEL_TRACES_SAMPLER');
  const name = NAMES.find((known) => known === text);
  if (name !== undefined) return name;
  if (text !== '') {
    const known = NAMES.join(', ');
    warnings.push(
      `OTEL_TRACES_SAMPLER=${text} is not one of ${known}; using parentbased_always_on`,
    );
  }
  return 'parentbased_always_on';
}

function readRatio(env: Environment, warnings: string[]): number {
  const text = textOf(env, 'OTEL_TRACES_SAMPLER_ARG');
  const ratio = text === '' ? 1 : Number(text);
  if (ratio >= 0 && ratio <= 1) return ratio;
  warnings.push(`OTEL_TRACES_SAMPLER_ARG=${text} is not a ratio from 0 to 1; using 1`);
  return 1;
}
