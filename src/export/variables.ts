/**
 * The official packages read their settings from the variables of the process. What is configured
 * is more than those (a file says some of it), so they read it in a moment in which it is there.
 */
type Environment = Readonly<Record<string, string | undefined>>;

/** Runs `work` with the OTEL_* variables of `env`, and no others. Not for what reads them later. */
export function withVariables<T>(env: Environment, work: () => T): T {
  const own = otelVariables(process.env);
  replace(own, otelVariables(env));
  try {
    return work();
  } finally {
    replace(otelVariables(process.env), own);
  }
}

function otelVariables(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('OTEL_')));
}

function replace(before: Environment, after: Environment): void {
  for (const name of Object.keys(before)) delete process.env[name];
  for (const [name, value] of Object.entries(after)) {
    if (value !== undefined) process.env[name] = value;
  }
}
