/** What is wrong with a configuration: data, for `validate`, the log and editors. */

export interface Problem {
  readonly severity: 'error' | 'warning';
  /** Key by key, `tap.filters.custom[0].exe`; '' is the whole file. */
  readonly path: string;
  readonly file: string;
  /** From 1; 0 where it is not in a file (environment, flags). */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  readonly message: string;
  /** What to do, or what is allowed. */
  readonly hint: string | undefined;
}

/** `qtap.yaml:12:7: error: tap: unknown key "dirction"`, and the hint on a line of its own. */
export function formatProblem(problem: Problem): string {
  const { severity, path, file, line, column, message, hint } = problem;
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  const text = `${place}: ${severity}: ${path === '' ? '' : `${path}: `}${message}`;
  return printable(hint === undefined ? text : `${text}\n  ${hint}`);
}

/** Nothing from a file can steer a terminal. */
function printable(text: string): string {
  return text.replace(/[^\P{C}\n]+/gu, ' ');
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some(({ severity }) => severity === 'error');
}
