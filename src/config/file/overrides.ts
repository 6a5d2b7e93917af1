/**
 * Settings that come from the environment or from flags, over what the file says. The OTEL_*
 * variables keep their standard meaning; what they do not allow is ignored with a warning, as the
 * OpenTelemetry specification asks, but an endpoint or protocol that cannot be meant is an error.
 */
import { type Environment, textOf, toBoolean } from '../environment.ts';
import { placeOf, setAt } from './place.ts';
import type { Problem } from './problem.ts';
import { type Reading, readBoolean, readNumber, readText, readWord } from './scalars.ts';
import type { AnySchema } from './schema.ts';
import { DISABLED, isDisabled, SETTINGS, type Setting } from './settings.ts';

export type Origin =
  | { readonly from: 'default' }
  | { readonly from: 'file'; readonly line: number; readonly column: number }
  | { readonly from: 'environment'; readonly name: string }
  | { readonly from: 'flag'; readonly name: string };

/** Flags that were given. */
export interface FlagValues {
  readonly process?: readonly string[];
  readonly port?: readonly number[];
  readonly level?: string;
  readonly 'log-level'?: string;
  readonly 'log-encoding'?: string;
}

const FLAG_PATHS: Readonly<Record<keyof FlagValues, string>> = {
  process: 'capture.processes',
  port: 'capture.ports',
  level: 'capture.level',
  'log-level': 'telemetry.logs.level',
  'log-encoding': 'telemetry.logs.encoding',
};

const EXPORTERS = ['otel.traces_exporters', 'otel.metrics_exporters'];

export class Overrides {
  readonly problems: Problem[] = [];
  readonly #config: unknown;
  readonly #origins: Map<string, Origin>;

  /** Both are changed in place. */
  constructor(config: unknown, origins: Map<string, Origin>) {
    this.#config = config;
    this.#origins = origins;
  }

  apply(environment: Environment, flags: FlagValues): void {
    for (const setting of SETTINGS) this.#fromEnvironment(setting, environment);
    this.#fromSampler(environment);
    this.#fromDisabled(environment);
    for (const [flag, path] of Object.entries(FLAG_PATHS)) {
      const value = flags[flag as keyof FlagValues];
      if (value !== undefined) this.#set(path, value, { from: 'flag', name: `--${flag}` });
    }
  }

  #fromEnvironment(setting: Setting, environment: Environment): void {
    const name = setting.variables.find((variable) => textOf(environment, variable) !== '');
    if (name === undefined) {
      this.#yield(setting, environment);
      return;
    }
    const text = textOf(environment, name);
    const { schema } = placeOf(setting.path).field;
    const reading = check(schema, setting.parse?.(text) ?? readScalar(schema, text));
    if ('value' in reading) this.#set(setting.path, reading.value, { from: 'environment', name });
    else this.#complain(setting, name, reading);
  }

  /** A general endpoint of the environment also replaces the special ones of the file. */
  #yield({ path, general }: Setting, environment: Environment): void {
    const name = general?.find((variable) => textOf(environment, variable) !== '');
    if (name === undefined || !this.#origins.has(path)) return;
    this.#set(path, undefined, { from: 'environment', name });
  }

  #fromSampler(environment: Environment): void {
    const name = 'OTEL_TRACES_SAMPLER';
    const sampler = textOf(environment, name);
    const match = /^(parentbased_)?(always_on|always_off|traceidratio)$/.exec(sampler);
    if (sampler === '') return;
    if (match === null) {
      this.#add('warning', name, `"${sampler}" is no sampler that spantap knows; it is ignored`);
      return;
    }
    const [, parent, kind] = match;
    const ratio = kind === 'traceidratio' ? this.#ratio(environment) : Number(kind === 'always_on');
    this.#set('sampling.parent_based', parent !== undefined, { from: 'environment', name });
    this.#set('sampling.default', ratio, { from: 'environment', name });
  }

  #fromDisabled(environment: Environment): void {
    const text = textOf(environment, DISABLED);
    if (text !== '' && typeof toBoolean(text) !== 'boolean') {
      this.#add('warning', DISABLED, `"${text}" is neither true nor false; it is taken as false`);
    }
    if (!isDisabled(environment)) return;
    const origin = { from: 'environment', name: DISABLED } as const;
    for (const path of EXPORTERS) this.#set(path, ['none'], origin);
  }

  #ratio(environment: Environment): number {
    const name = 'OTEL_TRACES_SAMPLER_ARG';
    const text = textOf(environment, name);
    const ratio = text === '' ? 1 : Number(text);
    if (ratio >= 0 && ratio <= 1) return ratio;
    this.#add('warning', name, `"${text}" is no ratio from 0 to 1; using 1`);
    return 1;
  }

  #set(path: string, value: unknown, origin: Origin): void {
    setAt(this.#config, path, value);
    for (const known of this.#origins.keys()) {
      if (known.startsWith(`${path}.`) || known.startsWith(`${path}[`)) this.#origins.delete(known);
    }
    this.#origins.set(path, origin);
  }

  #complain(setting: Setting, name: string, { message, hint }: Wrong): void {
    if (setting.isVital === true) this.#add('error', name, message, hint);
    else this.#add('warning', name, `${message}; it is ignored`, hint);
  }

  #add(severity: Problem['severity'], file: string, message: string, hint?: string): void {
    this.problems.push({ severity, path: '', file, line: 0, column: 0, message, hint });
  }
}

type Wrong = Extract<Reading, { readonly message: string }>;

function readScalar(schema: AnySchema, text: string): Reading {
  switch (schema.kind) {
    case 'text':
      return readText(schema, { value: text, source: text });
    case 'number':
      return readNumber(schema, { value: Number(text), source: text });
    case 'boolean':
      return readBoolean({ value: toBoolean(text), source: text });
    case 'word':
      return readWord(schema, { value: text, source: text });
    default:
      return { message: 'it cannot be said in a variable' };
  }
}

/** What a variable was parsed to still has to be within the bounds of the file's setting. */
function check(
  schema: AnySchema,
  reading: Reading | { readonly value: unknown },
): Wrong | { readonly value: unknown } {
  if (!('value' in reading)) return reading;
  const { value } = reading;
  if (schema.kind === 'number' && typeof value === 'number') {
    const text = schema.unit === 'ms' ? `${value}ms` : value;
    return readNumber(schema, { value: text, source: String(value) });
  }
  if (schema.kind !== 'list' || !Array.isArray(value)) return reading;
  const items = value.map((item: string) => readScalar(schema.item, item));
  return items.find((item): item is Wrong => 'message' in item) ?? { value };
}
