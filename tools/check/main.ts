/**
 * `npm run check`: static checks and the tests that need no root, in seconds.
 * `npm test` (argument --all): these, then what needs root, BPF and real proxies.
 */

import { bpfObstacle } from './bpf-available.ts';
import { closeWith, emptyTally, runSuite } from './run-tests.ts';
import { runStaticChecks } from './static.ts';
import { quickSuite, rootSuites } from './suites.ts';

const all = process.argv.includes('--all');
const tally = emptyTally();

await runStaticChecks(tally);
await runSuite(quickSuite(), tally, !all);
if (all) await runRootSuites();
process.exitCode = closeWith(tally);

async function runRootSuites(): Promise<void> {
  const suites = rootSuites();
  if (process.env.SPANTAP_TEST_NO_BPF === '1') {
    for (const suite of suites) {
      process.stdout.write(`\nSKIPPED ${suite.name}: SPANTAP_TEST_NO_BPF=1\n`);
      tally.skipped += suite.files.length;
    }
    return;
  }
  const obstacle = bpfObstacle();
  if (obstacle !== undefined) {
    process.stdout.write(`\nFAILED  ${obstacle}\nSPANTAP_TEST_NO_BPF=1 skips this part by name.\n`);
    tally.failed += 1;
    return;
  }
  for (const suite of suites) await runSuite(suite, tally, false);
}
