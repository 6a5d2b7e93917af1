/** `spantap config`: the merged configuration as YAML, secrets masked, with origins as comments. */
import type { ConfigCommand } from '../config/command-line.ts';
import { printConfig } from '../config/file/print.ts';
import { otherVariables } from '../config/file/settings.ts';
import { formatProblems, nameOf, readConfig } from './read-config.ts';

export async function config({ config: file, flags }: ConfigCommand): Promise<number> {
  const { config: merged, origins, problems } = await readConfig({ file, flags, purpose: 'look' });
  if (problems.length > 0) process.stderr.write(`${formatProblems(problems)}\n`);
  if (merged === undefined) return 1;
  process.stdout.write(printConfig({ config: merged, origins, file: nameOf(file ?? '') }));
  const others = otherVariables(process.env);
  if (others.length > 0) process.stdout.write(`# set without a key here: ${others.join(', ')}\n`);
  return 0;
}
