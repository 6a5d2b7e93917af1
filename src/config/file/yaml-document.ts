/**
 * YAML text -> nodes with positions, within bounds: of bytes, of tokens and of depth before
 * anything is composed (composing recurses), of values when they are read (read.ts), since one
 * anchor can stand for many. Nothing here throws on what a file holds.
 */
import {
  type Alias,
  isAlias,
  isCollection,
  isPair,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';
import { type LiteralExpression, liftLiterals } from './literal-expressions.ts';

export const yamlLimits = {
  /** Bytes of a file; the guides have 2 KB. */
  fileBytesMax: 1024 * 1024,
  /** Words, signs and line ends. */
  tokensMax: 200_000,
  /** Brackets inside brackets, or `- - -` on one line. */
  depthMax: 64,
  /** Values read, those behind anchors each time. */
  valuesMax: 100_000,
} as const;

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SyntaxProblem extends Position {
  readonly message: string;
  readonly hint: string | undefined;
}

export class YamlDocument {
  readonly source: string;
  readonly root: Node | null;
  readonly #lines: LineCounter;
  readonly #literals: ReadonlyMap<number, LiteralExpression>;
  readonly #targets = new Map<Alias, Node | undefined>();

  constructor(
    source: string,
    root: Node | null,
    lines: LineCounter,
    literals: readonly LiteralExpression[],
  ) {
    this.source = source;
    this.root = root;
    this.#lines = lines;
    this.#literals = new Map(literals.map((literal) => [literal.start, literal]));
    this.#findTargets(root, new Map());
  }

  positionAt(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** The expression that stands here literally although YAML would not read it so. */
  literalAt(node: Node): LiteralExpression | undefined {
    return this.#literals.get(startOf(node));
  }

  /** What an alias stands for: the last anchor of this name before it. */
  targetOf(alias: Alias): Node | undefined {
    return this.#targets.get(alias);
  }

  #findTargets(node: unknown, anchors: Map<string, Node>): void {
    if (isAlias(node)) this.#targets.set(node, anchors.get(node.source));
    else if (isPair(node)) {
      this.#findTargets(node.key, anchors);
      this.#findTargets(node.value, anchors);
    } else if (isCollection(node) || isScalar(node)) {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
      if (isCollection(node)) for (const item of node.items) this.#findTargets(item, anchors);
    }
  }
}

/** Offset of the value itself, behind its anchor and tag. */
export function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

export function endOf(node: Node): number {
  return node.range?.[1] ?? 0;
}

export function parseYaml(text: string): YamlDocument | SyntaxProblem {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const tooMuch = findExcess(source);
  if (tooMuch !== undefined) return tooMuch;
  const { yaml, literals } = liftLiterals(source);
  const lines = new LineCounter();
  const document = parseDocument(yaml, {
    lineCounter: lines,
    prettyErrors: false,
    // read.ts finds equal keys; doing it here takes the square of their number.
    uniqueKeys: false,
    // Not silent: a silent parser leaves out that there is a second document.
    logLevel: 'error',
  });
  const parsed = new YamlDocument(source, document.contents, lines, literals);
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem === undefined) return parsed;
  return { ...parsed.positionAt(problem.pos[0]), ...describe(problem) };
}

interface YamlProblem {
  readonly code: string;
  readonly message: string;
}

function describe({ code, message }: YamlProblem): { message: string; hint: string | undefined } {
  switch (code) {
    case 'TAB_AS_INDENT':
      return { message: 'a tab cannot indent in YAML', hint: 'use spaces' };
    case 'MULTIPLE_DOCS':
      return {
        message: 'a second document begins here',
        hint: 'one file is one document: remove ---',
      };
    case 'TAG_RESOLVE_FAILED':
      return {
        message: firstLine(message),
        hint: 'tags have no meaning here; quote text that begins with !',
      };
    case 'BAD_ALIAS':
      return { message: firstLine(message), hint: 'quote text that begins with & or *' };
    default:
      return { message: firstLine(message), hint: undefined };
  }
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message;
}

function findExcess(source: string): SyntaxProblem | undefined {
  const sizeBytes = Buffer.byteLength(source);
  if (sizeBytes > yamlLimits.fileBytesMax) {
    const message = `the file has ${sizeBytes} bytes; ${yamlLimits.fileBytesMax} are read at most`;
    return { line: 1, column: 1, message, hint: undefined };
  }
  return new ExcessFinder(source).find();
}

/** Tokens that mark something and have no text of their own. */
const MARKS = ['\x02', '\x18', '\x1f'];

class ExcessFinder {
  readonly #source: string;
  #offset = 0;
  #tokens = 0;
  #brackets = 0;
  #indicators = 0;
  /** Of the lines that the current one is inside of, increasing. */
  readonly #indents: number[] = [0];
  /** Of the current line; -1 behind its first word. */
  #indent = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** The lexer is lazy: what is too much is not read to its end. */
  find(): SyntaxProblem | undefined {
    for (const token of new Lexer().lex(this.#source)) {
      if (MARKS.includes(token)) continue;
      this.#tokens++;
      this.#count(token);
      const depth = this.#brackets + this.#indicators + this.#indents.length - 1;
      if (depth > yamlLimits.depthMax) {
        return this.#problem(`nested more than ${yamlLimits.depthMax} levels deep`);
      }
      if (this.#tokens > yamlLimits.tokensMax) {
        return this.#problem(`more than ${yamlLimits.tokensMax} words and signs`);
      }
      this.#offset += token.length;
    }
    return undefined;
  }

  #count(token: string): void {
    if (token === '\n' || token === '\r\n') {
      this.#indicators = 0;
      this.#indent = 0;
    } else if (this.#indent >= 0) this.#beginLine(token);
    if (token === '[' || token === '{') this.#brackets++;
    else if (token === ']' || token === '}') this.#brackets = Math.max(0, this.#brackets - 1);
    else if (token === '-' || token === '?') this.#indicators++;
  }

  #beginLine(token: string): void {
    if (/^ +$/.test(token)) {
      this.#indent += token.length;
      return;
    }
    while (this.#indent < (this.#indents.at(-1) ?? 0)) this.#indents.pop();
    if (this.#indent > (this.#indents.at(-1) ?? 0)) this.#indents.push(this.#indent);
    this.#indent = -1;
  }

  #problem(message: string): SyntaxProblem {
    const before = this.#source.slice(0, this.#offset);
    const line = before.split('\n').length;
    return { line, column: this.#offset - before.lastIndexOf('\n'), message, hint: undefined };
  }
}
