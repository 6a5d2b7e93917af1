/**
 * Redaction: rules compiled once, then pure functions over heads, targets and bodies. What leaves the
 * process in any form goes through here first.
 */
import { SECRET_HEADERS, SENSITIVE_QUERY_KEYS } from '../../config/secrets.ts';
import { type Problem, problemAt } from '../language/problem.ts';
import { compilePattern } from '../values/pattern.ts';
import { redactBody } from './body.ts';
import { redactHead, redactHeader, redactTarget } from './head.ts';
import type { JsonRule } from './json.ts';
import { parseJsonPath } from './json-path.ts';
import { pairRules } from './pairs.ts';
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

/** All problems come together. */
export function compileRedaction(
  rules: readonly RedactionRule[],
  options: RedactionOptions,
): RedactionResult {
  const sorted = new SortedRules();
  const problems: RedactionProblem[] = [];
  for (const [index, rule] of rules.entries()) {
    const problem = sorted.add(rule);
    if (problem !== undefined) problems.push({ index, problem });
  }
  if (problems.length > 0) return { ok: false, problems };
  sorted.addDefaults(options);
  return { ok: true, redaction: build(sorted, options.hashKey) };
}

/** Rules by what they name; of each name the first one. */
class SortedRules {
  readonly headers = new Map<string, Action>();
  readonly queries = new Map<string, Action>();
  readonly forms = new Map<string, Action>();
  readonly json: JsonRule[] = [];
  readonly patterns: PatternRule[] = [];

  /** The problem of a rule that cannot be. */
  add(rule: RedactionRule): Problem | undefined {
    const { action } = rule;
    switch (rule.type) {
      case 'header':
        return setFirst(this.headers, rule.name.toLowerCase(), action);
      case 'query':
        return setFirst(this.queries, rule.name, action);
      case 'form':
        return setFirst(this.forms, rule.name, action);
      case 'json': {
        const path = parseJsonPath(rule.path);
        if (!path.ok) return path.problem;
        this.json.push({ path: path.value, action });
        return undefined;
      }
      case 'regex':
        return this.#addPattern(rule.pattern, action);
    }
  }

  #addPattern(source: string, action: Action): Problem | undefined {
    const span = { offset: 0, length: source.length };
    if (action === 'keep') return problemAt(span, 'a pattern cannot be kept', 'name what to keep');
    const compiled = compilePattern(source);
    if (!compiled.ok) return problemAt(span, `pattern ${compiled.why}`);
    if (compiled.pattern.test('')) return problemAt(span, 'pattern matches nothing at all');
    this.patterns.push({ pattern: compiled.pattern, action });
    return undefined;
  }

  /** What is masked when no rule names it. */
  addDefaults({
    secretHeaders = SECRET_HEADERS,
    sensitiveQueryParameters = SENSITIVE_QUERY_KEYS,
  }: RedactionOptions): void {
    for (const name of secretHeaders) setFirst(this.headers, name.toLowerCase(), 'mask');
    for (const name of sensitiveQueryParameters) setFirst(this.queries, name, 'mask');
  }
}

function setFirst(actions: Map<string, Action>, name: string, action: Action): undefined {
  if (!actions.has(name)) actions.set(name, action);
}

function build(
  { headers, queries, forms, json, patterns }: SortedRules,
  hashKey: RedactionOptions['hashKey'],
): Redaction {
  const replacer = new Replacer(hashKey, patterns);
  const rules = { headers, queries: pairRules(queries, replacer), replacer };
  const bodyRules = { json, forms: pairRules(forms, replacer), hasForms: forms.size > 0, replacer };
  return {
    head: (head, isRequest) => redactHead(head, isRequest, rules),
    header: (name, value) => redactHeader(name, value, rules),
    target: (target) => redactTarget(target, rules),
    body: (body) => redactBody(body, bodyRules),
    coversBodies: json.length > 0 || forms.size > 0 || patterns.length > 0,
  };
}
