/**
 * Writes the generated files, or with --check fails when one differs from what it would write.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../setup/paths.ts';
import { configFiles } from './config.ts';
import { layoutFiles } from './layout.ts';
import { rulesReference } from './rules-reference.ts';

const isCheck = process.argv.includes('--check');
const files = { ...layoutFiles(), ...configFiles(), ...rulesReference() };
for (const [name, text] of Object.entries(files)) {
  const path = join(root, name);
  const isSame = existsSync(path) && readFileSync(path, 'utf8') === text;
  if (isSame) continue;
  if (isCheck) {
    console.error(`${name} differs from its source: npm run gen`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, text);
    console.error(`gen: ${name}`);
  }
}
