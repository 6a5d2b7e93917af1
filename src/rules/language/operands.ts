/** The operands of comparisons: literals, fields with their keys, lists and calls. */
import { limits } from '../../config/limits.ts';
import { bad, type Checked, cover, good, type Span } from './problem.ts';
import type { ArrayLiteral, Call, FieldName, Literal, Operand } from './syntax.ts';
import { describeToken, type Sign, type Token } from './token.ts';

const FUNCTION_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A cursor over the tokens that reads operands; the parser reads conditions with it. */
export class OperandParser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string, tokens: readonly Token[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  /** The token `ahead` of the next one; the last one is always the end. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)];
  }

  next(): Token {
    const token = this.peek();
    if (this.#at < this.#tokens.length - 1) this.#at++;
    return token;
  }

  /** Steps over the symbol when it is next; its place, or undefined. */
  take(symbol: Sign): Span | undefined {
    const token = this.peek();
    if (token.kind !== 'symbol' || token.text !== symbol) return undefined;
    return this.next();
  }

  unexpected(expected: string): Checked<never> {
    const token = this.peek();
    if (this.#tokens.length === 1) return bad(token, 'the expression is empty');
    return bad(token, `unexpected ${describeToken(token, this.#text)}, expected ${expected}`);
  }

  operand(): Checked<Operand> {
    const token = this.peek();
    if (token.kind === 'symbol' && token.text === '[') return this.#list();
    if (token.kind !== 'name' || !this.#isCall()) return this.#element();
    if (!FUNCTION_NAME.test(token.text)) return bad(token, 'names of functions have no "." or "-"');
    this.next();
    return this.#call(token);
  }

  /** A name is next; true when an opening parenthesis follows it. */
  #isCall(): boolean {
    const after = this.peek(1);
    return after.kind === 'symbol' && after.text === '(';
  }

  #element(): Checked<Literal | FieldName> {
    const token = this.peek();
    if (token.kind === 'literal') {
      const { value, offset, length } = this.#step(token);
      return good({ kind: 'literal', value, offset, length });
    }
    if (token.kind !== 'name') return this.unexpected('a value');
    if (this.#isCall()) return bad(token, 'a list holds values, no calls');
    return this.#field(this.#step(token));
  }

  #step<T extends Token>(token: T): T {
    this.next();
    return token;
  }

  /** `name` or `name["key"]`; the bracket stands directly behind the name. */
  #field(name: Token & { readonly kind: 'name' }): Checked<FieldName> {
    const open = this.peek();
    const isIndexed =
      open.kind === 'symbol' && open.text === '[' && open.offset === name.offset + name.length;
    if (!isIndexed) return good({ ...spanOf(name), kind: 'field', name: name.text, key: null });
    this.next();
    const key = this.next();
    if (key.kind !== 'literal' || !key.isQuoted) {
      return bad(key, 'a key stands in quotes', 'write field["key"]');
    }
    const text = keyText(this.#text, key);
    const close = this.take(']');
    if (close === undefined) return this.unexpected('"]"');
    return good({ ...cover(name, close), kind: 'field', name: name.text, key: text });
  }

  #list(): Checked<ArrayLiteral> {
    const open = this.next();
    const elements: (Literal | FieldName)[] = [];
    do {
      if (elements.length === limits.ruleListMax) {
        return bad(this.peek(), `a list has at most ${limits.ruleListMax} elements`);
      }
      const element = this.#element();
      if (!element.ok) return element;
      elements.push(element.value);
    } while (this.take(',') !== undefined);
    const close = this.take(']');
    if (close === undefined) return this.unexpected('"," or "]"');
    return good({ kind: 'array', elements, ...cover(open, close) });
  }

  #call(name: Token & { readonly kind: 'name' }): Checked<Call> {
    this.next();
    const given: Operand[] = [];
    let close = this.take(')');
    while (close === undefined) {
      const argument = this.#argument();
      if (!argument.ok) return argument;
      given.push(argument.value);
      close = this.take(')');
      if (close === undefined && this.take(',') === undefined) return this.unexpected('"," or ")"');
    }
    return good({ kind: 'call', name: name.text, arguments: given, ...cover(name, close) });
  }

  /** Calls inside of calls are counted as depth: the nesting of `f(f(f(...)))` is recursion. */
  #argument(): Checked<Operand> {
    if (this.#callDepth >= limits.ruleDepthMax) {
      return bad(this.peek(), `nested deeper than ${limits.ruleDepthMax} levels`);
    }
    this.#callDepth++;
    const argument = this.operand();
    this.#callDepth--;
    return argument;
  }

  #callDepth = 0;
}

function spanOf({ offset, length }: Span): Span {
  return { offset, length };
}

/** A key is text even when it looks like an address. */
function keyText(text: string, token: Token & { readonly kind: 'literal' }): string {
  if (typeof token.value === 'string') return token.value;
  return text.slice(token.offset + 1, token.offset + token.length - 1);
}
