/** Variables of the process, or what stands for them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What the first of these variables that is set says, without blanks around it; '' when none is: one
 * that is empty counts as not set (OpenTelemetry, sdk-environment-variables).
 */
export function textOf(env: Environment, ...names: readonly string[]): string {
  const texts = names.map((name) => env[name]?.trim() ?? '');
  return texts.find((text) => text !== '') ?? '';
}

/** The same source: case does not count. The text itself when it is neither. */
export function toBoolean(text: string): boolean | string {
  const lower = text.toLowerCase();
  return lower === 'true' || lower === 'false' ? lower === 'true' : text;
}

/** Those whose names start so. */
export function variablesOf(env: Environment, prefix: string): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith(prefix)));
}
