/** What may stay as it is but is probably not meant: warnings, and exit code 0. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GRAMMARS, load } from './load.ts';

function warningsOf(text: string): string[] {
  const { config, problems } = load(text, { grammars: GRAMMARS });
  assert.notEqual(config, undefined, problems.map(({ message }) => message).join('\n'));
  return problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

function rules(match: string, ...lines: readonly string[]): string {
  return [
    'tap: {http: {stack: s}}',
    `stacks: {s: {plugins: [{type: http_capture, config: {match: ${match}, rules: [`,
    ...lines.map((line) => `  ${line},`),
    '  ]}}]}}',
  ].join('\n');
}

const UNREACHABLE = /^(\d+):\d+ this rule never has an effect: rule "(\w+)" comes first$/;

describe('rules that can change nothing', () => {
  const cases: [string, string, string[], RegExp | undefined][] = [
    [
      'after a rule that always ends',
      'raise',
      ['{name: a, expr: "true", level: none}', '{name: b, expr: dst.port == 1, level: full}'],
      UNREACHABLE,
    ],
    [
      'after the same rule that ends',
      'raise',
      [
        '{name: a, expr: dst.port==1, level: none}',
        '{name: b, expr: "dst.port == 1", level: full}',
      ],
      UNREACHABLE,
    ],
    [
      'that ask for more than one that ends',
      'raise',
      [
        '{name: a, expr: dst.port == 1 && src.port == 2, level: none}',
        '{name: b, expr: src.port == 2 and http.res.status > 1 and dst.port == 1, level: full}',
      ],
      UNREACHABLE,
    ],
    [
      'of a level that is reached',
      'raise',
      [
        '{name: a, expr: dst.port == 1, level: full}',
        '{name: b, expr: dst.port == 1 and src.port == 2, level: details}',
      ],
      UNREACHABLE,
    ],
    [
      'behind any match, as in the mesh of the guide',
      'first',
      [
        '{name: a, expr: dst.port == 1, level: summary}',
        '{name: b, expr: dst.port == 1 && http.res.status >= 400, level: full}',
      ],
      UNREACHABLE,
    ],
    [
      'that raise the level',
      'raise',
      [
        '{name: a, expr: dst.port == 1, level: summary}',
        '{name: b, expr: dst.port == 1 && http.res.status >= 400, level: full}',
      ],
      undefined,
    ],
    [
      'that set a share',
      'raise',
      [
        '{name: a, expr: dst.port == 1, level: full}',
        '{name: b, expr: dst.port == 1, level: full, sample: 1}',
      ],
      undefined,
    ],
    [
      'that end the evaluation',
      'raise',
      [
        '{name: a, expr: dst.port == 1, level: full}',
        '{name: b, expr: dst.port == 1, level: none}',
      ],
      undefined,
    ],
    [
      'after one of two that ends',
      'raise',
      [
        '{name: a, expr: dst.port == 1 || src.port == 2, level: none}',
        '{name: b, expr: src.port == 2, level: full}',
      ],
      UNREACHABLE,
    ],
    [
      'that differ in a text only',
      'raise',
      [
        '{name: a, expr: http.req.path == "a && b", level: none}',
        '{name: b, expr: http.req.path == "a", level: full}',
      ],
      undefined,
    ],
  ];
  for (const [name, match, lines, expected] of cases) {
    test(`${expected === undefined ? 'are not those' : 'are those'} ${name}`, () => {
      const [warning] = warningsOf(rules(match, ...lines));
      if (expected === undefined) assert.equal(warning, undefined);
      else assert.deepEqual(expected.exec(warning ?? '')?.slice(1), ['4', 'a'], warning);
    });
  }

  test('are found in access logs too, where the first match decides', () => {
    const log =
      'tap: {http: {stack: s}}\nstacks: {s: {plugins: [{type: access_logs, config: {rules: [{expr: "true", mode: none}, {expr: dst.port == 1, mode: full}]}}]}}';
    assert.match(
      warningsOf(log)[0] ?? '',
      /^2:\d+ this rule never has an effect: rule "1" comes first/,
    );
  });
});

describe('keys without effect in Qtap and here', () => {
  const cases: [string, string, RegExp][] = [
    [
      'access control that allows',
      'control: {default: allow}',
      /^1:1 the key has no effect: spantap blocks nothing/,
    ],
    ['a scanner that is off', 'services: {qscan: {type: disabled}}', /^1:12 the key has no effect/],
    ['another protocol that is off', 'tap: {redis: {stack: none}}', /^1:7 the key has no effect/],
    [
      'settings of http_metrics',
      'tap: {http: {stack: s}}\nstacks: {s: {plugins: [{type: http_metrics, config: {a: 1}}]}}',
      /^2:45 the key has no effect/,
    ],
  ];
  for (const [name, text, expected] of cases) {
    test(name, () => {
      const warnings = warningsOf(text);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], expected);
    });
  }
});

describe('mistakes', () => {
  test('the filter of the HAProxy guide that leaves out HAProxy', () => {
    const text =
      'tap:\n  filters:\n    custom:\n      - exe: /usr/local/sbin/haproxy\n        strategy: exact';
    assert.match(warningsOf(text)[0] ?? '', /^4:14 this filter leaves out haproxy/);
  });

  test('a filter that leaves out only DNS of a proxy is none', () => {
    assert.deepEqual(
      warningsOf('tap: {filters: {custom: [{exe: /usr/sbin/nginx, only: [dns]}]}}'),
      [],
    );
  });

  test('a stack that nothing names', () => {
    assert.match(warningsOf('stacks: {s: {}}')[0] ?? '', /^1:13 neither tap\.http\.stack/);
  });

  test('a plugin that keeps nothing', () => {
    const file = (config: string) =>
      `tap: {http: {stack: s}}\nstacks: {s: {plugins: [{type: http_capture, config: ${config}}]}}`;
    const silent = [
      '{}',
      '{rules: [{expr: tls.enabled, level: none}, {expr: tls.enabled, sample: 1}]}',
    ];
    for (const config of silent) {
      assert.match(warningsOf(file(config))[0] ?? '', /^2:31 this plugin keeps nothing/);
    }
    assert.deepEqual(warningsOf(file('{rules: [{expr: tls.enabled, level: full}]}')), []);
  });

  test('a store that is neither the first nor has an id', () => {
    const text =
      'services: {event_stores: [{type: stdout}, {type: stdout, id: a}, {type: disabled}]}';
    assert.deepEqual(warningsOf(text), [
      '1:66 nothing can choose this store: it is not the first and has no id',
    ]);
  });

  test('an endpoint that stands there twice', () => {
    const text = 'tap: {endpoints: [{domain: shop.example}, {domain: Shop.example}]}';
    assert.deepEqual(warningsOf(text), [
      '1:52 this endpoint has no effect: tap.endpoints[0] has the same domain',
    ]);
  });

  test('a filter behind one that matches the same', () => {
    const text =
      'tap: {filters: {custom: [{exe: a, only: [dns]}, {exe: A}, {exe: a, strategy: regex}, {exe: a, strategy: exact}]}}';
    assert.deepEqual(warningsOf(text), [
      '1:55 this filter has no effect: tap.filters.custom[0] matches the same processes',
    ]);
  });

  test('a placeholder that is not filled in', () => {
    const store = (type: string) =>
      `services: {object_stores: [{type: ${type}, access_url: "https://x/{{SHA256}}/{{DIGETS}}"}]}`;
    for (const type of ['file', 's3, bucket: b']) {
      assert.match(warningsOf(store(type))[0], /^1:\d+ \{\{DIGETS\}\} is not filled in/);
    }
  });

  test('variables as a Collector writes them', () => {
    const text = `otel: {headers: {authorization: "Bearer ${'$'}{env:TOKEN}"}}`;
    assert.match(warningsOf(text)[0] ?? '', /^1:33 \$\{TOKEN\} is not expanded/);
  });
});

test('what is fine has none', () => {
  assert.deepEqual(
    warningsOf('x-mine: &a {direction: all}\ntap: {<<: *a, ignore_loopback: true}'),
    [],
  );
});
