/**
 * Processes as /proc shows them. A process is identified by pid and start time; the kernel's events
 * name the start in nanoseconds of boot time, /proc in clock ticks (10 ms).
 */
import { basename } from 'node:path';
import {
  bracketNumber,
  PROC_ROOT,
  readProcFolder,
  readProcLink,
  readProcText,
} from './proc/files.ts';

/** USER_HZ of every Linux that Node runs on. */
const TICK_NS = 10_000_000;

const DELETED = ' (deleted)';

export interface ProcessInfo {
  readonly pid: number;
  readonly parentPid: number;
  /** Boot time of the start, rounded down to 10 ms. */
  readonly startNs: number;
  readonly comm: string;
  /** Path of the executable in the process's own mount namespace; '' when it may not be read. */
  readonly executablePath: string;
  /** File name of the executable; comm when the path may not be read. */
  readonly executableName: string;
  /** The file was replaced or removed since the start (package upgrade). */
  readonly isExecutableDeleted: boolean;
  readonly commandLine: readonly string[];
  readonly netnsInode: number;
}

/** All processes of this pid namespace, without kernel threads. */
export function listProcesses(root = PROC_ROOT): ProcessInfo[] {
  return readProcFolder(root)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name), root))
    .filter((each) => each !== undefined);
}

/** Path of the executable in the process's own mount namespace; '' when it may not be read. */
export function executablePathOf(pid: number, root = PROC_ROOT): string {
  const link = readProcLink(`${root}/${pid}/exe`) ?? '';
  return link.endsWith(DELETED) ? link.slice(0, -DELETED.length) : link;
}

/** One process; undefined when it is gone, a zombie, or a kernel thread. */
export function readProcess(pid: number, root = PROC_ROOT): ProcessInfo | undefined {
  const folder = `${root}/${pid}`;
  const link = readProcLink(`${folder}/exe`);
  const stat = parseStat(readProcText(`${folder}/stat`));
  if (stat === undefined) return undefined;
  const commandLine = splitCommandLine(readProcText(`${folder}/cmdline`) ?? '');
  // Kernel threads and zombies have neither; a process that we may not look into has the second.
  if (link === undefined && commandLine.length === 0) return undefined;
  const isExecutableDeleted = link?.endsWith(DELETED) ?? false;
  const executablePath = (isExecutableDeleted ? link?.slice(0, -DELETED.length) : link) ?? '';
  return {
    pid,
    parentPid: stat.parentPid,
    startNs: stat.startTicks * TICK_NS,
    comm: stat.comm,
    executablePath,
    executableName: basename(executablePath) || stat.comm,
    isExecutableDeleted,
    commandLine,
    netnsInode: bracketNumber(readProcLink(`${folder}/ns/net`)),
  };
}

/** Whether two processes run the same program: workers and what forked them. */
export function runSameExecutable(one: ProcessInfo, other: ProcessInfo): boolean {
  return one.executablePath !== '' && one.executablePath === other.executablePath;
}

/** Whether a start time from the kernel (nanoseconds) and one from /proc (ticks) are the same. */
export function isSameStart(kernelNs: number, procNs: number): boolean {
  return Math.floor(kernelNs / TICK_NS) === Math.floor(procNs / TICK_NS);
}

export interface ProcessStat {
  readonly comm: string;
  readonly parentPid: number;
  readonly startTicks: number;
  /** Address at which the process has its code; 0 for one that has none. */
  readonly codeStart: number;
}

/**
 * The fields of /proc/PID/stat that discovery needs: the name may hold blanks and parentheses, so
 * fields are counted from the last `)` (proc(5): 3 state, 4 ppid, 22 starttime, 26 startcode).
 */
export function parseStat(text: string | undefined): ProcessStat | undefined {
  if (text === undefined) return undefined;
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const parentPid = Number(fields[1]);
  const startTicks = Number(fields[19]);
  const codeStart = Number(fields[23] ?? 0);
  if (open < 0 || close < open || !Number.isInteger(parentPid) || !Number.isInteger(startTicks)) {
    return undefined;
  }
  return { comm: text.slice(open + 1, close), parentPid, startTicks, codeStart };
}

function splitCommandLine(text: string): string[] {
  const words = text.split('\0');
  while (words.at(-1) === '') words.pop();
  return words;
}
