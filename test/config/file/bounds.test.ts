/** Files that are made to hurt: each ends soon, with one error that says what is too much. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { yamlLimits } from '../../../src/config/file/yaml-bounds.ts';
import { load } from './load.ts';

/** A machine that is shared is slow; without bounds these take minutes, or all memory. */
const DEADLINE_MS = 20_000;

interface Bomb {
  readonly name: string;
  readonly text: () => string;
  readonly message: RegExp;
}

/** Nine anchors, each a list of nine times the one before: 9^9 values. */
function laughs(): string {
  const lines = ['x-a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]'];
  for (let i = 1; i < 9; i++)
    lines.push(
      `x-a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  return `${lines.join('\n')}\ncapture: {processes: *a8}\n`;
}

/** A hundred rules behind an anchor, in two thousand stacks. */
function rulesTimesStacks(): string {
  const rules = Array(100).fill('{expr: "true", level: full}').join(', ');
  const plugins = `x-p: &p [{type: http_capture, config: {rules: [${rules}]}}]`;
  const stacks = Array.from({ length: 2_000 }, (_, i) => `  s${i}: {plugins: *p}`);
  return [plugins, 'stacks:', ...stacks].join('\n');
}

const BOMBS: readonly Bomb[] = [
  {
    name: '10 MB of settings',
    text: () => 'tap: {}\n'.repeat(1_310_720),
    message: /^the file has 10485760 bytes; 1048576 are read/,
  },
  {
    name: 'a million brackets',
    text: () => '['.repeat(1_000_000),
    message: /^nested more than 64 levels deep/,
  },
  {
    name: 'a million lists in one line',
    text: () => '- '.repeat(500_000),
    message: /^nested more than 64/,
  },
  {
    name: 'a million mappings in one line',
    text: () => '{a: '.repeat(250_000),
    message: /^nested more than 64/,
  },
  {
    name: 'a million question marks',
    text: () => '? '.repeat(500_000),
    message: /^nested more than 64/,
  },
  {
    name: 'keys without end',
    text: () => Array.from({ length: 90_000 }, (_, i) => `k${i}: 1`).join('\n'),
    message: /^more than 200000 words and signs/,
  },
  {
    name: 'indents without end',
    text: () => Array.from({ length: 1_300 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    message: /^nested more than 64/,
  },
  { name: 'anchors of anchors', text: laughs, message: /^a list where one value belongs/ },
  {
    name: 'anchors of rules',
    text: rulesTimesStacks,
    message: /^more than 100000 values, counting those behind anchors/,
  },
  {
    name: 'anchors in a circle',
    text: () => 'stacks: &s\n  a: {plugins: [*s]}',
    message: /^the anchor &s contains itself/,
  },
  {
    name: 'a merge of itself',
    text: () => 'tap: &t\n  <<: *t',
    message: /^the anchor &t contains itself/,
  },
  {
    name: 'a merge of lists of itself',
    text: () => 'tap: &t\n  <<: [*t, [*t]]',
    message: /^the anchor &t contains itself/,
  },
  {
    name: 'a list of rules without end',
    text: () => `redaction:\n  rules:\n${'    - {type: header, name: a}\n'.repeat(5_000)}`,
    message: /^the list has 5000 items; 1024 are read at most/,
  },
  {
    name: 'macros that call each other without end',
    text: () => {
      const macro = (i: number) => `    - {name: m${i}, expr: m${i + 1}()}`;
      return ['rulekit:', '  macros:', ...Array.from({ length: 8_000 }, (_, i) => macro(i))].join(
        '\n',
      );
    },
    message: /^the list has 8000 items; 512 are read at most/,
  },
  {
    name: 'a text without end',
    text: () => `redaction: {rules: [{type: json, path: $${'.a'.repeat(400_000)}}]}`,
    message: /^the text has 800001 letters; 16384 are read at most/,
  },
  {
    name: 'a number without end',
    text: () => `otel: {timeout: "${'1s'.repeat(400_000)}"}`,
    message: /^"1s1s.*" is not a duration/,
  },
  {
    name: 'a word without end',
    text: () => `tap: {direction: ${'x'.repeat(900_000)}}`,
    message: /^"x+\.\.\." is not known/,
  },
];

describe('bounded and said in one error:', () => {
  for (const { name, text, message } of BOMBS) {
    test(name, { timeout: DEADLINE_MS }, () => {
      const { config, problems } = load(text());
      assert.equal(config, undefined);
      assert.match(problems[0]?.message ?? '', message);
      assert.ok(problems[0].line > 0 && problems[0].column > 0);
      assert.ok(problems.length <= 101);
    });
  }
});

test('the longest chain of macros is followed', () => {
  const macro = (i: number) => `    - {name: m${i}, expr: ${i === 511 ? 'm0()' : `m${i + 1}()`}}`;
  const text = ['rulekit:', '  macros:', ...Array.from({ length: 512 }, (_, i) => macro(i))];
  const errors = load(text.join('\n')).problems.filter(({ severity }) => severity === 'error');
  assert.deepEqual(
    errors.map(({ line }) => line),
    [514],
  );
});

test('a file with thousands of mistakes names the first hundred', () => {
  const text = Array.from({ length: 5_000 }, (_, i) => `k${i}: 1`).join('\n');
  const { problems } = load(text);
  assert.equal(problems.length, 101);
  assert.match(problems[100].message, /^more than 100 errors/);
});

test('a file with thousands of warnings is right all the same, and errors among them are named', () => {
  const header = (i: number) => `    h${i}: {type: env, value: V${i}}`;
  const text = ['otel:', '  headers:', ...Array.from({ length: 3_000 }, (_, i) => header(i))];
  const many = load(text.join('\n'));
  assert.notEqual(many.config, undefined);
  assert.equal(many.problems.length, 101);
  assert.match(many.problems[100].message, /^more than 100 warnings/);
  const { config, problems } = load([...text, 'tap: {foo: 1}'].join('\n'));
  assert.equal(config, undefined);
  assert.ok(problems.some(({ message }) => message === 'unknown key "foo"'));
});

test('a file as large as allowed is read', () => {
  const comment = '# just a comment that makes the file large\n';
  const count = Math.floor((yamlLimits.fileBytesMax - 100) / comment.length);
  const { config } = load(`${comment.repeat(count)}tap: {direction: egress}\n`);
  assert.equal(config?.tap.direction, 'egress');
});
