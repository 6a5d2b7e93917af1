/**
 * What is too much of YAML, found before anything is composed: composing recurses, and takes its
 * time. One anchor can stand for many values, so those are counted when they are read (entries.ts).
 */
import { Lexer } from 'yaml';
import { MIB } from './units.ts';

export const yamlLimits = {
  /** Bytes of a file; the guides have 2 KB. */
  fileBytesMax: MIB,
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

export function findExcess(source: string): SyntaxProblem | undefined {
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
