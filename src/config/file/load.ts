/**
 * Text of a configuration file, environment and flags -> one typed configuration, where each value
 * came from, and what is wrong. Pure: the same input gives the same result, so that it can be
 * asked again when the file changes.
 */
import type { Environment } from '../environment.ts';
import { checkMeaning } from './check.ts';
import type { Grammars } from './finding.ts';
import { nameFurtherSpools } from './further-spools.ts';
import { fileAsEnvironment } from './otel-environment.ts';
import { type FlagValues, type Origin, Overrides } from './overrides.ts';
import { hasErrors, type Problem } from './problem.ts';
import { readDocument } from './read.ts';
import { PROBLEMS_MAX } from './read-context.ts';
import { defaultOf } from './read-object.ts';
import { root } from './sections/root.ts';
import type { Config } from './types.ts';
import { parseYaml, YamlDocument } from './yaml-document.ts';

export interface LoadInput {
  /** undefined: there is no file, and every setting has its default. */
  readonly text: string | undefined;
  /** For messages. */
  readonly file: string;
  readonly environment: Environment;
  readonly flags: FlagValues;
  /** To run, every variable that the file names must be set; to look at it, a warning is enough. */
  readonly purpose: 'run' | 'look';
  readonly grammars?: Grammars;
}

export interface Loaded {
  /** undefined when something is wrong: never half a configuration. */
  readonly config: Config | undefined;
  /** By path; what is not in it has its default. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** In the order of the file. */
  readonly problems: readonly Problem[];
  /** What the file says in the words of the OTEL_* variables, for the official packages. */
  readonly variables: Readonly<Record<string, string>>;
}

export function loadConfig(input: LoadInput): Loaded {
  const origins = new Map<string, Origin>();
  const { config, problems } = fromFile(input, origins);
  if (config === undefined) return { config, origins, problems, variables: {} };
  const { environment, flags } = input;
  const said = { config: structuredClone(config), origins: new Map(origins) };
  const overrides = new Overrides(config, origins);
  overrides.apply(environment, flags);
  const meant = withoutWrong(environment, overrides.problems);
  const variables = fileAsEnvironment(said.config, said.origins, meant);
  const all = [...problems, ...overrides.problems];
  return { config: hasErrors(all) ? undefined : config, origins, problems: all, variables };
}

/** Variables that are ignored leave the file as it is, also for those who read variables. */
function withoutWrong(environment: Environment, problems: readonly Problem[]): Environment {
  const wrong = new Set(problems.map(({ file }) => file));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !wrong.has(name)));
}

interface FromFile {
  readonly config: Config | undefined;
  readonly problems: readonly Problem[];
}

function fromFile(input: LoadInput, origins: Map<string, Origin>): FromFile {
  const { text, file, environment, purpose } = input;
  if (text === undefined) return { config: defaults(), problems: [] };
  const document = parseYaml(text);
  if (!(document instanceof YamlDocument)) {
    const problem: Problem = { severity: 'error', path: '', file, ...document };
    return { config: undefined, problems: [problem] };
  }
  const unsetVariable = purpose === 'run' ? 'error' : 'warning';
  const read = readDocument(document, root, { file, environment, unsetVariable });
  for (const [path, position] of read.positions) origins.set(path, { from: 'file', ...position });
  if (read.errors > 0) return { config: undefined, problems: inOrder(read.problems) };
  const config = read.value as Config;
  nameFurtherSpools(config, (path) => read.positions.has(path));
  const meaning = checkMeaning(config, read, document, file, input.grammars ?? {});
  return { config, problems: inOrder([...read.problems, ...meaning]) };
}

export function defaults(): Config {
  return defaultOf(root) as unknown as Config;
}

/** Of a file; errors come first where there are too many to list. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const byPlace = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  if (byPlace.length <= PROBLEMS_MAX) return byPlace;
  const errors = byPlace.filter(({ severity }) => severity === 'error');
  const warnings = byPlace.filter(({ severity }) => severity === 'warning');
  return [...errors, ...warnings].slice(0, PROBLEMS_MAX + 1);
}
