/** Section `redaction` of the configuration, compiled. The file was checked before. */
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { defaults } from '../../config/file/load.ts';
import type { RedactionConfig } from '../../config/file/types.ts';
import { compileRedaction, type Redaction } from './redaction.ts';

const KEY_BYTES = 32;

export interface ConfiguredRedaction {
  readonly redaction: Redaction;
  /** Only the standard lists are masked, which spans do by themselves. */
  readonly isStandard: boolean;
}

export function configuredRedaction(config: RedactionConfig): ConfiguredRedaction {
  const { rules, secretHeaders, sensitiveQueryParameters, hashKey } = config;
  const key = hashKey === undefined ? randomBytes(KEY_BYTES) : Buffer.from(hashKey.value);
  const options = { hashKey: key, secretHeaders, sensitiveQueryParameters };
  const compiled = compileRedaction(rules, options);
  if (!compiled.ok) throw new Error(compiled.problems[0]?.problem.message);
  const standard = { ...defaults().redaction, hashKey };
  return { redaction: compiled.redaction, isStandard: isDeepStrictEqual(config, standard) };
}
