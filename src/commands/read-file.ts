/** Bytes of a configuration file, within their bound: from the disk, a pipe or standard input. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { yamlLimits } from '../config/file/yaml-bounds.ts';
import { AgentError, messageOf } from '../telemetry/agent-error.ts';

const STANDARD_INPUT = 0;
/** Nobody writes into a pipe that says nothing for so long. */
const PIPE_WAIT_MS = 3_000;
const PIPE_LOOK_MS = 20;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'the permission is missing',
  ELOOP: 'its links lead in a circle',
};

/**
 * One byte more than is allowed tells the rest that it is too much.
 * @throws AgentError when it cannot be read
 */
export async function readFileBytes(file: string): Promise<Uint8Array> {
  if (/^https?:\/\//i.test(file)) {
    const todo = 'download it, and give the file';
    throw new AgentError('config', { what: `${file} is a URL, which is not supported`, todo });
  }
  try {
    return file === '-'
      ? await readAll(STANDARD_INPUT, Number.POSITIVE_INFINITY)
      : await read(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const why = REASONS[code] ?? messageOf(error);
    throw new AgentError('config', { what: `cannot read ${file === '-' ? 'stdin' : file}`, why });
  }
}

/** Without waiting for somebody who opens a pipe for writing. */
async function read(file: string): Promise<Uint8Array> {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const isPipe = fstatSync(fd).isFIFO();
    const bytes = await readAll(fd, PIPE_WAIT_MS);
    if (isPipe && bytes.length === 0) throw new Error('nobody writes into this pipe');
    return bytes;
  } finally {
    closeSync(fd);
  }
}

async function readAll(fd: number, waitMs: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(yamlLimits.fileBytesMax + 1);
  // At the beginning of a pipe, its end only says that nobody writes yet.
  const mayBeEarly = fd !== STANDARD_INPUT && fstatSync(fd).isFIFO();
  let used = 0;
  for (let waitedMs = 0; used < bytes.length; ) {
    const count = readSome(fd, bytes.subarray(used));
    const isEarly = count === undefined || (count === 0 && used === 0 && mayBeEarly);
    if (!isEarly && count === 0) break;
    used += count ?? 0;
    waitedMs = isEarly ? waitedMs + PIPE_LOOK_MS : 0;
    if (waitedMs > waitMs) break;
    if (isEarly) await delay(PIPE_LOOK_MS);
  }
  return bytes.subarray(0, used);
}

/** undefined: nothing yet. */
function readSome(fd: number, into: Uint8Array): number | undefined {
  try {
    return readSync(fd, into, 0, into.length, null);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}
