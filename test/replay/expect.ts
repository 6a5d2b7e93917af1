/** Writes what the recordings give now as their expectation: `node test/replay/expect.ts`. Read it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { replayFile } from './trees.ts';

for (const proxy of ['nginx', 'haproxy', 'caddy']) {
  const { trees } = replayFile(join(import.meta.dirname, `${proxy}.events`));
  writeFileSync(join(import.meta.dirname, `${proxy}.trees`), trees);
}
