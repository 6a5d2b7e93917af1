/** Keys and values of a YAML mapping, with aliases followed and `<<` merged in. */
import { isAlias, isMap, isPair, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import { yamlLimits } from './yaml-bounds.ts';
import { startOf, type YamlDocument } from './yaml-document.ts';

export interface Entry {
  readonly key: string;
  readonly keyNode: Node;
  readonly value: Node;
}

export type AddProblem = (node: Node, message: string, hint?: string) => void;

/** Follows aliases, and bounds how often: one anchor can stand for a thousand values. */
export class Nodes {
  readonly #document: YamlDocument;
  readonly #problem: AddProblem;
  #values = 0;

  constructor(document: YamlDocument, problem: AddProblem) {
    this.#document = document;
    this.#problem = problem;
  }

  /** The node itself or what an alias stands for; undefined after a problem. */
  follow(node: Node): Node | undefined {
    this.#values++;
    if (this.#values === yamlLimits.valuesMax) {
      this.#problem(
        node,
        `more than ${yamlLimits.valuesMax} values, counting those behind anchors`,
      );
    }
    if (this.#values >= yamlLimits.valuesMax) return undefined;
    return isAlias(node) ? this.#target(node) : node;
  }

  #target(alias: Node & { readonly source: string }): Node | undefined {
    const target = isAlias(alias) ? this.#document.targetOf(alias) : undefined;
    if (target === undefined) {
      this.#problem(alias, `no anchor &${alias.source} before it`, 'quote text that begins with *');
      return undefined;
    }
    const at = startOf(alias);
    if (startOf(target) <= at && at < (target.range?.[2] ?? 0)) {
      this.#problem(alias, `the anchor &${alias.source} contains itself`);
      return undefined;
    }
    return target;
  }

  /** In the order of the file; those merged by `<<` come last and lose. */
  entries(mapping: YAMLMap): readonly Entry[] {
    const own = new Map<string, Entry>();
    const merged: Entry[] = [];
    for (const pair of mapping.items) {
      const entry = isPair(pair) ? this.#entry(pair.key, pair.value, mapping) : undefined;
      if (entry === undefined) continue;
      if (entry.key === '<<') merged.push(...this.#merge(entry.value));
      else if (own.has(entry.key))
        this.#problem(entry.keyNode, `key "${entry.key}" is there twice`);
      else own.set(entry.key, entry);
    }
    for (const entry of merged) if (!own.has(entry.key)) own.set(entry.key, entry);
    return [...own.values()];
  }

  #entry(key: unknown, value: unknown, mapping: YAMLMap): Entry | undefined {
    const keyNode = isScalar(key) ? key : undefined;
    if (keyNode === undefined) {
      this.#problem((key ?? mapping) as Node, 'a key must be a word');
      return undefined;
    }
    const text = typeof keyNode.value === 'string' ? keyNode.value : (keyNode.source ?? '');
    return { key: text, keyNode, value: (value ?? keyNode) as Node };
  }

  #merge(value: Node): readonly Entry[] {
    const node = this.follow(value);
    if (node === undefined) return [];
    if (isMap(node)) return this.entries(node);
    if (isSeq(node)) return node.items.flatMap((item) => this.#merge(item as Node));
    this.#problem(value, '<< takes a mapping', 'such as <<: *name');
    return [];
  }
}
