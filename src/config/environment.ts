/** Variables of the process, or what stands for them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Those whose names start so. */
export function variablesOf(env: Environment, prefix: string): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith(prefix)));
}
