/** `spantap validate FILE...`: what is wrong with configuration files. Exit 0: nothing, 1: errors. */
import type { ValidateCommand } from '../config/command-line.ts';
import { hasErrors, type Problem } from '../config/file/problem.ts';
import { formatProblems, readConfig } from './read-config.ts';

export async function validate({ files }: ValidateCommand): Promise<number> {
  let exitCode = 0;
  for (const file of files) if (!(await validateOne(file))) exitCode = 1;
  return exitCode;
}

async function validateOne(file: string): Promise<boolean> {
  const { problems } = await readConfig({ file, flags: {}, purpose: 'look' });
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
