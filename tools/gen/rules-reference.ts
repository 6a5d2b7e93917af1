/** The tables of docs/rules.md, from the same tables that the compiler uses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FUNCTIONS } from '../../src/rules/compile/functions.ts';
import { SCHEMA } from '../../src/rules/fields/schema.ts';
import { SIGNS, WORDS } from '../../src/rules/language/token.ts';
import { root } from '../setup/paths.ts';

const PAGE = 'docs/rules.md';

export function rulesReference(): Record<string, string> {
  let text = readFileSync(join(root, PAGE), 'utf8');
  const sections = { operators: operators(), functions: functions(), fields: fields() };
  for (const [name, lines] of Object.entries(sections)) {
    const section = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- end ${name} -->)`);
    text = text.replace(section, (_, open: string, close: string) => {
      return `${open}${lines.map((line) => `${line}\n`).join('')}${close}`;
    });
  }
  return { [PAGE]: text };
}

const MEANINGS: Readonly<Record<string, string>> = {
  not: 'true becomes false and the other way round',
  and: 'both',
  or: 'one of them, or both',
  '==': 'equal; with a pattern: matches; with a network: is in it; with a list: equals an element',
  '!=': 'the contrary of ==, but false where the kinds do not fit',
  '<': 'less',
  '<=': 'at most',
  '>': 'more',
  '>=': 'at least',
  contains: 'text: has it as a part; list: has it as an element; network: has the address',
  matches: 'some part of the text matches the pattern',
  in: 'is an element of the list, or in the network',
};

function operators(): string[] {
  const rows = Object.entries(MEANINGS).map(([symbol, meaning]) => {
    const signs = SIGNS.filter(([, each]) => each === symbol).map(([sign]) => sign);
    const words = [...WORDS].filter(([, each]) => each === symbol).map(([word]) => word);
    const forms = [...signs, ...words].map((form) => `\`${form.replaceAll('|', '\\|')}\``);
    return `| ${forms.join(', ')} | ${meaning} |`;
  });
  return ['| operator | true when |', '|---|---|', ...rows];
}

function functions(): string[] {
  const rows = [...FUNCTIONS].map(
    ([name, { parameters, doc }]) => `| \`${name}(${parameters.join(', ')})\` | ${doc} |`,
  );
  return ['| function | result |', '|---|---|', ...rows];
}

function fields(): string[] {
  const rows = SCHEMA.fields.map(({ name, type, isAlways, values, copies, doc }) => {
    const notes = [
      type,
      ...(isAlways === true ? ['always'] : []),
      ...(copies === undefined ? [] : [`copies the ${copies} body`]),
    ];
    const known =
      values === undefined ? '' : ` One of ${values.map((v) => `\`${v}\``).join(', ')}.`;
    return `| \`${name}\` | ${notes.join(', ')} | ${doc}${known} |`;
  });
  return ['| field | type | says |', '|---|---|---|', ...rows];
}
