/**
 * Redaction: rules compiled once, then pure functions over heads, targets and bodies. What leaves the
 * process in any form goes through here first.
 */
import { SECRET_HEADERS, SENSITIVE_QUERY_KEYS } from '../../config/secrets.ts';
import { type Problem, problemAt } from '../language/problem.ts';
import { compilePattern } from '../values/pattern.ts';
import { redactBody } from './body.ts';
import { type HeadRules, redactHead, redactHeader, redactTarget } from './head.ts';
import type { JsonRule } from './json.ts';
import { parseJsonPath } from './json-path.ts';
import { type PatternRule, Replacer } from './replacer.ts';
import type {
  Action,
  BodyInput,
  BodyResult,
  RedactionOptions,
  RedactionProblem,
  RedactionRule,
} from './types.ts';

export interface Redaction {
  /** A whole head, start line to the empty line. */
  head(head: Buffer, isRequest: boolean): Buffer;
  /** One field's value; null: leave the field out. */
  header(name: string, value: string): string | null;
  target(target: string): string;
  body(body: BodyInput): BodyResult;
  /** Whether any rule looks into bodies. */
  readonly coversBodies: boolean;
}

export type RedactionResult =
  | { readonly ok: true; readonly redaction: Redaction }
  | { readonly ok: false; readonly problems: readonly RedactionProblem[] };

export function compileRedaction(
  rules: readonly RedactionRule[],
  options: RedactionOptions,
): RedactionResult {
  const headers = new Map<string, Action>();
  const queries = new Map<string, Action>();
  const forms = new Map<string, Action>();
  const json: JsonRule[] = [];
  const patterns: PatternRule[] = [];
  const problems: RedactionProblem[] = [];
  for (const [index, rule] of rules.entries()) {
    const problem = add(rule);
    if (problem !== undefined) problems.push({ index, problem });
  }
  const { secretHeaders = SECRET_HEADERS, sensitiveQueryParameters = SENSITIVE_QUERY_KEYS } =
    options;
  for (const name of secretHeaders) setFirst(headers, name.toLowerCase(), 'mask');
  for (const name of sensitiveQueryParameters) setFirst(queries, name, 'mask');
  if (problems.length > 0) return { ok: false, problems };
  const replacer = new Replacer(options.hashKey, patterns);
  return { ok: true, redaction: build({ headers, queries, replacer }, json, forms) };

  function add(rule: RedactionRule): Problem | undefined {
    const { action } = rule;
    switch (rule.type) {
      case 'header':
        return setFirst(headers, rule.name.toLowerCase(), action);
      case 'query':
        return setFirst(queries, rule.name, action);
      case 'form':
        return setFirst(forms, rule.name, action);
      case 'json': {
        const path = parseJsonPath(rule.path);
        if (!path.ok) return path.problem;
        json.push({ path: path.value, action });
        return undefined;
      }
      case 'regex':
        return addPattern(rule.pattern, action);
    }
  }

  function addPattern(source: string, action: Action): Problem | undefined {
    const span = { offset: 0, length: source.length };
    if (action === 'keep') return problemAt(span, 'a pattern cannot be kept', 'name what to keep');
    const compiled = compilePattern(source);
    if (!compiled.ok) return problemAt(span, `pattern ${compiled.why}`);
    if (compiled.pattern.test('')) return problemAt(span, 'pattern matches nothing at all');
    patterns.push({ pattern: compiled.pattern, action });
    return undefined;
  }
}

/** The first rule decides. */
function setFirst(actions: Map<string, Action>, name: string, action: Action): undefined {
  if (!actions.has(name)) actions.set(name, action);
}

function build(
  rules: HeadRules,
  json: readonly JsonRule[],
  forms: ReadonlyMap<string, Action>,
): Redaction {
  const bodyRules = { json, forms, replacer: rules.replacer };
  return {
    head: (head, isRequest) => redactHead(head, isRequest, rules),
    header: (name, value) => redactHeader(name, value, rules),
    target: (target) => redactTarget(target, rules),
    body: (body) => redactBody(body, bodyRules),
    coversBodies: json.length > 0 || forms.size > 0 || rules.replacer.patterns.length > 0,
  };
}
