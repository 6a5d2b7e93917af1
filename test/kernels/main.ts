/** `npm run test:kernels`: the agent on other kernels, one after another. */
import { join } from 'node:path';
import { closeWith, emptyTally, runSuite } from '../../tools/check/run-tests.ts';
import { BOOT_TIMEOUT_MS } from './guest.ts';

const files = [join(import.meta.dirname, 'kernels.test.ts')];
const tally = emptyTally();
const timeoutMs = 4 * BOOT_TIMEOUT_MS;
await runSuite({ name: 'other kernels', files, concurrency: 1, timeoutMs }, tally, false);
process.exitCode = closeWith(tally);
