/** What the readers of values share: the document, where values stand, and what is wrong. */
import type { Node } from 'yaml';
import type { Environment } from '../environment.ts';
import { Nodes } from './entries.ts';
import type { Problem } from './problem.ts';
import type { AnySchema } from './schema.ts';
import type { Position } from './yaml-bounds.ts';
import { startOf, type YamlDocument } from './yaml-document.ts';

/** Text of the file that has a grammar of its own. */
export interface Grammatical {
  readonly format: 'expression' | 'regex';
  readonly text: string;
  readonly path: string;
  readonly node: Node;
}

export interface ReadOptions {
  readonly file: string;
  readonly environment: Environment;
  /** Whether a variable that is not set is an error or a warning. */
  readonly unsetVariable: Problem['severity'];
}

/** The value of a node; undefined after a problem. Given in, since values contain values. */
export type ReadValue = (
  context: ReadContext,
  schema: AnySchema,
  node: Node,
  path: string,
) => unknown;

/** Of errors and of warnings: nobody reads more, and each costs time and memory. */
export const PROBLEMS_MAX = 100;

export class ReadContext {
  readonly document: YamlDocument;
  readonly options: ReadOptions;
  readonly nodes: Nodes;
  readonly problems: Problem[] = [];
  readonly positions = new Map<string, Position>();
  readonly grammatical: Grammatical[] = [];
  /** So far. */
  errors = 0;
  #warnings = 0;
  readonly #readValue: ReadValue;
  /** Where the reader is, for problems that aliases and keys have. */
  #path = '';

  constructor(document: YamlDocument, options: ReadOptions, readValue: ReadValue) {
    this.document = document;
    this.options = options;
    this.#readValue = readValue;
    this.nodes = new Nodes(document, (node, message, hint) =>
      this.problem('error', this.#path, node, message, hint),
    );
  }

  /** Notes where the value stands, follows an alias, reads. */
  value(schema: AnySchema, given: Node, path: string): unknown {
    this.enter(path);
    this.positions.set(path, this.document.positionAt(startOf(given)));
    const node = this.nodes.follow(given);
    return node === undefined ? undefined : this.#readValue(this, schema, node, path);
  }

  enter(path: string): void {
    this.#path = path;
  }

  error(path: string, node: Node, message: string, hint?: string): void {
    this.problem('error', path, node, message, hint);
  }

  problem(
    severity: Problem['severity'],
    path: string,
    node: Node,
    message: string,
    hint?: string,
  ): void {
    if (severity === 'error') this.errors++;
    else this.#warnings++;
    const count = severity === 'error' ? this.errors : this.#warnings;
    if (count > PROBLEMS_MAX + 1) return;
    const { line, column } = this.document.positionAt(startOf(node));
    const place = { file: this.options.file, line, column };
    if (count <= PROBLEMS_MAX) {
      this.problems.push({ severity, path, ...place, message, hint });
    } else {
      const rest = `more than ${PROBLEMS_MAX} ${severity}s; those from here on are not listed`;
      this.problems.push({ severity, path: '', ...place, message: rest, hint: undefined });
    }
  }
}
