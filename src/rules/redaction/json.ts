/**
 * Redacts JSON in its text: what no rule names stays as it was written, down to the digits of large
 * numbers and members that occur twice. Any text that is not JSON (RFC 8259), or several documents of
 * it in a row, gives null: the caller keeps nothing then.
 */
import { limits } from '../../config/limits.ts';
import { AT_ROOT, descend, isMatch, type JsonPath } from './json-path.ts';
import type { Replacer } from './replacer.ts';
import type { Action } from './types.ts';

export interface JsonRule {
  readonly path: JsonPath;
  readonly action: Action;
}

export function redactJson(
  text: string,
  rules: readonly JsonRule[],
  replacer: Replacer,
): string | null {
  return new JsonRedactor(text, rules, replacer).run();
}

const SPACE = /[ \t\n\r]*/y;
/** Two patterns in turn: a single one for whole strings needs a stack as deep as they are long. */
const PLAIN = /[ !#-[\]-\uffff]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

class JsonRedactor {
  readonly #text: string;
  readonly #rules: readonly JsonRule[];
  readonly #replacer: Replacer;
  #at = 0;
  #isBroken = false;
  #depth = 0;

  constructor(text: string, rules: readonly JsonRule[], replacer: Replacer) {
    this.#text = text;
    this.#rules = rules;
    this.#replacer = replacer;
  }

  run(): string | null {
    const states = this.#rules.map(() => AT_ROOT);
    let out = this.#take(/\uFEFF?/y) ?? '';
    do {
      out += this.#value(states) ?? 'null';
    } while (!this.#isBroken && this.#at < this.#text.length);
    return this.#isBroken ? null : out;
  }

  /** A value with the white space around it; null when it is to be dropped. */
  #value(states: readonly number[]): string | null {
    const before = this.#take(SPACE) ?? '';
    const start = this.#at;
    const inner = this.#bare(states);
    const action = this.#actionFor(states);
    const raw = this.#text.slice(start, this.#at);
    const after = this.#take(SPACE) ?? '';
    if (action === undefined || action === 'keep') return before + inner + after;
    const replaced = this.#replacer.replace(action, meaningOf(raw));
    return replaced === null ? null : before + JSON.stringify(replaced) + after;
  }

  #actionFor(states: readonly number[]): Action | undefined {
    return this.#rules.find(({ path }, index) => isMatch(path, states[index]))?.action;
  }

  #bare(states: readonly number[]): string {
    const first = this.#text[this.#at];
    if (first === '{' || first === '[') return this.#nested(first, states);
    const text = first === '"' ? this.#takeString() : this.#take(SCALAR);
    if (text === undefined || text === '') return this.#break();
    return this.#clean(text);
  }

  #nested(open: '{' | '[', states: readonly number[]): string {
    if (this.#depth === limits.redactionDepthMax) return this.#break();
    this.#depth++;
    this.#at++;
    const text = open === '{' ? this.#members(states) : this.#elements(states);
    this.#depth--;
    return text;
  }

  #members(states: readonly number[]): string {
    const kept: string[] = [];
    const space = this.#take(SPACE) ?? '';
    if (this.#takeSign('}')) return `{${space}}`;
    do {
      const before = this.#take(SPACE) ?? '';
      const key = this.#takeString();
      const between = this.#take(SPACE) ?? '';
      if (key === undefined || !this.#takeSign(':')) return this.#break();
      const value = this.#value(this.#below(states, meaningOf(key)));
      if (value !== null) kept.push(`${before}${this.#clean(key)}${between}:${value}`);
    } while (!this.#isBroken && this.#takeSign(','));
    return this.#takeSign('}')
      ? `{${kept.length > 0 ? space : ''}${kept.join(',')}}`
      : this.#break();
  }

  #elements(states: readonly number[]): string {
    const kept: string[] = [];
    const space = this.#take(SPACE) ?? '';
    if (this.#takeSign(']')) return `[${space}]`;
    do {
      // Elements are known by their place: a dropped one leaves null behind.
      kept.push(this.#value(this.#below(states, kept.length)) ?? 'null');
    } while (!this.#isBroken && this.#takeSign(','));
    return this.#takeSign(']') ? `[${space}${kept.join(',')}]` : this.#break();
  }

  #below(states: readonly number[], key: string | number): number[] {
    return states.map((state, index) => descend(this.#rules[index].path, state, key));
  }

  /** Patterns see what the text means. */
  #clean(raw: string): string {
    if (this.#replacer.patterns.length === 0) return raw;
    const meaning = meaningOf(raw);
    const cleaned = this.#replacer.clean(meaning);
    return cleaned === meaning ? raw : JSON.stringify(cleaned);
  }

  #break(): string {
    this.#isBroken = true;
    return '';
  }

  #takeSign(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  /** With its quotes and escapes. */
  #takeString(): string | undefined {
    const start = this.#at;
    if (!this.#takeSign('"')) return undefined;
    do this.#take(PLAIN);
    while (this.#take(ESCAPE) !== undefined);
    if (this.#takeSign('"')) return this.#text.slice(start, this.#at);
    this.#at = start;
    return undefined;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match[0];
  }
}

/** A string without its quotes and escapes; everything else as written. */
function meaningOf(raw: string): string {
  return raw.startsWith('"') ? JSON.parse(raw) : raw;
}
