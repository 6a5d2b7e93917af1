/**
 * Whether a HAProxy may use splice(). It does only where its configuration has an option
 * splice-auto, splice-request or splice-response (HAProxy configuration manual 4.2), and following
 * splice() has a price for every receive on the host.
 */
import { join } from 'node:path';
import { PROC_ROOT, readProcLink, readProcText } from '../proc/files.ts';
import type { ProcessInfo } from '../processes.ts';

/**
 * False only when all of its configuration could be read and none of it speaks of splicing. A wrong
 * answer costs accuracy of the first spliced bodies alone: reads that find bytes gone tell.
 */
export function maySplice(info: ProcessInfo, root = PROC_ROOT): boolean {
  const paths = configurationPaths(info.commandLine);
  const texts = paths?.map((path) => readProcText(reach(path, info, root)));
  return texts?.every((text) => text !== undefined && !text.includes('splice')) !== true;
}

/** Values of -f; undefined when there are none, or what they mean is not clear. */
function configurationPaths(commandLine: readonly string[]): string[] | undefined {
  // Files also follow after `--`; -C changes the directory before they are read.
  if (commandLine.includes('--') || commandLine.includes('-C')) return undefined;
  const paths = commandLine.filter((_, at) => commandLine[at - 1] === '-f');
  return paths.length === 0 ? undefined : paths;
}

/** HAProxy reads its files before it enters its chroot. */
function reach(path: string, { pid }: ProcessInfo, root: string): string {
  if (!path.startsWith('/')) return join(root, `${pid}/cwd`, path);
  const isHere = readProcLink(`${root}/${pid}/ns/mnt`) === readProcLink(`${root}/self/ns/mnt`);
  return isHere ? path : join(root, `${pid}/root`, path);
}
