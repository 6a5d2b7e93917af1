/** Configuration files, and the grammars that they contain. */
import { type Loaded, loadConfig } from '../config/file/load.ts';
import type { FlagValues } from '../config/file/overrides.ts';
import { formatProblem } from '../config/file/problem.ts';
import { decodeUtf8 } from '../config/file/utf8.ts';
import { loadGrammars } from './grammars.ts';
import { readFileBytes } from './read-file.ts';

export interface ReadConfigInput {
  /** A path, `-` for standard input; undefined: no file. */
  readonly file: string | undefined;
  readonly flags: FlagValues;
  readonly purpose: 'run' | 'look';
}

/** With the text of the file; undefined: there is none, or it is no text. */
export interface ReadConfig extends Loaded {
  readonly text: string | undefined;
}

/** @throws AgentError when the file cannot be read */
export async function readConfig(input: ReadConfigInput): Promise<ReadConfig> {
  const { flags, purpose } = input;
  const text = input.file === undefined ? undefined : decodeUtf8(await readFileBytes(input.file));
  const file = nameOf(input.file ?? '');
  if (typeof text === 'object') {
    const problems = [{ severity: 'error', path: '', file, ...text } as const];
    return { config: undefined, origins: new Map(), problems, variables: {}, text: undefined };
  }
  const environment = process.env;
  const grammars = await loadGrammars(text ?? '');
  return { ...loadConfig({ text, file, environment, flags, purpose, grammars }), text };
}

/** As messages call a file. */
export function nameOf(file: string): string {
  return file === '-' ? 'stdin' : file;
}

/** One line or two for each, then how many. */
export function formatProblems(problems: Loaded['problems']): string {
  return problems.map(formatProblem).join('\n');
}
