/** docs/config and pages with examples of it: a page for each section, examples that are right, generated parts up to date. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { jsonSchema } from '../../../src/config/file/json-schema.ts';
import { formatProblem } from '../../../src/config/file/problem.ts';
import { keyOf } from '../../../src/config/file/schema.ts';
import { root } from '../../../src/config/file/sections/root.ts';
import { QTAP_FLAGS } from '../../../src/config/qtap-flags.ts';
import { configFiles } from '../../../tools/gen/config.ts';
import { GRAMMARS, load } from './load.ts';
import { violations } from './schema-check.ts';
import { WRONG } from './wrong.ts';

const folder = join(import.meta.dirname, '..', '..', '..');
const pages = globSync(['README.md', 'docs/**/*.md'], { cwd: folder }).sort();
const read = (page: string) => readFileSync(join(folder, page), 'utf8');

/** Every variable that the text names is set. */
function environmentOf(text: string): Record<string, string> {
  const names = [...text.matchAll(/type: env, value: (\w+)|\{\{(\w+)\}\}/g)];
  return Object.fromEntries(names.map(([, name, other]) => [name ?? other ?? '', 'value']));
}

for (const page of pages) {
  describe(page, () => {
    const examples = [...read(page).matchAll(/^```yaml\n([\s\S]*?)^```/gm)]
      .map(([, text = '']) => text)
      .filter((text) => !text.startsWith('scrape_configs:'));

    for (const [index, text] of examples.entries()) {
      test(`example ${index + 1} is right, without a warning`, () => {
        const { config, problems } = load(text, {
          environment: environmentOf(text),
          grammars: GRAMMARS,
        });
        assert.deepEqual(problems.map(formatProblem), []);
        assert.notEqual(config, undefined);
      });

      test(`example ${index + 1} fits the schema for editors`, () => {
        assert.deepEqual(violations(jsonSchema(), parse(text, { merge: true })), []);
      });
    }

    test('has an example', { skip: !page.startsWith('docs/config/') }, () => {
      assert.ok(examples.length > 0);
    });
  });
}

test('every section has a page, and the first page names them all', () => {
  const sections = Object.keys(root.fields)
    .map(keyOf)
    .filter((key) => key !== 'version');
  const index = read('docs/config/README.md');
  for (const section of sections) {
    assert.ok(pages.includes(`docs/config/${section}.md`), section);
    assert.ok(index.includes(`(${section}.md)`), section);
  }
});

test('the page about Qtap names its flags', () => {
  const page = read('docs/config/migration.md');
  for (const flag of Object.keys(QTAP_FLAGS)) assert.ok(page.includes(`\`--${flag}\``), flag);
});

test('schema and tables are as the description of the file says: npm run gen', () => {
  const stale = Object.entries(configFiles()).filter(([file, text]) => read(file) !== text);
  assert.deepEqual(
    stale.map(([file]) => file),
    [],
  );
});

test('the schema accepts the guides', () => {
  for (const file of globSync('test/guides/*/*.yaml', { cwd: folder })) {
    const text = read(file).replace(/expr: (!.*)/, "expr: '$1'");
    assert.deepEqual(violations(jsonSchema(), parse(text)), [], file);
  }
});

test('the schema accepts as text what the agent takes as text', () => {
  const text =
    'otel: {headers: {a: 5, b: true, c: x}}\ntags: [{key: 1, source: env, location: true}]';
  assert.deepEqual(load(text).problems, []);
  assert.deepEqual(violations(jsonSchema(), parse(text)), []);
});

test('the schema refuses unknown keys and words as the agent does', () => {
  const shapes = WRONG.filter(({ error }) => /unknown key|is not known|is missing$/.test(error));
  assert.ok(shapes.length > 20);
  for (const { name, text } of shapes) {
    assert.notDeepEqual(violations(jsonSchema(), parse(text)), [], name);
  }
});
