/** `spantap validate FILE...`: what is wrong with configuration files. Exit 0: nothing, 1: errors. */
import type { ValidateCommand } from '../config/command-line.ts';
import { hasErrors, type Problem } from '../config/file/problem.ts';
import { AgentError, formatError } from '../telemetry/agent-error.ts';
import { formatProblems, nameOf, readConfig } from './read-config.ts';

export async function validate({ files }: ValidateCommand): Promise<number> {
  let exitCode = 0;
  for (const file of files) if (!(await isRight(file))) exitCode = 1;
  return exitCode;
}

/** One that cannot be read does not hide what is wrong with the next. */
async function isRight(file: string): Promise<boolean> {
  try {
    return await validateOne(file);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    process.stderr.write(`${formatError(error)}\n`);
    return false;
  }
}

async function validateOne(file: string): Promise<boolean> {
  const { problems } = await readConfig({ file, flags: {}, purpose: 'look' });
  const hasNone = !hasErrors(problems);
  if (problems.length > 0) process.stdout.write(`${formatProblems(problems)}\n`);
  process.stdout.write(`${nameOf(file)}: ${verdict(problems, hasNone)}\n`);
  return hasNone;
}

function verdict(problems: readonly Problem[], hasNone: boolean): string {
  const warnings = problems.filter(({ severity }) => severity === 'warning').length;
  const errors = problems.length - warnings;
  const parts = [
    ...(hasNone ? ['valid'] : [`${errors} ${errors === 1 ? 'error' : 'errors'}`]),
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`] : []),
  ];
  return parts.join(', ');
}
