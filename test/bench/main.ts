/**
 * npm run bench -- NAME [options]: progress on stderr, one JSON line with the figures on stdout.
 * Run by hand on a machine that does nothing else; docs/benchmarks.md holds results.
 */
import { AgentError, formatError } from '../../src/telemetry/agent-error.ts';
import { Flags, type FlagTable } from './options.ts';

interface Bench {
  readonly FLAGS: FlagTable;
  run(args: readonly string[]): Promise<Record<string, unknown>>;
}

const BENCHES: Readonly<Record<string, { help: string; load: () => Promise<Bench> }>> = {
  link: { help: 'are the parents right?', load: () => import('./link.ts') },
  overhead: { help: 'what does it cost?', load: () => import('./overhead.ts') },
  loss: { help: 'is every exchange accounted for?', load: () => import('./loss.ts') },
  encode: { help: 'what does a span cost on its way to bytes?', load: () => import('./encode.ts') },
  rules: { help: 'what do rules cost per exchange?', load: () => import('./rules.ts') },
  metrics: { help: 'what does counting cost per exchange?', load: () => import('./metrics.ts') },
};

function help(): string {
  const names = Object.entries(BENCHES).map(([name, { help }]) => `  ${name.padEnd(10)}${help}`);
  return `npm run bench -- NAME [options]\n\n${names.join('\n')}\n\nNAME --help lists its options`;
}

function helpOf(name: string, table: FlagTable): string {
  const flags = Object.entries(table).map(([flag, text]) => `  --${flag.padEnd(16)}${text}`);
  return `npm run bench -- ${name} [options]\n\n${flags.join('\n')}`;
}

async function main([name = '', ...args]: readonly string[]): Promise<void> {
  if (['', 'help', '--help', '-h'].includes(name)) {
    process.stdout.write(`${help()}\n`);
    return;
  }
  const entry = BENCHES[name];
  if (entry === undefined) {
    const todo = `one of ${Object.keys(BENCHES).join(', ')}`;
    throw new AgentError('usage', { what: `unknown benchmark "${name}"`, todo });
  }
  const bench = await entry.load();
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${helpOf(name, bench.FLAGS)}\n`);
    return;
  }
  // Unknown flags end here for every benchmark, in the same words.
  new Flags(name, bench.FLAGS, args);
  const date = new Date().toISOString();
  const figures = await bench.run(args);
  process.stdout.write(`${JSON.stringify({ ...figures, date })}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${formatError(error)}\n`);
  process.exitCode = error instanceof AgentError ? 1 : 2;
}
