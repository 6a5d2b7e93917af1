/** YAML text -> nodes with positions. Nothing here throws on what a file holds. */
import {
  type Alias,
  isAlias,
  isCollection,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';
import { type LiteralExpression, liftLiterals } from './literal-expressions.ts';
import { findExcess, type Position, type SyntaxProblem } from './yaml-bounds.ts';

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

/** What is mostly meant by what the parser says. */
const HINTS: Readonly<Record<string, string>> = {
  BLOCK_AS_IMPLICIT_KEY: 'begin a new line for each key, or quote a value that has ": " in it',
  BAD_INDENT: 'keys of one mapping begin in one column; brackets end inside of it',
  MISSING_CHAR: 'a key ends with ": "; quotes and brackets are closed where they belong',
  BAD_SCALAR_START: 'quote the value',
  UNEXPECTED_TOKEN: 'quote a value that has signs of YAML in it',
};

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
      return { message: firstLine(message), hint: HINTS[code] };
  }
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message;
}
