/** Process entry: command line, dispatch, exit code. 0 good, 1 an error for a person, 2 a bug. */
import './lean-http.ts';
import { type CommandLine, HELP, parseCommandLine } from './config/command-line.ts';
import { VERSION } from './config/version.ts';
import { AgentError, formatError } from './telemetry/agent-error.ts';

async function execute(line: CommandLine): Promise<number> {
  switch (line.command) {
    case 'help':
      process.stdout.write(`${HELP}\n`);
      return 0;
    case 'version':
      process.stdout.write(`spantap ${VERSION}\n`);
      return 0;
    case 'run':
      return (await import('./commands/run.ts')).run(line);
    case 'validate':
      return (await import('./commands/validate.ts')).validate(line);
    case 'config':
      return (await import('./commands/config.ts')).config(line);
    case 'record':
      return (await import('./commands/record.ts')).record(line);
    case 'replay':
      return (await import('./commands/replay.ts')).replay(line);
    case 'doctor':
      return (await import('./commands/doctor.ts')).doctor(line);
    case 'demo':
      return (await import('./commands/demo.ts')).demo();
  }
}

async function main(): Promise<void> {
  try {
    const line = parseCommandLine(process.argv.slice(2));
    process.exitCode = await execute(line);
    // It has waited for its readers; one that does not read keeps nobody here.
    if (line.command === 'run') process.exit();
  } catch (error) {
    process.stderr.write(`${formatError(error)}\n`);
    process.exitCode = error instanceof AgentError ? 1 : 2;
  }
}

// A reader that went away (`| head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

await main();
