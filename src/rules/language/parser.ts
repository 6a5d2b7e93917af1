/**
 * Tokens into a tree, by recursive descent. `or` binds least, then `and`, then `not`, which covers a
 * whole comparison:
 *
 *     condition  = conjunction { OR conjunction }
 *     conjunction = negation { AND negation }
 *     negation   = NOT negation | "(" condition ")" | comparison
 *     comparison = operand [ operator operand ]
 *
 * Rulekit binds `or` closer than `and`; where the two meet without parentheses there is a warning.
 */
import { limits } from '../../config/limits.ts';
import { tokenize } from './lexer.ts';
import { OperandParser } from './operands.ts';
import { bad, type Checked, cover, good, type Problem, problemAt, type Span } from './problem.ts';
import { type CompareOperator, isNetwork, type Node, type Operand } from './syntax.ts';
import type { Token } from './token.ts';

export interface Parsed {
  readonly node: Node;
  readonly warnings: readonly Problem[];
}

export function parse(text: string): Checked<Parsed> {
  const tokens = tokenize(text);
  if (!tokens.ok) return tokens;
  const parser = new Parser(text, tokens.value);
  const node = parser.condition();
  if (!node.ok) return node;
  const rest = parser.cursor.peek();
  if (rest.kind !== 'end') return parser.unexpectedEnd(rest);
  return good({ node: node.value, warnings: parser.warnings });
}

const COMPARE: ReadonlySet<string> = new Set<CompareOperator>([
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'contains',
  'matches',
  'in',
]);

class Parser {
  readonly cursor: OperandParser;
  readonly warnings: Problem[] = [];
  #depth = 0;

  constructor(text: string, tokens: readonly Token[]) {
    this.cursor = new OperandParser(text, tokens);
  }

  condition(): Checked<Node> {
    const operands = this.#operands('or', () => this.#conjunction());
    if (!operands.ok) return operands;
    if (operands.value.length > 1) this.#warnAboutMix(operands.value);
    return good(joined('or', operands.value));
  }

  /** An `and` that is no operand in parentheses of its own would be read differently by Rulekit. */
  #warnAboutMix(operands: readonly Node[]): void {
    const mixed = operands.find((node) => node.kind === 'and' && !this.#closed.has(node));
    if (mixed === undefined) return;
    const message = '"and" binds closer than "or" here, Rulekit has it the other way round';
    this.warnings.push(problemAt(mixed, message, 'put parentheses around what belongs together'));
  }

  /** Conditions that stood in parentheses. */
  readonly #closed = new WeakSet<Node>();

  #conjunction(): Checked<Node> {
    const operands = this.#operands('and', () => this.#negation());
    return operands.ok ? good(joined('and', operands.value)) : operands;
  }

  /** One or more, with `sign` between them. */
  #operands(sign: 'and' | 'or', read: () => Checked<Node>): Checked<readonly Node[]> {
    const operands: Node[] = [];
    do {
      const operand = read();
      if (!operand.ok) return operand;
      operands.push(operand.value);
    } while (this.cursor.take(sign) !== undefined);
    return good(operands);
  }

  /** Any number of `not` in a row, without recursion. */
  #negation(): Checked<Node> {
    const nots: Span[] = [];
    for (let not = this.cursor.take('not'); not; not = this.cursor.take('not')) nots.push(not);
    if (nots.length > limits.ruleDepthMax) return this.#tooDeep(nots[limits.ruleDepthMax]);
    const inner = this.#primary();
    if (!inner.ok) return inner;
    let node = inner.value;
    for (const not of nots.reverse()) node = { kind: 'not', operand: node, ...cover(not, node) };
    return good(node);
  }

  #primary(): Checked<Node> {
    const open = this.cursor.take('(');
    if (open === undefined) return this.#comparison();
    if (this.#depth >= limits.ruleDepthMax) return this.#tooDeep(open);
    this.#depth++;
    const inner = this.condition();
    this.#depth--;
    if (!inner.ok) return inner;
    const close = this.cursor.take(')');
    if (close === undefined) return this.cursor.unexpected('")"');
    const node = { ...inner.value, ...cover(open, close) };
    this.#closed.add(node);
    if (this.#isCompare(this.cursor.peek())) {
      const message = 'a condition in parentheses cannot be compared';
      return bad(this.cursor.peek(), message, 'leave out the parentheses around a single value');
    }
    return good(node);
  }

  #tooDeep(span: Span): Checked<Node> {
    return bad(span, `nested deeper than ${limits.ruleDepthMax} levels`);
  }

  #comparison(): Checked<Node> {
    const left = this.cursor.operand();
    if (!left.ok) return left;
    const sign = this.cursor.peek();
    if (!this.#isCompare(sign)) {
      return good({ kind: 'truth', operand: left.value, ...cover(left.value, left.value) });
    }
    this.cursor.next();
    const operator = sign.text as CompareOperator;
    const right = this.cursor.operand();
    if (!right.ok) return right;
    const fault = faultOf(left.value, operator, right.value);
    if (fault !== undefined) return { ok: false, problem: fault };
    if (this.#isCompare(this.cursor.peek())) {
      return bad(
        this.cursor.peek(),
        'a comparison cannot be compared again',
        'join two with "and"',
      );
    }
    const span = cover(left.value, right.value);
    return good({ kind: 'compare', operator, left: left.value, right: right.value, ...span });
  }

  #isCompare(token: Token): token is Token & { readonly kind: 'symbol' } {
    return token.kind === 'symbol' && COMPARE.has(token.text);
  }

  /** Something stands where the expression should end. */
  unexpectedEnd(rest: Token): Checked<Parsed> {
    const next = this.cursor.peek(1);
    const isNegated =
      rest.kind === 'symbol' && rest.text === 'not' && this.#isCompare(next) ? next.text : '';
    if (isNegated !== '') {
      return bad(rest, `there is no "not ${isNegated}"`, `write not (a ${isNegated} b)`);
    }
    return this.cursor.unexpected('"and", "or" or the end of the expression');
  }
}

function joined(kind: 'and' | 'or', operands: readonly Node[]): Node {
  const first = operands[0];
  if (operands.length === 1) return first;
  return { kind, operands, ...cover(first, operands[operands.length - 1]) };
}

/** What an operator cannot stand between. */
function faultOf(left: Operand, operator: CompareOperator, right: Operand): Problem | undefined {
  switch (operator) {
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const wrong = [left, right].find((operand) => !isNumeric(operand));
      const message = `"${operator}" compares numbers and fields`;
      const hint = wrong?.kind === 'call' ? 'put the comparison into the macro' : '';
      return wrong === undefined ? undefined : problemAt(wrong, message, hint);
    }
    case 'matches':
      return isPattern(right)
        ? undefined
        : problemAt(right, '"matches" wants a pattern', 'patterns stand between slashes: /^a/');
    case 'in':
      return right.kind === 'array' || isNetwork(right)
        ? undefined
        : problemAt(right, '"in" wants a list or a network', 'lists stand in brackets: ["a", "b"]');
    default:
      return undefined;
  }
}

function isNumeric(operand: Operand): boolean {
  if (operand.kind === 'field') return true;
  if (operand.kind !== 'literal') return false;
  return typeof operand.value === 'number' || typeof operand.value === 'bigint';
}

function isPattern(operand: Operand): boolean {
  if (operand.kind !== 'literal' || typeof operand.value !== 'object') return false;
  return operand.value !== null && operand.value.kind === 'pattern';
}
