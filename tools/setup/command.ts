/**
 * Runs the programs that do the set-up's work: their output goes to a log, a failure shows the end
 * of it, and a long step says every now and then that it is still at it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { cache } from './paths.ts';

const REMIND_MS = 20_000;
const LOG_LINES_SHOWN = 25;

/** A step that cannot be done: what failed, and what the user can do about it. */
export class SetupError extends Error {
  readonly advice: string;
  constructor(what: string, advice: string) {
    super(what);
    this.advice = advice;
  }
}

/** All that the set-up prints goes to stderr: stdout belongs to the command that follows. */
export function say(text: string): void {
  process.stderr.write(`spantap: ${text}\n`);
}

export interface CommandOptions {
  /** Names the log file and the reminder. */
  readonly name: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Said when the command fails. */
  readonly advice: string;
}

/** Runs to the end; throws SetupError with the end of the log when it fails. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<void> {
  const logFile = join(cache, 'logs', `${options.name}.log`);
  mkdirSync(join(cache, 'logs'), { recursive: true });
  const log = createWriteStream(logFile);
  const startMs = Date.now();
  const reminder = setInterval(() => {
    say(`  still at it: ${options.name} (${Math.round((Date.now() - startMs) / 1000)} s)`);
  }, REMIND_MS);
  try {
    const code = await exitCode(file, args, options, log);
    if (code !== 0) throw failure(file, args, code, logFile, options.advice);
  } finally {
    clearInterval(reminder);
  }
}

async function exitCode(
  file: string,
  args: readonly string[],
  options: CommandOptions,
  log: NodeJS.WritableStream,
): Promise<number | string> {
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const code = await new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, signal) => resolve(status ?? signal ?? 'unknown'));
  });
  log.end();
  await finished(log);
  return code;
}

function failure(
  file: string,
  args: readonly string[],
  code: number | string,
  logFile: string,
  advice: string,
): SetupError {
  const end = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN);
  const command = [file, ...args].join(' ');
  return new SetupError(
    `${end.join('\n')}\n${command}\nended with ${code}; log: ${logFile}`,
    advice,
  );
}

/** Output of a short command; undefined when it cannot be run or fails. */
export function outputOf(file: string, args: readonly string[]): string | undefined {
  const result = spawnSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return result.status === 0 ? result.stdout : undefined;
}

/** Where PATH finds the program; looks into the sbin folders too, which users often lack. */
export function findProgram(name: string): string | undefined {
  const path = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
  return path
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}
