/**
 * The folder of a spool: ours alone (0700), used by one process at a time, with segments named by
 * ascending numbers.
 */
import { constants } from 'node:fs';
import { chmod, lstat, open, readdir, rename, unlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { AgentError, messageOf } from '../telemetry/agent-error.ts';
import { SEGMENT_HEADER } from './format.ts';
import { makeFolder } from './make-folder.ts';
import { Segment } from './segment.ts';

const MODE = 0o700;
const DIGITS = 12;
const SUFFIX = '.seg';

export interface FoundSegments {
  readonly segments: Segment[];
  /** The number of the next segment. */
  readonly next: number;
  readonly damagedBytes: number;
}

export function segmentPath(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(DIGITS, '0')}${SUFFIX}`);
}

/** Creates the folder, or takes the one that is there when it is ours. */
export async function claimFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
    const found = await lstat(folder);
    if (!found.isDirectory()) throw new Error('it is not a folder');
    if (found.uid !== process.geteuid?.()) throw new Error(`it belongs to user ${found.uid}`);
    if ((found.mode & 0o777) !== MODE) await chmod(folder, MODE);
  } catch (error) {
    throw unusable(folder, error);
  }
}

function unusable(folder: string, cause: unknown): AgentError {
  const text = {
    what: `the spool ${folder} cannot be used`,
    why: messageOf(cause),
    todo: 'name a folder that this user may create or that belongs to it, with mode 0700',
  };
  return new AgentError('spool_unusable', text, { cause });
}

function inUse(folder: string): AgentError {
  return new AgentError('spool_in_use', {
    what: `the spool ${folder} is used by another process`,
    todo: 'end the other agent, or give each one a folder of its own',
  });
}

export interface EnteredFolder<T> {
  /** Held until it is closed. */
  readonly lock: Server;
  readonly found: T;
}

/**
 * Claims and holds the folder, and looks at what earlier processes left in it. Nothing is held after
 * an error.
 * @throws AgentError when it cannot be used, or another process uses it
 */
export async function enterFolder<T>(
  folder: string,
  look: () => Promise<T>,
): Promise<EnteredFolder<T>> {
  await claimFolder(folder);
  const lock = await lockFolder(folder);
  try {
    return { lock, found: await look() };
  } catch (error) {
    lock.close();
    throw unusable(folder, error);
  }
}

/**
 * Holds the folder for this process. An abstract socket goes with the process that bound it, so
 * that neither kill -9 nor a reused pid leaves a lock behind.
 */
async function lockFolder(folder: string): Promise<Server> {
  const { dev, ino } = await lstat(folder);
  const server = createServer((socket) => socket.destroy()).unref();
  await new Promise<void>((resolve, reject) => {
    // Later ones are of those who connect: nobody is to.
    server.on('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? inUse(folder) : unusable(folder, error)),
    );
    server.listen(`\0spantap-spool-${dev}-${ino}`, resolve);
  });
  return server;
}

/** Segments of earlier processes, oldest first. */
export async function findSegments(folder: string, recordBytesMax: number): Promise<FoundSegments> {
  const names = (await readdir(folder)).filter((name) => /^\d{12}\.seg$/.test(name)).sort();
  const segments: Segment[] = [];
  let damagedBytes = 0;
  for (const name of names) {
    const path = join(folder, name);
    const sizeBytes = await sizeOfWhole(path);
    if (sizeBytes > SEGMENT_HEADER.length) {
      segments.push(new Segment(path, sizeBytes, true, recordBytesMax));
    } else damagedBytes += -Math.min(0, sizeBytes);
  }
  const last = names.at(-1);
  const next = last === undefined ? 1 : Number.parseInt(last, 10) + 1;
  return { segments, next, damagedBytes };
}

/** Size of a segment; 0 when it was empty and is gone, negative when it was not one of ours. */
async function sizeOfWhole(path: string): Promise<number> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(SEGMENT_HEADER.length);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    if (bytesRead === head.length && head.equals(SEGMENT_HEADER)) {
      if (size === SEGMENT_HEADER.length) await unlink(path);
      return size;
    }
    // A process that was killed while it created the file leaves less than a header.
    if (bytesRead < head.length) await unlink(path);
    else await rename(path, `${path}.damaged`);
    return -size;
  } finally {
    await handle.close();
  }
}
