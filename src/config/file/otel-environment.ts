/**
 * What the file says, in the words of the standard variables, for the exporters: the official
 * packages read the environment. A variable that is set wins, as everywhere.
 */
import { type Environment, textOf } from '../environment.ts';
import type { Origin } from './overrides.ts';
import { valueAt } from './place.ts';
import { isDisabled, SETTINGS } from './settings.ts';
import type { Config } from './types.ts';

/** `config` and `origins` before anything was overridden. Nothing for what the file leaves out. */
export function fileAsEnvironment(
  config: Config,
  origins: ReadonlyMap<string, Origin>,
  environment: Environment,
): Record<string, string> {
  const variables: Record<string, string> = {};
  const isSet = (name: string) => textOf(environment, name) !== '';
  for (const { path, variable, general = [], format = String } of SETTINGS) {
    if (!origins.has(path) || isSet(variable) || general.some(isSet)) continue;
    const value = valueAt(config, path);
    if (value !== undefined) variables[variable] = format(value);
  }
  const isSaid = origins.has('sampling.default') || origins.has('sampling.parent_based');
  if (isSaid && !isSet('OTEL_TRACES_SAMPLER')) Object.assign(variables, sampler(config.sampling));
  return isDisabled(environment) ? { ...variables, ...NO_EXPORTERS } : variables;
}

/** Over what the environment says of exporters, too. */
const NO_EXPORTERS = { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' };

function sampler({ default: ratio, parentBased }: Config['sampling']): Record<string, string> {
  const name = parentBased ? 'parentbased_traceidratio' : 'traceidratio';
  return { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: String(ratio) };
}
