/**
 * main.ts NEEDS: brings this machine to the state that a command needs.
 *
 * On a prepared machine every step answers isDone and nothing is printed. Otherwise the work is
 * done under one lock per cache, so that two set-ups that run together do not break each other;
 * steps that another one finished meanwhile are done when their turn comes.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError, say } from './command.ts';
import { isNeed, NEEDS, stepsOf } from './needs.ts';
import { cache } from './paths.ts';
import type { Step } from './step.ts';

const LOCKED = '--locked';
const EXIT_BUSY = 75;

async function runSteps(steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (step.isDone()) continue;
    const startMs = Date.now();
    say(`${step.title} ...`);
    await step.run();
    say(`  done in ${((Date.now() - startMs) / 1000).toFixed(1)} s`);
  }
}

/** flock(1) holds the lock for as long as the process that works under it lives. */
function runLocked(need: string): number {
  mkdirSync(cache, { recursive: true });
  const lock = join(cache, 'lock');
  const work = [process.execPath, import.meta.filename, need, LOCKED];
  const attempt = (flags: string[]) =>
    spawnSync('flock', [...flags, lock, ...work], { stdio: 'inherit' });
  let result = attempt(['--nonblock', '--conflict-exit-code', String(EXIT_BUSY)]);
  if (result.status === EXIT_BUSY) {
    say('another set-up is running; waiting for it');
    result = attempt([]);
  }
  if (result.error) say(`flock (package util-linux) cannot be run: ${result.error.message}`);
  return result.status ?? 1;
}

async function main(need: string | undefined, flag: string | undefined): Promise<number> {
  if (need === undefined || !isNeed(need)) {
    say(`the set-up knows: ${Object.keys(NEEDS).join(', ')}`);
    return 2;
  }
  const steps = stepsOf(need);
  if (flag === LOCKED) {
    await runSteps(steps);
    return 0;
  }
  return steps.every((step) => step.isDone()) ? 0 : runLocked(need);
}

try {
  process.exitCode = await main(process.argv[2], process.argv[3]);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.message}\n`);
  say(error.advice);
  process.exitCode = 1;
}
