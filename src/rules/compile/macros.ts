/**
 * Macros: named expressions that other expressions call without arguments. Each is compiled once and
 * runs at most once per exchange, so that macros that call macros cannot multiply.
 */
import { limits } from '../../config/limits.ts';
import type { FieldRef, Schema } from '../fields/field.ts';
import { parse } from '../language/parser.ts';
import { type Checked, good, type Problem, problemAt, type Span } from '../language/problem.ts';
import type { Node, Operand } from '../language/syntax.ts';
import type { Value } from '../values/value.ts';
import { compileNode } from './condition.ts';
import { FUNCTIONS } from './functions.ts';
import { type Condition, once, type Scope, type Test } from './scope.ts';

export interface MacroSource {
  readonly name: string;
  readonly expr: string;
}

/** A problem of one macro: of its name when `isName`, else of its expression. */
export interface MacroProblem {
  readonly index: number;
  readonly isName: boolean;
  readonly problem: Problem;
}

export interface Macros {
  readonly nodes: ReadonlyMap<string, Node>;
  readonly schema: Schema;
  /** Names in an order in which each only calls those before it. */
  readonly order: readonly string[];
  readonly warnings: readonly MacroProblem[];
  /** A fresh compilation, for expressions that see the same fields as given. */
  scope(assumed: ReadonlyMap<string, Value>): Scope;
}

export type MacrosResult =
  | { readonly ok: true; readonly macros: Macros }
  | { readonly ok: false; readonly problems: readonly MacroProblem[] };

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NOTHING: ReadonlyMap<string, Value> = new Map();

/** Every macro is checked; all problems come together. */
export function compileMacros(sources: readonly MacroSource[], schema: Schema): MacrosResult {
  const problems: MacroProblem[] = [];
  const warnings: MacroProblem[] = [];
  const nodes = new Map<string, Node>();
  const indices = new Map<string, number>();
  for (const [index, { name, expr }] of sources.entries()) {
    const fault = index < limits.ruleMacrosMax ? nameFault(name, nodes) : tooMany(name);
    if (fault !== undefined) problems.push({ index, isName: true, problem: fault });
    const parsed = parse(expr);
    if (!parsed.ok) problems.push({ index, isName: false, problem: parsed.problem });
    if (!parsed.ok || fault !== undefined) continue;
    nodes.set(name, parsed.value.node);
    indices.set(name, index);
    for (const problem of parsed.value.warnings) warnings.push({ index, isName: false, problem });
  }
  const indexOf = (name: string): number => indices.get(name) ?? 0;
  const order = sorted(nodes, (name, problem) =>
    problems.push({ index: indexOf(name), isName: false, problem }),
  );
  if (problems.length > 0) return { ok: false, problems };
  const macros = build(nodes, order, schema, warnings);
  const faults = checkAll(macros, indexOf, warnings);
  return faults.length > 0 ? { ok: false, problems: faults } : { ok: true, macros };
}

export function withoutMacros(schema: Schema): Macros {
  return build(new Map(), [], schema, []);
}

function tooMany(name: string): Problem {
  const span = { offset: 0, length: name.length };
  return problemAt(span, `there are at most ${limits.ruleMacrosMax} macros`);
}

function nameFault(name: string, known: ReadonlyMap<string, Node>): Problem | undefined {
  const span = { offset: 0, length: name.length };
  if (!NAME.test(name))
    return problemAt(span, `"${name}" is no name for a macro`, 'letters, digits and _');
  if (FUNCTIONS.has(name)) return problemAt(span, `"${name}" is the name of a function`);
  return known.has(name) ? problemAt(span, `macro "${name}" is defined twice`) : undefined;
}

/** Called macros first; a ring is reported at the call that closes it. */
function sorted(
  nodes: ReadonlyMap<string, Node>,
  report: (name: string, problem: Problem) => void,
): string[] {
  const order: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  // Frames instead of recursion: a thousand macros may call one another in a row.
  for (const root of nodes.keys()) {
    const frames = [{ name: root, calls: callsOf(nodes.get(root)), at: 0 }];
    if (state.has(root)) continue;
    state.set(root, 'open');
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      const call = frame.calls[frame.at++];
      if (call === undefined) {
        state.set(frame.name, 'done');
        order.push(frame.name);
        frames.pop();
      } else if (state.get(call.name) === 'open') {
        const ring = frames.slice(frames.findIndex(({ name }) => name === call.name));
        const path = [...ring.map(({ name }) => name), call.name].join(' -> ');
        report(frame.name, problemAt(call, `macros call one another in a ring: ${path}`));
      } else if (!state.has(call.name) && nodes.has(call.name)) {
        state.set(call.name, 'open');
        frames.push({ name: call.name, calls: callsOf(nodes.get(call.name)), at: 0 });
      }
    }
  }
  return order;
}

type NamedCall = Span & { readonly name: string };

function callsOf(node: Node | undefined): NamedCall[] {
  if (node === undefined) return [];
  switch (node.kind) {
    case 'and':
    case 'or':
      return node.operands.flatMap(callsOf);
    case 'not':
      return callsOf(node.operand);
    case 'truth':
      return callsIn(node.operand);
    case 'compare':
      return [...callsIn(node.left), ...callsIn(node.right)];
  }
}

function callsIn(operand: Operand): NamedCall[] {
  if (operand.kind !== 'call') return [];
  return [operand, ...operand.arguments.flatMap(callsIn)];
}

function build(
  nodes: ReadonlyMap<string, Node>,
  order: readonly string[],
  schema: Schema,
  warnings: readonly MacroProblem[],
): Macros {
  const plain = new MacroCompiler(nodes, order, schema, NOTHING);
  const scope = (assumed: ReadonlyMap<string, Value>): Scope => {
    // What is taken for granted changes what macros compile to.
    const isPlain = assumed.size === 0;
    return (isPlain ? plain : new MacroCompiler(nodes, order, schema, assumed)).scope();
  };
  return { nodes, schema, order, warnings, scope };
}

/** Compiles macros when they are first called, and keeps them. */
class MacroCompiler {
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #parts: Omit<Scope, 'macro' | 'fields' | 'warnings'>;
  readonly #kept = new Map<string, { readonly condition: Condition; readonly scope: Scope }>();

  constructor(
    nodes: ReadonlyMap<string, Node>,
    macroNames: readonly string[],
    schema: Schema,
    assumed: ReadonlyMap<string, Value>,
  ) {
    this.#nodes = nodes;
    this.#parts = { schema, macroNames, assumed, shared: new Map<string, Test>() };
  }

  /** For one expression; its macros are shared with all others. */
  scope(): Scope {
    const fields = new Map<string, FieldRef>();
    return {
      ...this.#parts,
      fields,
      warnings: [],
      macro: (name) => {
        const kept = this.#macro(name);
        for (const [key, ref] of kept?.scope.fields ?? []) fields.set(key, ref);
        return kept?.condition;
      },
    };
  }

  #macro(name: string): { readonly condition: Condition; readonly scope: Scope } | undefined {
    const known = this.#kept.get(name);
    const node = this.#nodes.get(name);
    if (known !== undefined || node === undefined) return known;
    const scope = this.scope();
    const compiled = compileNode(node, scope);
    if (!compiled.ok) return undefined;
    const condition = { ...compiled.value, test: once(compiled.value.test) };
    const kept = { condition, scope };
    this.#kept.set(name, kept);
    return kept;
  }
}

/** Compiles every macro, in order, for its problems. */
function checkAll(
  macros: Macros,
  indexOf: (name: string) => number,
  warnings: MacroProblem[],
): MacroProblem[] {
  const problems: MacroProblem[] = [];
  for (const name of macros.order) {
    const node = macros.nodes.get(name);
    const scope = macros.scope(NOTHING);
    const checked: Checked<unknown> = node === undefined ? good(null) : compileNode(node, scope);
    const index = indexOf(name);
    if (!checked.ok) problems.push({ index, isName: false, problem: checked.problem });
    for (const problem of scope.warnings) warnings.push({ index, isName: false, problem });
  }
  return problems;
}
