/**
 * Makes what reads OTEL_* of the process: it finds those of `env` there, which has what the
 * configuration file says. Only while it is made: a variable that stayed would be taken for one that
 * a user set, which wins over the file at the next reload.
 */
type Environment = Readonly<Record<string, string | undefined>>;

export function madeUnder<T>(env: Environment, make: () => T): T {
  const names = Object.keys(env).filter((name) => name.startsWith('OTEL_'));
  const before = names.map((name) => process.env[name]);
  try {
    for (const name of names) setVariable(name, env[name]);
    return make();
  } finally {
    names.forEach((name, index) => {
      setVariable(name, before[index]);
    });
  }
}

/** An assignment of undefined would become a text. */
function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
