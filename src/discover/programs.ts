/** Programs of this host by name. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { AgentError } from '../telemetry/agent-error.ts';

/** System folders that the PATH of an ordinary user lacks. */
const SYSTEM_FOLDERS = [
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
];

/**
 * Full path of a program in PATH or in the system folders.
 * @throws AgentError `program_missing`
 */
export function findProgram(name: string, path = process.env.PATH ?? ''): string {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ''), ...SYSTEM_FOLDERS];
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (found !== undefined) return found;
  throw new AgentError('program_missing', {
    what: `${name} is not installed`,
    why: 'it is neither in PATH nor in the system folders',
    todo: `install the package that brings ${name}`,
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
