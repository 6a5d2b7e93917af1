/**
 * From the description of the configuration file: the JSON Schema for editors, and the tables in
 * docs/config/*.md, each between `<!-- table PATH -->` and `<!-- end -->`.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchema } from '../../src/config/file/json-schema.ts';
import { tableOf } from '../../src/config/file/tables.ts';
import { root } from '../setup/paths.ts';

const TABLE = /(<!-- table (\S+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** Path below the root -> text. */
export function configFiles(): Record<string, string> {
  const pages = globSync('docs/config/*.md', { cwd: root }).sort();
  return {
    'docs/config/qtap.schema.json': `${JSON.stringify(jsonSchema(), null, 2)}\n`,
    ...Object.fromEntries(pages.map((page) => [page, withTables(page)])),
  };
}

function withTables(page: string): string {
  const text = readFileSync(join(root, page), 'utf8');
  return text.replace(TABLE, (_, begin: string, path: string, end: string) => {
    return `${begin}${tableOf(path)}\n${end}`;
  });
}
