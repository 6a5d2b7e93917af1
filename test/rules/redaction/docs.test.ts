/** The examples of docs/redaction.md run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { limits } from '../../../src/config/limits.ts';
import { SECRET_HEADERS, SENSITIVE_QUERY_KEYS } from '../../../src/config/secrets.ts';
import { compileRedaction, type Redaction } from '../../../src/rules/redaction/redaction.ts';
import type { Action, RedactionRule } from '../../../src/rules/redaction/types.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/redaction.md'), 'utf8');

function ruleOf(text: string): RedactionRule {
  const match = /^(\w+) (.*) (keep|mask|hash|drop)$/.exec(text);
  assert.ok(match, text);
  const [, type, name = '', word] = match;
  const action = word as Action;
  switch (type) {
    case 'header':
    case 'query':
    case 'form':
      return { type, name, action };
    case 'json':
      return { type, path: name, action };
    case 'regex':
      return { type, pattern: name, action };
    default:
      return assert.fail(text);
  }
}

const TYPES: Readonly<Record<string, string>> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
};

function redact(redaction: Redaction, text: string): string {
  const [kind = '', rest = ''] = /^(\w+) (.*)$/.exec(text)?.slice(1) ?? [];
  const contentType = TYPES[kind];
  if (contentType === undefined) return redactRequest(redaction, text);
  const decoded = Buffer.from(rest);
  const result = redaction.body({ decoded, contentType, isTruncated: false });
  return `${kind} ${result.kind === 'untouched' ? rest : result.bytes}`;
}

/** `GET /a Name=value` */
function redactRequest(redaction: Redaction, text: string): string {
  const [method, target, ...fields] = text.split(' ');
  const lines = fields.map((field) => field.replace('=', ': '));
  const head = [`${method} ${target} HTTP/1.1`, ...lines, '', ''].join('\r\n');
  const redacted = redaction.head(Buffer.from(head), true).toString().trimEnd().split('\r\n');
  const [first = '', ...rest] = redacted;
  return [first.replace(' HTTP/1.1', ''), ...rest.map((line) => line.replace(': ', '='))].join(' ');
}

describe('examples of docs/redaction.md', () => {
  const block = /```redaction\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const lines = block.trim().split('\n');

  test('are there', () => assert.ok(lines.length > 5));

  for (const line of lines) {
    test(line, () => {
      const [rule = '', before = '', after = ''] = line.split(/\s+\| /);
      const compiled = compileRedaction([ruleOf(rule.trim())], { hashKey: Buffer.from('key') });
      assert.ok(compiled.ok);
      assert.equal(redact(compiled.redaction, before.trim()), after.trim());
    });
  }
});

test('docs/redaction.md names every default and the limit', () => {
  for (const name of [...SECRET_HEADERS, ...SENSITIVE_QUERY_KEYS]) {
    assert.ok(page.includes(`\`${name}\``), name);
  }
  assert.ok(page.includes(`${limits.redactionDepthMax} levels`));
});
