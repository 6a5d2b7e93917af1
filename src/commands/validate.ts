/** `spantap validate FILE...`: what is wrong with configuration files. Exit 0: nothing, 1: errors. */
import type { ValidateCommand } from '../config/command-line.ts';
import { hasErrors, type Problem } from '../config/file/problem.ts';
import { formatProblems, readConfig } from './read-config.ts';

export function validate({ files }: ValidateCommand): number {
  const results = files.map((file) => validateOne(file));
  return results.every((isRight) => isRight) ? 0 : 1;
}

function validateOne(file: string): boolean {
  const { problems } = readConfig({ file, flags: {}, purpose: 'look' });
  const isRight = !hasErrors(problems);
  if (problems.length > 0) process.stdout.write(`${formatProblems(problems)}\n`);
  process.stdout.write(`${file}: ${verdict(problems, isRight)}\n`);
  return isRight;
}

function verdict(problems: readonly Problem[], isRight: boolean): string {
  const warnings = problems.filter(({ severity }) => severity === 'warning').length;
  const errors = problems.length - warnings;
  const parts = [
    ...(isRight ? ['valid'] : [`${errors} ${errors === 1 ? 'error' : 'errors'}`]),
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`] : []),
  ];
  return parts.join(', ');
}
