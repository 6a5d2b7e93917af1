/** Configuration files from the disk, within their bound, and the grammars that they contain. */
import { closeSync, openSync, readSync } from 'node:fs';
import { type Loaded, loadConfig } from '../config/file/load.ts';
import type { FlagValues } from '../config/file/overrides.ts';
import { formatProblem } from '../config/file/problem.ts';
import { yamlLimits } from '../config/file/yaml-bounds.ts';
import { AgentError, messageOf } from '../telemetry/agent-error.ts';
import { loadGrammars } from './grammars.ts';

const STANDARD_INPUT = 0;

export interface ReadConfigInput {
  /** A path, `-` for standard input; undefined: no file. */
  readonly file: string | undefined;
  readonly flags: FlagValues;
  readonly purpose: 'run' | 'look';
}

/** With the text of the file; undefined: there is none. */
export interface ReadConfig extends Loaded {
  readonly text: string | undefined;
}

/** @throws AgentError when the file cannot be read or is no UTF-8 */
export async function readConfig({ file, flags, purpose }: ReadConfigInput): Promise<ReadConfig> {
  const text = file === undefined ? undefined : readText(file);
  const loaded = loadConfig({
    text,
    file: file === '-' ? 'stdin' : (file ?? ''),
    environment: process.env,
    flags,
    purpose,
    grammars: await loadGrammars(text ?? ''),
  });
  return { ...loaded, text };
}

/** One line or two for each, then how many. */
export function formatProblems(problems: Loaded['problems']): string {
  return problems.map(formatProblem).join('\n');
}

function readText(file: string): string {
  try {
    return decode(readBytes(file), file);
  } catch (error) {
    if (error instanceof AgentError) throw error;
    const why = messageOf(error);
    throw new AgentError('config', { what: `cannot read ${file}`, why });
  }
}

/** One byte more than is allowed tells the rest that it is too much. */
function readBytes(file: string): Uint8Array {
  const fd = file === '-' ? STANDARD_INPUT : openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(yamlLimits.fileBytesMax + 1);
    let used = 0;
    for (let count = -1; count !== 0 && used < bytes.length; used += count) {
      count = readSync(fd, bytes, used, bytes.length - used, null);
    }
    return bytes.subarray(0, used);
  } finally {
    if (fd !== STANDARD_INPUT) closeSync(fd);
  }
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // The bound may have cut a letter in two; a file that long is refused for its length.
    if (bytes.length > yamlLimits.fileBytesMax) return Buffer.from(bytes).toString('latin1');
    throw new AgentError('config', { what: `${file} is not UTF-8`, todo: 'convert it' });
  }
}
